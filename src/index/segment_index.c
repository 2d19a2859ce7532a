/* segment_index.c -- creates, asks and destroys an index. Searching is in search.c. */
#include "index/segment_index_internal.h"

#include "base/memory_use.h"
#include "index/recall/recall_measure.h"
#include "index/search.h"
#include "vek.h"
#include <errno.h>
#include <stdlib.h>

void segment_index_lend(struct segment_index *x)
{
    x->host = (struct index_host){.metric = x->metric,
                                  .dim = x->dim,
                                  .codes = &x->codes,
                                  .copies = &x->copies,
                                  .alive = &x->alive,
                                  .options = &x->options};
}

int segment_index_create(enum metric metric, uint32_t dim, const struct index_options *options,
                         struct segment_index **ret)
{
    const struct index_options o = options ? *options : (struct index_options){0};
    const struct index_kind *kind = index_kind_of(o.kind);
    if (!kind)
        return -ENOTSUP;
    struct segment_index *x = calloc(1, sizeof(*x));
    if (!x)
        return -ENOMEM;
    x->metric = metric;
    x->dim = dim;
    x->options = o;
    x->options.kind = kind->id;
    segment_index_lend(x);
    int rc = kind->create(&x->host, &x->index);
    if (rc < 0) {
        free(x);
        return rc;
    }
    *ret = x;
    return 0;
}

void segment_index_give_back(struct segment_index *x, void (*pause)(void))
{
    const struct index_kind *kind = segment_index_kind(x);
    struct row_array *arrays[] = {&x->codes.rows,  &x->codes.norms,  &x->made.rows, &x->made.norms,
                                  &x->refine.rows, &x->refine.norms, &x->next.rows, &x->copies.next};
    for (unsigned i = 0; i < ARRAY_LEN(arrays); i++)
        row_array_give_back(arrays[i], pause);
    if (kind->give_back)
        kind->give_back(x->index, pause);
}

void segment_index_destroy(struct segment_index *x)
{
    if (!x)
        return;
    if (x->index)
        segment_index_kind(x)->destroy(x->index);
    copies_fini(&x->copies);
    codes_fini(&x->codes);
    codes_fini(&x->next);
    codes_check_destroy(x->check);
    unindexed_fini(&x->unindexed);
    codes_fini(&x->made);
    codes_fini(&x->refine);
    codes_sample_fini(&x->sample);
    recall_measuring_destroy(x->measuring);
    free(x->curve);
    free(x->growing.curve);
    free(x->header);
    free(x->quantiser);
    free(x);
}

uint32_t segment_index_features(const struct segment_index *x)
{
    return segment_index_kind(x)->features;
}

uint32_t search_count_bits(const uint64_t *allowed, uint32_t count)
{
    uint32_t n = (uint32_t)vek.count_bits(allowed, count / 64);
    if (count % 64)
        n += (uint32_t)__builtin_popcountll(allowed[count / 64] & (((uint64_t)1 << (count % 64)) - 1));
    return n;
}

uint32_t segment_index_waiting(const struct segment_index *x, uint32_t count)
{
    const uint32_t from = indexed_rows(x);
    if (from >= count)
        return 0;
    return x->alive ? search_count_bits(x->alive, count) - search_count_bits(x->alive, from) : count - from;
}

void segment_index_lend_alive(struct segment_index *x, const uint64_t *alive)
{
    x->alive = alive;
}

void segment_index_lend_queries(struct segment_index *x, const struct query_sample *queries)
{
    x->queries = queries;
}

uint32_t segment_index_graphed(const struct segment_index *x)
{
    return indexed_rows(x);
}

void segment_index_plan(struct segment_index *x, const struct index_facts *facts)
{
    if (x->is_planned)
        return;
    x->facts = *facts;
    x->is_planned = true;
}

bool segment_index_is_planned(const struct segment_index *x)
{
    return x->is_planned;
}

void segment_index_say(const struct segment_index *x, struct index_why *why)
{
    segment_index_kind(x)->say(&x->options, x->index, x->rows, why);
    if (has_codes(x))
        index_options_say_codes(&x->resolved, &x->reasons, why);
}

const struct index_options *segment_index_options(const struct segment_index *x)
{
    return x->is_resolved ? &x->resolved : &x->options;
}

void segment_index_memory(const struct segment_index *x, struct memory_use *use)
{
    segment_index_kind(x)->count_memory(x->index, use);
    use->bytes[MEMORY_LINKS] += copies_bytes(&x->copies);
    use->bytes[MEMORY_CODES] += sizeof(*x) + (x->curve ? sizeof(*x->curve) : 0) +
                                (x->growing.curve ? sizeof(*x->growing.curve) : 0) + codes_bytes(&x->codes) +
                                codes_bytes(&x->next) + codes_bytes(&x->made) + unindexed_bytes(&x->unindexed) +
                                codes_check_bytes(x->check);
    use->bytes[MEMORY_REFINE] += codes_bytes(&x->refine);
}

uint64_t segment_index_bytes(const struct segment_index *x)
{
    struct memory_use use = {0};
    segment_index_memory(x, &use);
    return memory_use_sum(&use);
}

const struct recall_curve *segment_index_curve(const struct segment_index *x)
{
    return x->curve;
}
