/* search_walk.c -- the graphed rows of a search with a filter, of which those are one that are not deleted.
 *
 * Rows that are not allowed lead the walk on, but fill places of its beam. So the beam is wider than without a filter: first as
 * if the filter had nothing to do with the query. When it had, which the walk shows, as fewer of its candidates are allowed than
 * that, the walk is repeated with a wider beam, or the allowed rows are scanned. */
#include "index/search.h"

#include <math.h>

#define WALK_ROWS_MIN   512  /* fewer rows are scanned sooner than walked */
#define TAKEN_AT_ONCE   64   /* candidates of a walk */
#define FILTER_SPARE    3    /* allowed candidates expected for each hit wanted */
#define EARLY_SHARE_MIN 0.75 /* of the rows are allowed, or walks do not end early */
#define WIDER_MIN       2    /* a walk that found too few allowed rows is repeated with an ef so many times as large, */
#define WIDER_MAX       4
#define WIDEST          8192 /* up to this; each candidate is moved by many newcomers */

bool search_may_end_early(const struct search *s)
{
    return s->allowed >= EARLY_SHARE_MIN * s->count;
}

/* As many more as the filter takes away, or deletions did. */
uint32_t search_early_k(const struct search *s)
{
    if (!s->ends_early || !search_may_end_early(s))
        return 0;
    const uint32_t k = s->refined_k > s->early_least ? s->refined_k : s->early_least;
    return (uint32_t)ceil((double)k * s->count / s->allowed);
}

uint32_t search_walk_ef(const struct search *s, uint32_t rows)
{
    if (s->scan || rows < WALK_ROWS_MIN || s->ef >= rows)
        return 0;
    double ef = s->ef;
    if (s->params->allowed) {
        if (s->allowed == 0)
            return 0;
        const double inverse = (double)s->count / s->allowed; /* of the selectivity */
        const double enough = FILTER_SPARE * s->k * inverse;
        ef *= sqrt(inverse);
        ef = ef > enough ? ef : enough;
        if (ef >= rows || ef * SCANNED_PER_EF >= s->allowed)
            return 0;
    }
    return (uint32_t)ef;
}

/* Moves the walk's allowed candidates, which are sorted, into top, and returns how many they are. */
static uint32_t take(const struct search *s, const struct pool *pool, uint32_t limit, uint32_t visible,
                     struct topk *top)
{
    struct hit wanted[TAKEN_AT_ONCE];
    uint32_t taken = 0;
    for (uint32_t i = 0; i < pool->count;) {
        uint32_t n = 0;
        for (; i < pool->count && n < TAKEN_AT_ONCE; i++) {
            const struct cand *c = &pool->cand[i];
            wanted[n] = (struct hit){c->distance, c->id};
            n += c->id < limit && search_wants(s, c->id, visible);
        }
        topk_add_sorted(top, wanted, n);
        taken += n;
    }
    return taken;
}

/* Allowed candidates that must be among those that a walk has found, or its recall is less than that without a filter: as many as
 * a filter leaves that has nothing to do with the query, give or take two standard deviations, but no more than without a filter. */
static uint32_t fewest_allowed(const struct search *s, uint32_t found)
{
    const double share = (double)s->allowed / s->count, usual = found * share;
    const double least = fmax(usual - 2 * sqrt(usual * (1 - share)), 1);
    return least < s->ef ? (uint32_t)least : s->ef;
}

/* Did a walk that ended early take as many as one has by chance that found so many? */
static bool has_enough(const struct search *s, uint32_t taken, uint32_t found)
{
    return !s->params->allowed || (taken >= s->k && taken >= fewest_allowed(s, found));
}

/* The ef of the next walk, as this one found few allowed rows; 0: scanning them is cheaper. */
static uint32_t wider_ef(const struct search *s, uint32_t ef, uint32_t taken, uint32_t rows)
{
    const double missing = (double)ef * s->allowed / s->count / (taken ? taken : 1);
    const double wider = ef * fmin(fmax(missing, WIDER_MIN), WIDER_MAX);
    const bool is_scan_cheaper = wider >= rows || wider * SCANNED_PER_EF >= s->allowed || wider > WIDEST;
    return is_scan_cheaper ? 0 : (uint32_t)wider;
}

int search_walk(const struct search *s, const struct hnsw_walk *walk, uint32_t limit, uint32_t visible, uint32_t *ef,
                struct topk *top)
{
    const struct pool *pool = &s->scratch->pool;
    struct hnsw_walk w = *walk;
    const uint32_t fewest = s->params->allowed ? fewest_allowed(s, *ef) : 0;
    while (*ef) {
        const int rc = hnsw_search(&w, *ef);
        if (rc != 0)
            return rc;
        topk_clear(top);
        const uint32_t taken = take(s, pool, limit, visible, top);
        if (w.early_k ? has_enough(s, taken, pool->count) : taken >= fewest || pool->count < *ef)
            return 0;
        *ef = w.early_k ? *ef : wider_ef(s, *ef, taken, limit);
        w.early_k = 0; /* it was measured by rows that are not allowed */
    }
    topk_clear(top);
    return 0;
}
