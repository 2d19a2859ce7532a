/* merge_tombstones.c -- a merge drops a tombstone when it deletes nothing any more. The test is by
 * owner: no row of any id of that owner with a lower version is left in another segment or in the
 * log. Each owner is asked, because the merged segments have tombstones of all owners. */
#include "shards/merge/merge.h"

#include <errno.h>
#include <stdlib.h>

struct tombstone_question {
    uint64_t collection;
    const uint64_t *inputs;
    uint32_t input_count;
    /* [reactors]: tombstones of that owner above this version are kept, the others are dropped */
    uint64_t *above;
};

static bool is_input(const struct tombstone_question *q, const struct segment *g)
{
    for (uint32_t i = 0; i < q->input_count; i++)
        if (q->inputs[i] == g->id)
            return true;
    return false;
}

/* Sets above[] of this reactor to the lowest version of its unsealed rows. Sets it to 0, so that
 * all are kept, if a start could read from the log an older record than a tombstone of an input,
 * and not the deletion. */
static int answer(struct store *store, void *call)
{
    const struct tombstone_question *q = call;
    const struct shard *s = store_shard(store, q->collection);
    uint64_t *above = &q->above[store->options.reactor];
    *above = s ? UINT64_MAX : 0;
    for (uint32_t i = 0; s && i < s->segment_count; i++) {
        const struct segment *g = s->segments[i];
        if (g && g->state != SEGMENT_SEALED && g->rows.version_min < *above)
            *above = g->rows.version_min;
        else if (g && g->id && is_input(q, g) && g->log.past > store->log_start)
            *above = 0;
    }
    return 0;
}

/* Asks every owner about its unsealed rows, then the manifest about sealed ones. In this order,
 * rows that are sealed in between are counted twice, and not missed. */
static int ask_owners(const struct shard *s, const struct merge_choice *choice, uint64_t *above)
{
    struct store *store = s->store;
    uint64_t ids[MERGE_INPUTS_MAX];
    const struct store_hooks *hooks = &store->options.hooks;
    struct tombstone_question q = {s->config.id, ids, choice->count, above};
    for (uint32_t i = 0; i < choice->count; i++)
        ids[i] = choice->inputs[i]->id;
    int rc = answer(store, &q);
    if (rc == 0 && store->options.reactors > 1)
        rc = hooks->call(STORE_ALL_OTHERS, STORE_NOTICE, answer, &q, hooks->arg);
    for (unsigned owner = 0; rc == 0 && owner < store->options.reactors; owner++) {
        uint64_t oldest;
        rc = above[owner] ? hooks->oldest(q.collection, owner, ids, choice->count, &oldest, hooks->arg) : 0;
        if (rc == 0 && above[owner] && oldest < above[owner])
            above[owner] = oldest;
    }
    return rc;
}

static int sort(const struct shard *s, const struct merge_choice *choice, const uint64_t *above,
                const struct pause *pause, struct merge_tombstones *to, size_t total)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < choice->count; i++) {
        const struct segment *g = choice->inputs[i];
        for (uint32_t t = 0; rc == 0 && t < g->tombstones.count; t++) {
            const struct tombstone *of = &g->tombstones.items[t];
            unsigned owner = slot_owner(collection_slot(&s->config, point_id_hash(of->id)), s->store->options.reactors);
            bool keep = of->version > above[owner];
            to->items[keep ? to->kept++ : total - ++to->dropped] = *of;
            rc = t % 1024 == 0 ? pause_here(pause) : 0;
        }
    }
    return rc;
}

int merge_take_tombstones(const struct shard *s, const struct merge_choice *choice, const struct pause *pause,
                          struct merge_tombstones *ret)
{
    size_t total = 0;
    for (uint32_t i = 0; i < choice->count; i++)
        total += choice->inputs[i]->tombstones.count;
    *ret = (struct merge_tombstones){0};
    if (total == 0)
        return 0;
    ret->items = malloc(total * sizeof(*ret->items));
    uint64_t *above = calloc(s->store->options.reactors, sizeof(*above));
    int rc = ret->items && above ? ask_owners(s, choice, above) : -ENOMEM;
    if (rc == 0)
        rc = sort(s, choice, above, pause, ret, total);
    free(above);
    return rc;
}
