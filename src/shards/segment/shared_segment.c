/* shared_segment.c -- how a segment is shared, in two steps, because rows die meanwhile: first the
 * rows, then the alive bits. Also the announcements of unsealed rows. */
#include "shards/segment/shared_segment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int call_others(struct store *store, enum store_call kind, store_call_fn fn, void *call)
{
    const struct store_hooks *hooks = &store->options.hooks;
    return store->options.reactors > 1 ? hooks->call(STORE_ALL_OTHERS, kind, fn, call, hooks->arg) : 0;
}

int shard_take_share(struct shard *s, const struct segment *of, struct segment **ret)
{
    *ret = shard_find_segment(s, of->id);
    if (*ret)
        return 0; /* an earlier attempt to share it ended half way */
    struct segment *g;
    int rc = segment_share(of, &g);
    if (rc < 0)
        return rc;
    rc = shard_add_segment(s, g);
    if (rc < 0)
        segment_destroy(g);
    else
        *ret = g;
    return rc;
}

/* -- at a start -- */

struct shared_list {
    uint32_t count;
    struct {
        uint64_t collection;
        const struct segment *segment;
    } items[];
};

static int take_shared_list(struct store *store, void *call)
{
    const struct shared_list *list = call;
    for (uint32_t i = 0; i < list->count; i++) {
        struct shard *s = store_shard(store, list->items[i].collection);
        struct segment *g;
        int rc = s ? shard_take_share(s, list->items[i].segment, &g) : -ENOENT;
        if (rc < 0)
            return rc;
        /* no reactor serves before all reactors have it */
        g->searched = g->sharing.everywhere = true;
        fiber_checkpoint();
    }
    return 0;
}

int store_share(struct store *store)
{
    uint32_t count = 0;
    for (const struct shard *s = store->shards; s; s = s->next)
        count += s->segment_count;
    struct shared_list *list = malloc(sizeof(*list) + count * sizeof(list->items[0]));
    if (!list)
        return -ENOMEM;
    list->count = 0;
    for (const struct shard *s = store->shards; s; s = s->next)
        for (uint32_t i = 0; i < s->segment_count; i++) {
            struct segment *g = s->segments[i];
            if (!g || g->sharing.remote)
                continue; /* another reactor has shared it already */
            g->sharing.seq = 0;
            g->searched = g->sharing.everywhere = true;
            list->items[list->count].collection = s->config.id;
            list->items[list->count++].segment = g;
        }
    int rc = list->count ? call_others(store, STORE_STEP, take_shared_list, list) : 0;
    free(list);
    return rc;
}

/* -- a segment that was just sealed -- */

struct share {
    uint64_t collection, number;
    unsigned owner;
    const struct segment *segment;
    const uint64_t *alive; /* NULL in the first step */
};

static void take_deaths(struct segment *g, const uint64_t *alive)
{
    for (uint32_t row = 0; row < g->rows.count; row++) {
        if (!bits_test(alive, row))
            segment_delete_row(g, row);
        if (row % 4096 == 0)
            fiber_checkpoint();
    }
}

static int note_share(struct shard *s, const struct share *share)
{
    if (!s->share_seqs)
        s->share_seqs = calloc(s->store->options.reactors, sizeof(*s->share_seqs));
    if (!s->share_seqs)
        return -ENOMEM;
    s->share_seqs[share->owner] = share->number;
    return 0;
}

static int take_sealed(struct store *store, void *call)
{
    const struct share *share = call;
    struct shard *s = store_shard(store, share->collection);
    if (!s || gate_enter(&s->gate) < 0)
        return 0; /* the collection was dropped */
    struct segment *g;
    int rc = shard_take_share(s, share->segment, &g);
    if (rc == 0 && share->alive && !g->searched) {
        take_deaths(g, share->alive);
        /* without a wait in between: from here on this reactor searches it, and the owner does not
         * search it for this reactor */
        rc = note_share(s, share);
        g->searched = rc == 0;
    }
    gate_leave(&s->gate);
    return rc;
}

static int settle(struct store *store, void *call)
{
    const struct share *share = call;
    struct shard *s = store_shard(store, share->collection);
    struct segment *g = s ? shard_find_segment(s, share->segment->id) : NULL;
    if (g)
        g->sharing.everywhere = true;
    if (s)
        shard_changed(s);
    return 0;
}

