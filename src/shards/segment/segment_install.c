/* segment_install.c -- the steps that sealing, merging and the other reactors' part of a merge have
 * in common. A crash before the commit leaves the old segments, and a file that the next start
 * removes. A crash after it leaves the new segment. */
#include "shards/segment/segment_install.h"

#include <errno.h>
#include <string.h>

static int write_regions(struct segment_install *in, struct container_writer *w)
{
    int rc = segment_write_columns(w, &in->shard->config, in->file.id, &in->source, in->pause, &in->file.version_min);
    return rc == 0 && in->source.rows ? in->write_index(in, w) : rc;
}

int segment_install_write(struct segment_install *in)
{
    struct store *store = in->shard->store;
    struct container_writer *w;
    uint64_t bytes;
    in->file.id = store_next_segment_id(store);
    in->file.collection = in->shard->config.id;
    in->file.rows = in->source.rows;
    in->file.tombstones = in->source.tombstone_count;
    in->file.version_max = in->source.version_max;
    int rc = store_segment_path(store, in->file.id, in->path);
    if (rc == 0)
        rc = container_create(in->path, &w);
    if (rc < 0)
        return rc;
    rc = write_regions(in, w);
    if (rc == 0)
        return store_finish_container(store, w, &bytes);
    container_abandon(w);
    return rc;
}

int segment_install_commit(struct shard *s, const struct manifest_edit *edit)
{
    const struct store_hooks *hooks = &s->store->options.hooks;
    int rc = hooks->commit(edit, hooks->arg);
    if (rc == -ENOENT)
        shard_note_dropped(s);
    return rc;
}

void segment_install_alive(struct segment *fresh, const struct segment *from)
{
    if (fresh->rows.count)
        memcpy(fresh->rows.alive, from->rows.alive, bits_words(fresh->rows.count) * sizeof(uint64_t));
    fresh->rows.dead = from->rows.dead;
}

void segment_install_swap(struct segment *fresh, struct segment *const *old, uint32_t count)
{
    uint64_t birth = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct segment *g = old[i];
        g->searched = false;
        birth = g->birth > birth ? g->birth : birth;
        if (!fresh)
            continue;
        segment_set_successor(g, fresh, g->succession.rows);
        fresh->log.past = g->log.past > fresh->log.past ? g->log.past : fresh->log.past;
    }
    if (fresh) {
        /* so a search that has searched the old segments does not search this one,
         * too (hold_segments()) */
        fresh->birth = birth;
        fresh->searched = true;
    }
}
