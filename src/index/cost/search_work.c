/* search_work.c -- the work of a search in nanoseconds on a reference machine, before and after it
 * runs. It is apart from the searches so that one set of formulas serves both. The constants were
 * fitted to bench/filtered on one x86-64 core; index_cost.h learns how this machine differs. */
#include "index/search.h"

#include <math.h>

#define SEARCH_NS      400 /* for each search */
#define QUERY_VALUE_NS 3   /* for each value of the query, which is folded for the codes */
#define ROW_NS         4   /* for each scanned row, beside its bytes */
#define CODE_BYTE_NS   .04 /* for each byte of a code, read in order */
#define VECTOR_BYTE_NS .05
/* more for a row that the CPU did not prefetch, because few rows are scanned */
#define SPARSE_NS      15
#define SPARSE_SHARE   .2 /* share of rows below which SPARSE_NS begins to count */
#define AGAIN_NS       15 /* for each candidate that is scored again */
#define AGAIN_BYTE_NS  .08
#define LISTED_PER_ROW 8 /* rows of lists that are looked at in the time of one scanned row */

/* The share of rows that may be hits, 0 to 1. */
static double share_of(const struct search *s)
{
    return s->count ? (double)s->allowed / s->count : 0;
}

static double rows_ns(const struct search *s, double rows, double bytes, double byte_ns)
{
    const double share = share_of(s), sparse = share < SPARSE_SHARE ? SPARSE_NS * (1 - share / SPARSE_SHARE) : 0;
    return rows * share * (ROW_NS + sparse + byte_ns * bytes);
}

static double vectors_ns(const struct search *s, double rows)
{
    return rows_ns(s, rows, s->x->dim * sizeof(float), VECTOR_BYTE_NS);
}

static double codes_ns(const struct search *s, double rows)
{
    return rows_ns(s, rows, s->x->codes.stride, CODE_BYTE_NS);
}

/* The cost of unindexed rows with codes, as the number of scanned rows that cost as much. */
static double unindexed_rows(const struct search *s, uint32_t rows)
{
    const struct segment_index *x = s->x;
    if (!x->unindexed.lists || rows == 0 || s->allowed == 0)
        return rows;
    const double budget = unindexed_budget(x->dim, rows, s->ef * sqrt(1 / share_of(s)));
    return fmin(budget / LISTED_PER_ROW / share_of(s), rows);
}

static double again_ns(const struct search *s, uint32_t wanted)
{
    const struct codes *by = &s->x->refine;
    const bool coded = s->x->sealed && by->ops;
    const double bytes = coded ? by->stride : s->x->dim * sizeof(float);
    return fmin(wanted, s->allowed) * (AGAIN_NS + AGAIN_BYTE_NS * bytes);
}

static enum index_way walk_of(const struct search *s)
{
    return index_may_end_early(s->allowed, s->count) ? INDEX_WALK : INDEX_FILTERED_WALK;
}

void search_work_vectors(const struct search *s, uint32_t from)
{
    if (s->params->work && from < s->count)
        s->params->work->ns[INDEX_SCAN] += vectors_ns(s, s->count - from);
}

void search_work_codes(const struct search *s, uint32_t from, uint32_t to)
{
    if (s->params->work && from < to)
        s->params->work->ns[INDEX_SCAN] += codes_ns(s, to - from);
}

void search_work_kind(const struct search *s, const struct index_query *q)
{
    if (s->params->work)
        s->params->work->ns[walk_of(s)] += SEARCH_NS + segment_index_kind(s->x)->cost_ns(s->x->index, q);
}

void search_work_coded(const struct search *s, const struct index_query *q, bool walks, uint32_t coded, uint32_t again)
{
    struct search_work *work = s->params->work;
    if (!work)
        return;
    work->ns[walks ? walk_of(s) : INDEX_SCAN] += QUERY_VALUE_NS * s->x->dim + again_ns(s, again);
    const uint32_t indexed = q->limit < coded ? q->limit : coded;
    if (walks)
        search_work_kind(s, q);
    else
        work->ns[INDEX_SCAN] += SEARCH_NS + codes_ns(s, indexed);
    work->ns[INDEX_SCAN] += codes_ns(s, unindexed_rows(s, coded - indexed));
}
