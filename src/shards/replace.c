/* replace.c -- segments that another reactor searches were merged: rows at home here are in the new one from now on. */
#include "shards/merge.h"

static bool is_replaced(const struct replacement *r, const struct segment *g)
{
    for (uint32_t i = 0; g && g->id && i < r->old_count; i++)
        if (g->id == r->old[i])
            return true;
    return false;
}

static bool any_replaced(const struct shard *s, const struct replacement *r)
{
    for (uint32_t i = 0; i < s->segment_count; i++)
        if (is_replaced(r, s->segments[i]))
            return true;
    return false;
}

static int open_fresh(struct shard *s, const struct replacement *r)
{
    char path[PATH_TEXT_MAX];
    struct segment *g;
    if (r->fresh.id == 0)
        return 0;
    int rc = store_segment_path(s->store, r->fresh.id, path);
    if (rc == 0)
        rc = segment_open(path, &s->config, &r->fresh, false, &g, NULL);
    if (rc < 0)
        return rc;
    rc = shard_add_segment(s, g);
    if (rc < 0) {
        segment_destroy(g);
        return rc;
    }
    merge_repoint(s, g);
    return 0;
}

int store_replace(struct store *store, const struct replacement *r)
{
    struct shard *s = store_shard(store, r->collection);
    if (!s || gate_enter(&s->gate) < 0)
        return 0; /* dropped */
    int rc = 0;
    if (any_replaced(s, r)) {
        rc = open_fresh(s, r);
        for (uint32_t i = 0; rc == 0 && i < s->segment_count; i++)
            if (is_replaced(r, s->segments[i]))
                shard_remove_segment(s, s->segments[i]);
        if (rc == 0)
            burials_drain(store);
    }
    gate_leave(&s->gate);
    return rc;
}
