/* segment_install.h -- the steps to a new sealed segment: its file is written and committed to the
 * manifest, and the segment takes the place of older ones.
 *
 * Sealing and merging both use them. They differ in the source of the rows, in the function
 * that writes the index, and in what else the edit of the manifest says. The other reactors
 * only take the last step, with their shared segment (replace.c). Everything runs on the
 * reactor of the shard. */
#pragma once

#include "shards/segment/segment_file.h"
#include "shards/shard.h"

struct segment_install {
    struct shard *shard;
    struct segment_source source;
    /* id 0: no file is written. The caller fills in owners and owner */
    struct manifest_segment file;
    char path[PATH_TEXT_MAX];  /* of the file, when it has an id */
    const struct pause *pause; /* may end the write */
    /* Writes the index behind the columns. Not called when there are no rows. */
    int (*write_index)(struct segment_install *in, struct container_writer *w);
};

/* Gives the file an id, writes columns, index and directory, flushes and renames it. A failure
 * leaves no file. Waits. */
MUST_USE int segment_install_write(struct segment_install *in);
/* Makes the edit durable. -ENOENT: the collection was dropped; the shard notes that. After another
 * failure the edit may be on the disk all the same, so the caller must keep the file. Waits. */
MUST_USE int segment_install_commit(struct shard *s, const struct manifest_edit *edit);
/* Puts fresh in the place of the old segments for all later searches. It takes over the highest
 * birth and log.past of them. NULL: no row of them is left. Never waits, so a search finds the
 * old segments or fresh. */
void segment_install_swap(struct segment *fresh, struct segment *const *old, uint32_t count);
/* Copies the alive bits of `from`, which has as many rows as fresh. */
void segment_install_alive(struct segment *fresh, const struct segment *from);
