/* search.c -- one search of a segment index from its beginning to its end. It goes by codes
 * (search_coded.c), again with more candidates where codes tell too little, or by vectors. */
#include "index/search.h"

#include "vek.h"
#include <errno.h>

#define RESTARTS_MAX 8
#define SPARE_STEP   4 /* factor by which more candidates are scored again, */
/* when codes seem to have missed a larger share of the hits than this, */
#define MISSED_MAX  0.02
#define SPARE_MAX   64     /* up to so many times the usual number, */
#define EXACT_ROWS  100000 /* and then all rows are, if there are no more than this */
#define QUERY_LARGE 1e15f  /* values beyond this make the search go by vectors alone */
#define QUERY_SMALL 1e-25f
/* a query with this sum of squares has a value above QUERY_SMALL */
#define QUERY_SQUARE_ENOUGH 1e-30f

struct index_query search_query(const struct search *s, uint32_t limit)
{
    const struct search_params *p = s->params;
    return (struct index_query){.vector = s->query,
                                .k = s->k,
                                .refined_k = s->refined_k,
                                .effort = s->ef,
                                .ends_early = s->ends_early,
                                .early_least = s->early_least,
                                .rows = s->count,
                                .limit = limit,
                                .visible = s->count,
                                .allowed = p->allowed,
                                .allowed_count = s->allowed,
                                .walks = p->way == SEARCH_WALKS,
                                .hidden = s->hidden,
                                .epoch = &s->x->epoch,
                                .pause = p->pause,
                                .overlap = p->overlap,
                                .overlap_arg = p->overlap_arg,
                                .scratch = s->scratch,
                                .fetch = p->fetch,
                                .fetch_arg = p->fetch_arg};
}

uint32_t search_walk_effort(const struct search *s, const struct index_query *q)
{
    const struct index *x = s->x->index;
    /* what compares every row anyway does it in its own way */
    const bool scans = (s->exact || s->scan) && !(x->kind->features & INDEX_EXACT);
    return !scans && x->kind->effort ? x->kind->effort(x, q) : 0;
}

static int scan_vectors(struct search *s, uint32_t from)
{
    search_work_vectors(s, from);
    struct scan scan = {.from = from,
                        .to = s->count,
                        .allowed = s->params->allowed,
                        .pause = s->params->pause,
                        .scratch = s->scratch,
                        .top = &s->found};
    return from < s->count ? flat_scan(&scan, s->x->metric, s->x->dim, s->vectors, s->query) : 0;
}

/* Whether distances by codes may overflow or vanish for this query. The sum of squares takes a
 * tenth of the time of finding the largest value, and decides nearly all cases. */
static bool is_extreme(const struct segment_index *x, const float *query)
{
    /* its codes are the vectors */
    if (x->metric == METRIC_COSINE || (x->sealed && codes_are_values(&x->codes)))
        return false;
    const float square = vek.ip_f32(query, query, x->dim);
    if (square <= QUERY_LARGE * QUERY_LARGE && square >= QUERY_SQUARE_ENOUGH)
        return false;
    const float largest = vectors_largest(query, x->dim);
    return largest > QUERY_LARGE || (x->metric == METRIC_IP && largest > 0 && largest < QUERY_SMALL);
}

/* Searches by codes, and begins again when they were replaced. -EAGAIN: the
 * search must go by vectors. */
static int run_by_codes(struct search *s, struct hit *ret_hits)
{
    const struct segment_index *x = s->x;
    int rc = -EAGAIN;
    for (unsigned i = 0; i < RESTARTS_MAX && rc == -EAGAIN; i++) {
        const uint32_t coded = x->codes.count, graphed = indexed_rows(x);
        topk_init(&s->found, ret_hits, s->k);
        s->found.keys = s->params->keys;
        s->missed = 0;
        rc = coded ? search_coded(s, coded, graphed) : 0;
        if (rc == 0)
            rc = scan_vectors(s, coded);
    }
    return rc;
}

/* The number of candidates to score again was measured with all rows. Rows that a filter leaves
 * may lie closer together, so that codes tell less about their order. Then more are scored
 * again, and in the end all of them, unless there are too many. */
