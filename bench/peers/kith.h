/* kith.h -- inside the Kith peer: an index grown as a shard grows it, then sealed and opened as a
 * shard opens a sealed segment. */
#pragma once

#include "index/segment_index.h"
#include "peers/peer.h"

/* An index that grows, over vectors in a column of padded rows. */
struct grown {
    struct segment_index *index;
    struct rows vectors;
    uint8_t *column; /* what vectors points to */
    size_t column_bytes;
};
/* Grown and finished as the variant says. Variants share a graph: it is kept until the next call
 * that needs another, or kith_forget(). NULL when there is no memory. */
const struct grown *kith_grow(const struct peer_build *b);
void kith_forget(void);

/* A sealed index in a file that is mapped; its vectors stay there. */
struct sealed {
    struct segment_index *index;
    struct rows vectors;
    uint8_t *file, *column; /* mapped; where in it the vectors are */
    size_t file_bytes, vectors_bytes, regions_bytes;
};
/* Writes what was grown to a file without a name, in $TMPDIR or /tmp, and opens it.
 * -1 after saying why. */
MUST_USE int sealed_init(const struct grown *g, const struct peer_build *b, struct sealed *ret);
void sealed_fini(struct sealed *s);
