/* hnsw_select_ip.c -- chooses which candidates become neighbours under the inner product.
 *
 * A long row is near to every other row. With occlusion by inner products, a list would have
 * only the few longest rows, and no links to rows of middle length, which are answers too. There
 * are two departures from hnsw_select.c:
 * 1. Occlusion is by angles. A candidate is occluded by a kept neighbour if its angle to that
 *    neighbour is smaller than its angle to the base. (1 - cosine) takes the place of the
 *    squared distance. Rows of equal length are treated as under cosine.
 * 2. Half of the list is chosen in the order of distances, the other half in the order of
 *    angles. The first half leads to the long rows, which are most answers (ip-NSW: Morozov &
 *    Babenko, NeurIPS 2018). The second leads to rows of any length in the direction of the
 *    query, through which the next answers are found (ip-NSW+: Liu et al., AAAI 2020, which
 *    keeps a second graph of angles; here both share a list).
 *
 * Free places are filled with the nearest candidates. */
#include "index/hnsw/build/hnsw_builder.h"

#include <math.h>
#include <stdlib.h>

/* The passes of hnsw_select.c. */
static const float occlusion_max[] = {1.12f, 1.5f, 2.5f};

struct chooser {
    const struct hnsw *graph;
    struct hnsw_worker *worker;
    const struct codes *codes;
    struct hnsw_candidates *list;
    uint32_t kept, waiting;
};

/* The cosine of an angle; 0 when lengths are too small or too large to compute it. */
static float cosine(float product, float length_a, float length_b)
{
    const float cosine = product / (length_a * length_b);
    return cosine > -2 && cosine < 2 ? cosine : 0;
}

/* The length of a row, by its code. The weights of the row that will be kept
 * next serve as buffer. */
static float length_of(const struct chooser *s, uint32_t row)
{
    int8_t *weights = s->worker->kept_weights + (size_t)s->kept * s->codes->stride;
    const void *at = weights;
    struct folded_row folded;
    float distance;
    codes_fold_row(s->codes, row, weights, &folded);
    codes_between(s->codes, codes_at(s->codes, row), NULL, &at, &folded, 1, &distance);
    return distance < 0 ? sqrtf(-distance) : 0;
}

/* Compares a candidate with kept rows that it was not compared with yet, until its
 * occlusion exceeds `max`. */
static bool is_occluded(const struct chooser *s, struct waiting *c, const void *code, float max)
{
    const struct hnsw_worker *w = s->worker;
    float between[FOLDED_MAX];
    while (c->occlusion <= max && c->met < s->kept) {
        const uint32_t n = s->kept - c->met < FOLDED_MAX ? s->kept - c->met : FOLDED_MAX;
        codes_between(s->codes, code, c->norm, w->kept_row + c->met, w->kept + c->met, n, between);
        for (uint32_t i = 0; i < n; i++) {
            const float apart = 1 - cosine(-between[i], c->length, w->kept_length[c->met + i]);
            const float to_base = 1 - c->cosine;
            const float occlusion = !(apart < to_base) ? 0 : apart > 0 ? to_base / apart : INFINITY;
            c->occlusion = occlusion > c->occlusion ? occlusion : c->occlusion;
        }
        c->met += n;
    }
    return c->occlusion > max;
}

static void keep(struct chooser *s, const struct waiting *c, uint32_t row)
{
    struct hnsw_worker *w = s->worker;
    codes_fold_row(s->codes, row, w->kept_weights + (size_t)s->kept * s->codes->stride, &w->kept[s->kept]);
    w->kept_length[s->kept] = c->length;
    s->list->cand[s->kept++] = c->cand;
}

/* Keeps up to `max` of the waiting candidates, in their order. */
static void choose(struct chooser *s, uint32_t max)
{
    struct waiting *waiting = s->worker->waiting;
    for (unsigned pass = 0; pass < sizeof(occlusion_max) / sizeof(*occlusion_max) && s->kept < max; pass++) {
        uint32_t left = 0;
        for (uint32_t i = 0; i < s->waiting; i++) {
            const uint32_t row = level_row(s->graph, s->list->level, waiting[i].cand.id);
            if (s->kept == max || is_occluded(s, &waiting[i], codes_at(s->codes, row), occlusion_max[pass]))
                waiting[left++] = waiting[i];
            else
                keep(s, &waiting[i], row);
        }
        s->waiting = left;
    }
}

static int by_angle(const void *a, const void *b)
{
    const struct waiting *x = a, *y = b;
    if (x->cosine != y->cosine)
        return x->cosine > y->cosine ? -1 : 1;
    return x->cand.id < y->cand.id ? -1 : x->cand.id > y->cand.id;
}

static int by_distance(const void *a, const void *b)
{
    const struct cand *x = &((const struct waiting *)a)->cand, *y = &((const struct waiting *)b)->cand;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

uint32_t hnsw_select_ip(const struct hnsw *g, struct hnsw_worker *w, const struct codes *codes,
                        struct hnsw_candidates c)
{
    struct chooser s = {.graph = g, .worker = w, .codes = codes, .list = &c, .waiting = c.count};
    const float base = length_of(&s, c.base);
    for (uint32_t i = 0; i < c.count; i++) {
        const float length = length_of(&s, level_row(g, c.level, c.cand[i].id));
        w->waiting[i] =
            (struct waiting){.cand = c.cand[i], .length = length, .cosine = cosine(-c.cand[i].distance, base, length)};
    }
    choose(&s, c.max / 2);
    qsort(w->waiting, s.waiting, sizeof(*w->waiting), by_angle);
    choose(&s, c.max);
    if (s.kept < c.max)
        qsort(w->waiting, s.waiting, sizeof(*w->waiting), by_distance);
    for (uint32_t i = 0; i < s.waiting && s.kept < c.max; i++)
        c.cand[s.kept++] = w->waiting[i].cand;
    return s.kept;
}