/* Takes the first step, then copies the alive bits. Deaths after that reach all
 * reactors as remote deletes. */
static int share_rows(struct share *share, struct shard *s, const struct segment *g, uint64_t **ret_alive)
{
    int rc = call_others(s->store, STORE_STEP, take_sealed, share);
    if (rc < 0)
        return rc;
    size_t bytes = (bits_words(g->rows.count) + 1) * sizeof(uint64_t);
    uint64_t *alive = memory_aligned(bytes);
    if (!alive)
        return -ENOMEM;
    memcpy(alive, g->rows.alive, bytes);
    *ret_alive = alive;
    return 0;
}

int shard_share(struct shard *s, struct segment *g)
{
    struct store *store = s->store;
    const struct store_hooks *hooks = &store->options.hooks;
    struct share share = {.collection = s->config.id, .owner = store->options.reactor, .segment = g};
    unsigned merger = (unsigned)(s->config.id % store->options.reactors);
    uint64_t *alive = NULL;
    int rc = store->options.reactors > 1 ? share_rows(&share, s, g, &alive) : 0;
    if (rc == 0) {
        if (g->sharing.seq == SHARE_SEQ_NONE)
            g->sharing.seq = ++s->share_seq;
        share.number = g->sharing.seq;
        share.alive = alive;
        rc = call_others(store, STORE_STEP, take_sealed, &share);
    }
    if (rc == 0 && merger != store->options.reactor)
        rc = hooks->call(merger, STORE_NOTICE, settle, &share, hooks->arg);
    g->sharing.everywhere = rc == 0;
    free(alive);
    return rc;
}

int shard_share_rest(struct shard *s)
{
    /* in the order of their births: a reactor that has share n has all earlier ones */
    struct segment *next = NULL;
    for (uint32_t i = 0; i < s->segment_count; i++) {
        struct segment *g = s->segments[i];
        if (g && g->state == SEGMENT_SEALED && g->searched && !g->sharing.remote && !g->sharing.everywhere &&
            (!next || g->birth < next->birth))
            next = g;
    }
    if (!next)
        return 0;
    segment_hold(next);
    int rc = shard_share(s, next);
    segment_let_go(next);
    if (rc == 0)
        event_notify_all(&s->store->sealing_ended);
    return rc < 0 ? rc : 1;
}

/* -- which reactors a search has to ask -- */

struct unsealed_call {
    uint64_t collection;
    unsigned reactor;
    bool some;
};

static int note_unsealed(struct store *store, void *call)
{
    const struct unsealed_call *c = call;
    struct shard *s = store_shard(store, c->collection);
    if (s && c->some)
        bits_set(s->unsealed_at, c->reactor);
    else if (s)
        bits_clear(s->unsealed_at, c->reactor);
    return 0;
}

static int announce(struct shard *s, bool some)
{
    struct unsealed_call c = {s->config.id, s->store->options.reactor, some};
    s->unsealed = UNSEALED_CHANGING;
    int rc = call_others(s->store, STORE_NOTICE, note_unsealed, &c);
    s->unsealed =
        /* also after a failure: the next write announces it again */
        rc == 0 && some ? UNSEALED_SOME : UNSEALED_NONE;
    event_notify_all(&s->unsealed_changed);
    return rc;
}

int shard_announce_unsealed(struct shard *s)
{
    while (s->unsealed == UNSEALED_CHANGING)
        event_wait(&s->unsealed_changed);
    return s->unsealed == UNSEALED_SOME ? 0 : announce(s, true);
}

static bool has_unsealed(const struct shard *s)
{
    if (s->writes || s->unapplied)
        return true;
    for (uint32_t i = 0; i < s->segment_count; i++) {
        const struct segment *g = s->segments[i];
        if (g && ((g->state != SEGMENT_SEALED && g->rows.count) ||
                  (!g->sharing.remote && g->searched && !g->sharing.everywhere)))
            return true;
    }
    return false;
}

bool shard_announce_sealed(struct shard *s)
{
    if (s->unsealed != UNSEALED_SOME || has_unsealed(s))
        return false;
    return announce(s, false) == 0;
}
