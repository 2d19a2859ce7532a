/* index_plan.c -- the memory for indexes is divided over all segments by their bytes of vectors,
 * also over segments of other reactors. A new segment gets its share of it. The segments that are
 * there keep their indexes until they are rewritten. */
#include "shards/segment/index_plan.h"
#include "index/kind.h"

void index_plan_begin(struct index_plan *p, const struct collection_config *c, uint32_t rows)
{
    *p = (struct index_plan){.options = collection_vector(c)->index};
    index_options_begin(&p->options, rows, &p->why);
}

static uint64_t rows_bytes(const struct shard *s, uint64_t rows)
{
    return rows * vector_bytes(shard_vector(s));
}

/* What the index of a segment with so many bytes of vectors may take; 0: no bound. */
static uint64_t memory_share(const struct shard *s, uint64_t bytes)
{
    const struct store_options *o = &s->store->options;
    uint64_t all = 0;
    for (const struct shard *other = s->store->shards; other; other = other->next)
        for (uint32_t i = 0; i < other->segment_count; i++)
            if (other->segments[i])
                all += rows_bytes(other, other->segments[i]->rows.count);
    if (o->index_bytes_max == 0 || all == 0)
        return 0;
    const double share = (double)bytes / (double)(all > bytes ? all : bytes);
    return (uint64_t)((double)o->index_bytes_max * share) + 1;
}

int index_plan_finish(struct index_plan *p, const struct shard *s, struct segment_index *x, const struct rows *vectors,
                      uint32_t rows, const struct pause *pause)
{
    if (!segment_index_is_planned(x)) {
        struct index_facts facts = {.metric = shard_vector(s)->metric, .dim = shard_vector(s)->dim, .rows = rows};
        int rc = index_facts_read(&facts, vectors, pause);
        if (rc != 0)
            return rc;
        facts.memory_bytes = memory_share(s, rows_bytes(s, rows));
        facts.pressure = s->store->memory.pressure;
        segment_index_plan(x, &facts);
    }
    int rc = segment_index_finish(x, vectors, s->store->options.workers, pause);
    if (rc == 0 && !p->complete) {
        p->options = *segment_index_options(x);
        p->why = (struct index_why){0};
        segment_index_say(x, &p->why);
        p->complete = true;
    }
    return rc;
}

bool index_plan_would_shrink(const struct shard *s, const struct segment *g)
{
    const struct index_options *given = &shard_vector(s)->index, *has = &g->vectors[0].plan.options;
    const unsigned pressure = s->store->memory.pressure;
    if (g->rows.count == 0 || !g->vectors[0].plan.complete)
        return false;
    /* an index without codes would be the same after a rewrite, and would be chosen again and
     * again */
    if (!(segment_index_features(g->vectors[0].index) & INDEX_CODES))
        return false;
    return (pressure >= MEMORY_LINKS_PACKED && given->links == LINKS_AUTO && has->links == LINKS_PLAIN) ||
           (pressure >= MEMORY_REFINE_MAPPED && given->refine == REFINE_AUTO &&
            (has->refine == REFINE_F16 || has->refine == REFINE_BF16));
}
