/* segment_install.h -- a new sealed segment: its file is written, committed to the manifest, and
 * the segment takes the place of older ones.
 *
 * Sealing and merging differ in where the rows come from, in who writes the index, and in what the
 * edit of the manifest says besides. The other reactors take the last step alone, with their share
 * of the new segment (replace.c). Everything runs on the reactor of the shard. */
#pragma once

#include "shards/segment/segment_file.h"
#include "shards/shard.h"

struct segment_install {
    struct shard *shard;
    struct segment_source source;
    /* id 0: nothing is written. The caller fills in owners and owner */
    struct manifest_segment file;
    char path[PATH_TEXT_MAX];  /* of the file, once it has an id */
    const struct pause *pause; /* may end the writing */
    /* Writes the index behind the columns; not called when there are no rows. */
    int (*write_index)(struct segment_install *in, struct container_writer *w);
};

/* Gives the file an id and writes it: columns, index, directory; flushed and renamed. After a
 * failure nothing is left but an id that no file has. Waits. */
MUST_USE int segment_install_write(struct segment_install *in);
/* Makes the edit durable. -ENOENT: the collection was dropped, which the shard notes. After another
 * failure the edit may have reached the disk all the same, so the file cannot be given up.
 * Waits. */
MUST_USE int segment_install_commit(struct shard *s, const struct manifest_edit *edit);
/* fresh takes the place of the old segments for all later searches: in their age, with their place
 * in the log. NULL: nothing is left of them. Never waits, so a search finds the old ones or
 * fresh. */
void segment_install_swap(struct segment *fresh, struct segment *const *old, uint32_t count);
/* The rows of fresh that are alive are those of `from`, which has as many rows. */
void segment_install_alive(struct segment *fresh, const struct segment *from);
