#include "result.h"

#include <stdlib.h>
#include <string.h>

const double result_targets[RESULT_TARGETS] = {0.90, 0.95, 0.99, 0.995, 0.999};

void result_fini(struct result *r)
{
    for (unsigned i = 0; i < r->engine_count; i++)
        free(r->engines[i].points);
    r->engine_count = 0;
}

void results_fini(struct results *all)
{
    for (unsigned i = 0; i < all->count; i++)
        result_fini(&all->list[i]);
    free(all->list);
    *all = (struct results){0};
}

const struct result *results_find(const struct results *all, const char *data)
{
    for (unsigned i = 0; i < all->count; i++)
        if (strcmp(all->list[i].data, data) == 0)
            return &all->list[i];
    return NULL;
}

const struct result_engine *result_engine(const struct result *r, const char *name)
{
    for (unsigned i = 0; i < r->engine_count; i++)
        if (strcmp(r->engines[i].name, name) == 0)
            return &r->engines[i];
    return NULL;
}

const struct result_point *result_best(const struct result_engine *x, double recall, uint32_t interleave)
{
    const struct result_point *best = NULL;
    uint32_t rounds = 0;
    for (unsigned i = 0; i < x->point_count; i++)
        if (x->points[i].interleave == interleave && x->points[i].rounds > rounds)
            rounds = x->points[i].rounds;
    for (unsigned i = 0; i < x->point_count; i++) {
        const struct result_point *p = &x->points[i];
        if (p->interleave == interleave && p->rounds == rounds && p->recall >= recall && (!best || p->qps > best->qps))
            best = p;
    }
    return best;
}

bool result_on_front(const struct result_engine *x, const struct result_point *p)
{
    for (unsigned i = 0; i < x->point_count; i++) {
        const struct result_point *other = &x->points[i];
        if (other->interleave == p->interleave && other->recall >= p->recall && other->qps > p->qps)
            return false;
    }
    return true;
}
