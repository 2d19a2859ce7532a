/* hnsw_filter.c -- one search as the index kind answers it: a walk, and how it deals with a
 * filter. Deletions are a filter too: the alive rows are the allowed ones. The walk itself
 * (hnsw_search.c) knows no filter.
 *
 * Rows that are not allowed lead the walk on, but take places of its beam. So the beam is wider
 * than without a filter. Its width first assumes that the filter does not depend on the query.
 * If fewer candidates of the walk are allowed than that predicts, the filter does depend on it.
 * Then the walk is repeated with a wider beam, or the allowed rows are scanned. */
#include "index/hnsw/hnsw_index.h"
#include "index/topk.h"

#include <math.h>

#define WALK_ROWS_MIN 512 /* scanning fewer rows is quicker than walking */
#define TAKEN_AT_ONCE 64  /* candidates */
#define FILTER_SPARE  3   /* the beam should hold so many allowed candidates for each wanted hit */
/* a walk that found too few allowed rows is repeated with an ef that is larger by a
 * factor between these, */
#define WIDER_MIN 2
#define WIDER_MAX 4
#define WIDEST    8192 /* up to this ef; in a larger pool each new candidate moves many others */

/* Whether the row or one of its copies is a hit. */
static bool is_wanted(const struct hnsw_index *x, const struct index_query *q, uint32_t row)
{
    return !q->allowed || copies_any(x->base.host->copies, row, q->allowed, q->visible);
}

/* The number of candidates after which the walk may end early: more, in proportion, when a
 * filter or deletions leave fewer rows. 0: it expands all. */
static uint32_t early_k(const struct index_query *q)
{
    if (!q->ends_early || !index_may_end_early(q->allowed_count, q->rows))
        return 0;
    const uint32_t k = q->refined_k > q->early_least ? q->refined_k : q->early_least;
    return (uint32_t)ceil((double)k * q->rows / q->allowed_count);
}

/* A beam that grows with the root of 1 / selectivity keeps the recall, if the filter does not
 * depend on the query. `enough` keeps it when few rows are allowed. */
uint32_t hnsw_index_effort(const struct index *base, const struct index_query *q)
{
    const uint32_t rows = q->limit < q->rows ? q->limit : q->rows;
    if (rows < WALK_ROWS_MIN || q->effort >= rows)
        return 0;
    double ef = q->effort;
    if (q->allowed || q->allowed_count < q->rows) {
        if (q->allowed_count == 0)
            return 0;
        const double inverse = (double)q->rows / q->allowed_count; /* of the selectivity */
        const double enough = FILTER_SPARE * q->k * inverse;
        ef *= sqrt(inverse);
        ef = ef > enough ? ef : enough;
        if (ef >= rows || (!q->walks && ef * SCANNED_PER_CANDIDATE >= q->allowed_count))
            return 0;
    }
    return (uint32_t)ef;
}

/* Adds the allowed candidates of the walk, which are sorted, to q->top. Returns their number. */
static uint32_t take(const struct hnsw_index *x, const struct index_query *q, const struct pool *pool)
{
    const uint32_t limit = q->limit < q->rows ? q->limit : q->rows;
    struct hit wanted[TAKEN_AT_ONCE];
    uint32_t taken = 0;
    for (uint32_t i = 0; i < pool->count;) {
        uint32_t n = 0;
        for (; i < pool->count && n < TAKEN_AT_ONCE; i++) {
            const struct cand *c = &pool->cand[i];
            wanted[n] = (struct hit){c->distance, c->id};
            n += c->id < limit && is_wanted(x, q, c->id);
        }
        topk_add_sorted(q->top, wanted, n);
        taken += n;
    }
    return taken;
}

/* How many candidates of a walk must be allowed, or its recall is below that without a filter.
 * That is what a filter independent of the query leaves, minus two standard deviations, but
 * never more than the beam without a filter. */
static uint32_t fewest_allowed(const struct index_query *q, uint32_t found)
{
    const double share = (double)q->allowed_count / q->rows, usual = found * share;
    const double least = fmax(usual - 2 * sqrt(usual * (1 - share)), 1);
    return least < q->effort ? (uint32_t)least : q->effort;
}

/* Whether a walk that ended early took at least as many allowed rows as chance leaves
 * of `found` candidates. */
static bool has_enough(const struct index_query *q, uint32_t taken, uint32_t found)
{
    return !q->allowed || (taken >= q->k && taken >= fewest_allowed(q, found));
}

/* The ef of the next walk, because this one found few allowed rows. 0: scanning is cheaper. */
static uint32_t wider_ef(const struct index_query *q, uint32_t ef, uint32_t taken)
{
    const uint32_t rows = q->limit < q->rows ? q->limit : q->rows;
    const double missing = (double)ef * q->allowed_count / q->rows / (taken ? taken : 1);
    const double wider = ef * fmin(fmax(missing, WIDER_MIN), WIDER_MAX);
    const bool is_scan_cheaper = wider >= rows || wider * SCANNED_PER_CANDIDATE >= q->allowed_count || wider > WIDEST;
    return is_scan_cheaper ? 0 : (uint32_t)wider;
}

/* Where the rows near the query are not allowed, for instance because they were deleted, the
 * beam is widened. Recall must not depend on where the allowed rows lie. */
int hnsw_index_search(const struct index *base, struct index_query *q)
{
    const struct hnsw_index *x = hnsw_index_const(base);
    const struct pool *pool = &q->scratch->pool;
    struct hnsw_walk w = {.graph = &x->graph,
                          .query = q->codes,
                          .scratch = q->scratch,
                          .limit = q->limit,
                          .node_limit = x->graph.nodes,
                          .pause = q->pause,
                          .overlap = q->overlap,
                          .overlap_arg = q->overlap_arg,
                          .epoch = q->epoch,
                          .early_k = early_k(q),
                          .hidden = q->hidden};
    uint32_t ef = hnsw_index_effort(base, q);
    const uint32_t fewest = q->allowed && ef ? fewest_allowed(q, ef) : 0;
    while (ef) {
        const int rc = hnsw_search(&w, ef);
        if (rc != 0)
            return rc;
        topk_clear(q->top);
        const uint32_t taken = take(x, q, pool);
        if (w.early_k ? has_enough(q, taken, pool->count) : taken >= fewest || pool->count < ef)
            return 0;
        ef = w.early_k ? ef : wider_ef(q, ef, taken);
        w.early_k = 0; /* early_k was derived for a filter that does not depend on the query */
    }
    topk_clear(q->top);
    q->effort = 0;
    return 0;
}
