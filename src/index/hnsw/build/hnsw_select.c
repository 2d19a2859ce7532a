/* hnsw_select.c -- chooses which candidates become neighbours.
 *
 * The base is the row whose list is chosen. A candidate that is closer to a kept neighbour than
 * to the base is reached through that neighbour: it is occluded. Occlusion is a ratio of squared
 * distances: distance to the base / distance to the neighbour.
 *
 * Departures from the heuristic of HNSW (hnsw.h):
 * 1. Candidates are taken nearest first, in passes that allow more and more occlusion (the alpha
 *    of Vamana: Subramanya et al., NeurIPS 2019). The first pass keeps the few in different
 *    directions, which make a greedy walk arrive. The next passes fill the rest of the list,
 *    which makes it arrive in few hops. One pass with a larger ratio would fill the list with
 *    the nearest, and leave no room for other directions.
 * 2. A kept neighbour is folded into weights once. One call compares a candidate's code with
 *    eight kept neighbours, until the occlusion is too large. The result is remembered, so no
 *    pass compares two rows again. */
#include "index/hnsw/build/hnsw_builder.h"

#include <math.h>

/* For recall .99 of word vectors, all three passes together need half the comparisons and a
 * third of the hops of the first alone. For CNN features they need a tenth fewer comparisons.
 * SIFT fills its lists in the first pass; a first ratio of 1 would cost it some directions. */
static const float occlusion_max[] = {1.12f, 1.5f, 2.5f};

/* The codes, and the worker whose kept rows are compared. */
struct ruler {
    const struct codes *codes;
    struct hnsw_worker *worker;
};

/* The largest occlusion of a candidate by kept rows [from, from + n): that by the
 * kept row nearest to it. */
static float occlusion_of(const struct ruler *r, const struct waiting *c, const void *code, uint32_t from, uint32_t n)
{
    float between[FOLDED_MAX], nearest = INFINITY;
    codes_between(r->codes, code, c->norm, r->worker->kept_row + from, r->worker->kept + from, n, between);
    for (uint32_t j = 0; j < n; j++)
        nearest = between[j] < nearest ? between[j] : nearest;
    const float distance = c->cand.distance;
    return !(nearest < distance) ? 0 : nearest > 0 ? distance / nearest : INFINITY;
}

/* Compares a candidate with kept rows that it was not compared with yet, until its
 * occlusion exceeds `max`. */
static bool is_occluded(const struct ruler *r, struct waiting *c, uint32_t kept, uint32_t row, float max)
{
    const void *code = codes_at(r->codes, row);
    while (c->occlusion <= max && c->met < kept) {
        uint32_t n = kept - c->met < FOLDED_MAX ? kept - c->met : FOLDED_MAX;
        float occlusion = occlusion_of(r, c, code, c->met, n);
        c->occlusion = occlusion > c->occlusion ? occlusion : c->occlusion;
        c->met += n;
    }
    return c->occlusion > max;
}

uint32_t hnsw_select(const struct hnsw *g, struct hnsw_worker *w, const struct codes *codes, struct hnsw_candidates c)
{
    if (codes->metric == METRIC_IP)
        return hnsw_select_ip(g, w, codes, c);
    const struct ruler ruler = {codes, w};
    uint32_t kept = 0, waiting = c.count;
    for (uint32_t i = 0; i < c.count; i++)
        w->waiting[i] =
            (struct waiting){.cand = c.cand[i], .norm = codes_norm_of(codes, level_row(g, c.level, c.cand[i].id))};
    for (unsigned pass = 0; pass < sizeof(occlusion_max) / sizeof(*occlusion_max) && kept < c.max; pass++) {
        uint32_t left = 0;
        for (uint32_t i = 0; i < waiting && kept < c.max; i++) {
            struct waiting *candidate = &w->waiting[i];
            uint32_t row = level_row(g, c.level, candidate->cand.id);
            if (is_occluded(&ruler, candidate, kept, row, occlusion_max[pass])) {
                w->waiting[left++] = *candidate;
                continue;
            }
            codes_fold_row(codes, row, w->kept_weights + (size_t)kept * codes->stride, &w->kept[kept]);
            c.cand[kept++] = candidate->cand;
        }
        waiting = left;
    }
    return kept;
}
