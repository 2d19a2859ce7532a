/* kith.h -- internal to the Kith peer: an index grown like that of a shard, then sealed and opened
 * like a sealed segment. */
#pragma once

#include "index/segment_index.h"
#include "peers/peer.h"

/* A growing index over vectors in a column of padded rows. */
struct grown {
    struct segment_index *index;
    struct rows vectors;
    uint8_t *column; /* storage of `vectors` */
    size_t column_bytes;
};
/* Grows and finishes an index for the variant. Variants share a graph, which is kept until the next
 * call that needs another one, or kith_forget(). NULL without memory. */
const struct grown *kith_grow(const struct peer_build *b);
void kith_forget(void);

/* A sealed index in a mapped file, where its vectors stay. */
struct sealed {
    struct segment_index *index;
    struct rows vectors;
    uint8_t *file, *column; /* the mapping, and the position of the vectors in it */
    size_t file_bytes, vectors_bytes, regions_bytes;
};
/* Writes the grown index to an unnamed file in $TMPDIR or /tmp, and opens it. -1 after printing an
 * error. */
MUST_USE int sealed_init(const struct grown *g, const struct peer_build *b, struct sealed *ret);
void sealed_fini(struct sealed *s);