static int run_with_spare(struct search *s, struct hit *ret_hits)
{
    int rc = run_by_codes(s, ret_hits);
    for (s->spare = SPARE_STEP; rc == 0 && s->missed > MISSED_MAX * s->k && s->spare <= SPARE_MAX;
         s->spare *= SPARE_STEP) {
        const uint64_t again = (uint64_t)search_refine_count(s) * s->spare;
        if (again * SPARE_STEP >= s->allowed)
            return -EAGAIN;
        s->ef = s->ef < s->count / SPARE_STEP ? s->ef * SPARE_STEP : s->count;
        rc = run_by_codes(s, ret_hits);
    }
    return rc == 0 && s->missed > MISSED_MAX * s->k && s->allowed <= EXACT_ROWS ? -EAGAIN : rc;
}

/* Searches indexed rows by the index, and other rows by their vectors. */
static int run_without_codes(struct search *s, struct hit *ret_hits)
{
    const struct index *x = s->x->index;
    struct index_query q = search_query(s, index_count(x));
    topk_init(&s->found, ret_hits, s->k);
    s->found.keys = s->params->keys;
    q.top = &s->found;
    q.effort = search_walk_effort(s, &q);
    if (q.effort)
        search_work_kind(s, &q);
    int rc = q.effort ? x->kind->search(x, &q) : 0;
    return rc == 0 ? scan_vectors(s, q.effort ? q.limit : 0) : rc;
}

int search_run(struct search *s, struct hit *ret_hits)
{
    const bool exact = s->exact || (has_codes(s->x) && is_extreme(s->x, s->query));
    s->scratch->unindexed_seen = s->scratch->unindexed_scored = 0;
    int rc = !has_codes(s->x) ? run_without_codes(s, ret_hits) : exact ? -EAGAIN : run_with_spare(s, ret_hits);
    if (rc == -EAGAIN) {
        topk_init(&s->found, ret_hits, s->k);
        s->found.keys = s->params->keys;
        rc = s->leaders ? search_leaders(s) : scan_vectors(s, 0);
    }
    if (rc != 0)
        return rc;
    topk_sort(&s->found);
    return (int)s->found.count;
}

static struct search begin(const struct segment_index *x, const struct rows *vectors, uint32_t count,
                           const float *query, const struct search_params *params, struct search_scratch *scratch)
{
    struct search s = {.x = x,
                       .vectors = vectors,
                       .query = query,
                       .params = params,
                       .scratch = scratch,
                       .count = count,
                       .allowed = count};
    if (params->allowed || params->allowed_count)
        s.allowed = params->allowed_count ? params->allowed_count : search_count_bits(params->allowed, count);
    s.k = s.refined_k = params->k < s.allowed ? params->k : s.allowed;
    if (s.k > 0)
        search_choose_effort(&s);
    return s;
}

static void add_work_without_codes(const struct search *s)
{
    struct index_query q = search_query(s, indexed_rows(s->x));
    q.effort = search_walk_effort(s, &q);
    if (q.effort)
        search_work_kind(s, &q);
    search_work_vectors(s, q.effort ? q.limit : 0);
}

static void add_work_by_codes(const struct search *s)
{
    const struct segment_index *x = s->x;
    const uint32_t indexed = indexed_rows(x), coded = x->codes.count < s->count ? x->codes.count : s->count;
    const struct index_query q = search_query(s, indexed < s->count ? indexed : s->count);
    const bool walks = search_walk_effort(s, &q) > 0;
    bool last;
    if (coded)
        search_work_coded(s, &q, walks, coded, search_candidates(s, false, walks, &last));
    search_work_vectors(s, coded);
}

void segment_index_work(const struct segment_index *x, uint32_t count, const struct search_params *params,
                        struct search_work *work)
{
    struct search_params asked = *params;
    asked.work = work;
    const struct search s = begin(x, NULL, count, NULL, &asked, NULL);
    if (s.k == 0)
        return;
    if (!has_codes(x))
        add_work_without_codes(&s);
    else if (s.exact)
        search_work_vectors(&s, 0);
    else
        add_work_by_codes(&s);
}

int segment_index_search(const struct segment_index *x, const struct rows *vectors, uint32_t count, const float *query,
                         const struct search_params *params, struct search_scratch *scratch, struct hit *ret_hits)
{
    struct search s = begin(x, vectors, count, query, params, scratch);
    if (s.k == 0)
        return 0;
    return search_run(&s, ret_hits);
}
