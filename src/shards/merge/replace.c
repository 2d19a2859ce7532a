/* replace.c -- the part of a merge on the other reactors: add the new segment as a shared one,
 * swap, move the entries of the id map, and free the old segments. */
#include "shards/merge/replace.h"
#include "shards/merge/merge.h"
#include "shards/segment/segment_install.h"
#include "shards/segment/shared_segment.h"

#define LOOK_NS ((uint64_t)50000) /* between two checks whether searches still hold a segment */

/* -- sharing and swapping -- */

/* Marks rows that are dead in an old segment as dead in the new one. The successor is set before,
 * so deaths during the pauses are noted in both. */
static void take_deaths(const struct segment *old, const struct replaced_segment *r, struct segment *fresh)
{
    for (uint32_t row = 0; row < old->rows.count; row++) {
        if (!bits_test(old->rows.alive, row) && r->rows[row] != ROW_NONE)
            segment_delete_row(fresh, r->rows[row]);
        if (row % 4096 == 0)
            fiber_checkpoint();
    }
}

/* Does not wait, so a search sees either the old segments or the new one. */
static void switch_over(struct shard *s, const struct replacement *r, struct segment *fresh)
{
    struct segment *old[MERGE_INPUTS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->old_count; i++) {
        old[count] = shard_find_segment(s, r->old[i].id);
        count += old[count] != NULL;
    }
    segment_install_swap(fresh, old, count);
    if (fresh)
        fresh->sharing.everywhere = true;
    s->merges = r->number;
}

static int take(struct shard *s, const struct replacement *r)
{
    struct segment *fresh;
    if (!r->fresh)
        return 0;
    int rc = shard_take_share(s, r->fresh, &fresh);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < r->old_count; i++) {
        struct segment *old = shard_find_segment(s, r->old[i].id);
        if (!old)
            continue;
        segment_set_successor(old, fresh, (uint32_t *)r->old[i].rows); /* only read here */
        old->succession.rows_shared = true;
        take_deaths(old, &r->old[i], fresh);
    }
    return 0;
}

static void swap(struct shard *s, const struct replacement *r)
{
    struct segment *fresh = r->fresh ? shard_find_segment(s, r->fresh->id) : NULL;
    if (s->merges >= r->number)
        return; /* done before; the step is repeated because it failed on another reactor */
    switch_over(s, r, fresh);
    if (fresh)
        replace_repoint(s, fresh);
    replace_forget(s, r);
    remote_deletes_drain(s->store);
}

/* Moves the entries of one table that name a segment which fresh replaces. The map may
 * grow during the pauses. */
static void repoint_entries(struct shard *s, const struct id_table *t, const struct segment *fresh)
{
    for (size_t i = 0; t->entries && i <= t->mask; i++) {
        struct id_entry *e = &t->entries[i];
        const struct segment *g = e->version && e->segment != ID_MAP_DELETED ? s->segments[e->segment] : NULL;
        if (g && g->succession.successor == fresh && g->succession.rows && g->succession.rows[e->row] != ROW_NONE)
            *e = (struct id_entry){e->id, e->version, fresh->handle, g->succession.rows[e->row]};
        if (i % 1024 == 0)
            fiber_checkpoint();
    }
}

/* Moves all entries without reading the file. An entry that goes from the old table to the new
 * one meanwhile was moved before, or is met in the new table. If a new table was made
 * meanwhile, starts again. */
static void repoint_all(struct shard *s, const struct segment *fresh)
{
    size_t mask;
    do {
        mask = s->ids.now.mask;
        repoint_entries(s, &s->ids.old, fresh);
        repoint_entries(s, &s->ids.now, fresh);
    } while (s->ids.now.mask != mask);
}

void replace_repoint(struct shard *s, const struct segment *g)
{
    uint64_t offset;
    for (uint32_t row = 0; row < g->rows.count; row++) {
        id_map_move(&s->ids, segment_id_at(g, row), segment_version_at(g, row), g->handle, row);
        if (row % 64 == 0)
            fiber_checkpoint();
    }
    if (mapping_lost(&g->mapping, &offset)) /* ids of some rows were read as zeros */
        repoint_all(s, g);
}

void replace_forget(struct shard *s, const struct replacement *r)
{
    for (uint32_t i = 0; i < r->dropped_count; i++) {
        id_map_forget(&s->ids, r->dropped[i].id, r->dropped[i].version);
        if (i % 64 == 0)
            fiber_checkpoint();
    }
}

/* -- letting go -- */

void replace_wait_unread(const struct segment *g, uint32_t holders)
{
    while (g->users > holders)
        fiber_sleep_ns(LOOK_NS);
}

void replace_free(struct shard *s, struct segment *g)
{
    replace_wait_unread(g, 0);
    shard_remove_segment(s, g);
}

static void let_go(struct shard *s, const struct replacement *r)
{
    for (uint32_t i = 0; i < r->old_count; i++) {
        struct segment *old = shard_find_segment(s, r->old[i].id);
        if (old && old->sharing.remote == (r->step == REPLACE_FREE))
            replace_free(s, old);
    }
}

int store_replace(struct store *store, void *call)
{
    const struct replacement *r = call;
    struct shard *s = store_shard(store, r->collection);
    if (!s || gate_enter(&s->gate) < 0)
        return 0; /* the collection was dropped */
    int rc = 0;
    switch (r->step) {
    case REPLACE_SHARE: rc = take(s, r); break;
    case REPLACE_SWAP: swap(s, r); break;
    case REPLACE_FREE:
    case REPLACE_END: let_go(s, r); break;
    }
    gate_leave(&s->gate);
    return rc;
}
