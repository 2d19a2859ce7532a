/* search_coded.c -- the part of a search that goes by codes:
 *
 *   indexed rows              by the index; or by their codes, if a filter leaves few
 *   coded, not indexed yet    by lists, if lists were made and the rows are many;
 *                             otherwise by their codes
 *   not coded yet             by their vectors (search.c)
 *
 * The best candidates are scored again (refine.h), unless the codes are exact. */
#include "index/search.h"

#include "base/bits.h"
#include "index/refine.h"
#include <errno.h>
#include <math.h>

/* about how many rows of lists are looked at in the time in which one row is scored by its code */
#define LISTED_PER_SCANNED 8
/* a row of a list is scored if it is among the best when its 1-bit distance is too large
 * by so many deviations, */
#define SIGMAS 2.5f
/* or so many, when more rows are kept than are wanted and the centroids are not means */
#define SIGMAS_SPARE       1.5f
#define OUTLIERS_SPARE     16 /* extra candidates where there are outliers, */
#define OUTLIERS_PER_PAUSE 64 /* which are scored in batches of so many */

uint32_t search_refine_count(const struct search *s)
{
    const struct segment_index *x = s->x;
    const uint32_t k = s->refined_k;
    double wanted = 2.0 * k + 12; /* by SQ8, while the index grows */
    if (s->params->refine_k > 0 || x->sealed) {
        wanted = ceil((double)k * (s->params->refine_k > 0 ? s->params->refine_k : x->resolved.refine_k));
        wanted = fmax(wanted, k > REFINE_MIN ? k : REFINE_MIN);
    }
    return wanted < s->count ? (uint32_t)wanted : s->count;
}

static size_t refine_query_bytes(const struct segment_index *x)
{
    return x->sealed && x->refine.ops ? codes_query_bytes(&x->refine) : 0;
}

/* Scores the candidates again. top is sorted. all: it holds every allowed row. */
static int score_again(struct search *s, const struct codes_query *found, struct topk *top, void *room, bool all)
{
    const struct segment_index *x = s->x;
    const struct codes vectors = codes_of_vectors(s->vectors, x->metric, x->dim);
    struct codes_query query;
    codes_query_init(&query, x->sealed && x->refine.ops ? &x->refine : &vectors, s->query, room);
    struct refine_errors errors = {0};
    const uint32_t n = top->count;
    const float middle = n ? top->hits[n / 2].distance : 0, last = n ? top->hits[n - 1].distance : 0;
    const bool asked = s->params->allowed && !all && n > 0;
    const struct refinement r = {.by = &query,
                                 .found = found,
                                 .pause = s->params->pause,
                                 .scratch = s->scratch,
                                 .top = &s->found,
                                 .errors = asked ? &errors : NULL};
    const int rc = refine(&r, top->hits, n);
    s->missed = asked ? refine_missed(&errors, n, middle, last, topk_bound(&s->found)) : 0;
    return rc;
}

/* Memory of the prepared queries: for the codes, for what scores again, and for the lists. */
static size_t query_bytes(const struct segment_index *x)
{
    return codes_query_bytes(&x->codes) + refine_query_bytes(x) +
           (x->unindexed.lists ? unindexed_query_bytes(x->unindexed.lists) : 0);
}

/* How many of the `rows` in lists to look at; 0: scoring the allowed ones by their codes costs
 * no more. About half of a list's first block are rows that the graph has taken. */
static uint32_t listed_budget(const struct search *s, uint32_t rows, uint32_t least)
{
    if (s->allowed == 0)
        return 0;
    const double inverse = (double)s->count / s->allowed; /* of the selectivity */
    uint32_t budget = unindexed_budget(s->x->dim, rows, s->ef * sqrt(inverse));
    budget = budget > least ? budget : least;
    const double first_blocks = (double)s->x->unindexed.lists->count * (LIST_BLOCK_ROWS / 2);
    const double looked_at = budget + first_blocks * fmin((double)budget / rows, 1);
    return looked_at / LISTED_PER_SCANNED < rows / inverse ? budget : 0;
}

/* Removes hits in [from, to). These rows went from the lists to the graph while the lists were
 * searched. They may have been missed, so they are scanned, and must not be met twice. */
static void forget(struct topk *top, uint32_t from, uint32_t to)
{
    const struct topk all = *top;
    topk_clear(top);
    for (uint32_t i = 0; i < all.count; i++)
        if (all.hits[i].row < from || all.hits[i].row >= to)
            topk_add(top, all.hits[i].distance, all.hits[i].row);
}

/* Searches the rows in [limit, unseen->to) that are in lists. *unseen: the rows
 * that are left to scan. */
static int search_lists(struct search *s, const struct codes_query *query, struct topk *top, uint32_t limit,
                        struct unseen *unseen)
{
    const struct segment_index *x = s->x;
    const struct unindexed_lists *lists = x->unindexed.lists;
    const uint32_t coded_end = unseen->to, from = indexed_rows(x) > limit ? indexed_rows(x) : limit;
    const uint32_t to = !lists || lists->to > coded_end ? coded_end : lists->to;
    const float need = lists && !s->params->ef ? unindexed_need(lists, s->params->recall, s->k) : 0;
    const uint32_t least = from < to ? (uint32_t)ceil((double)need * (to - from)) : 0;
    const uint32_t budget = lists && from < to ? listed_budget(s, to - from, least) : 0;
    if (budget == 0)
        return 0;
    struct unindexed_search search = {.lists = lists,
                                      .version = &x->unindexed.version,
                                      .epoch = &x->epoch,
                                      .query = s->query,
                                      .room = (uint8_t *)s->scratch->query + codes_query_bytes(&x->codes) +
                                              refine_query_bytes(x),
                                      .codes = query,
                                      .from = from,
                                      .to = to,
                                      .budget = budget,
                                      .least = least,
                                      .all = budget >= to - from,
                                      .sigmas = top->k > s->k && !lists->by_mean ? SIGMAS_SPARE : SIGMAS,
                                      .allowed = s->params->allowed,
                                      .copies = &x->copies,
                                      .visible = unseen->visible,
                                      .pause = s->params->pause,
                                      .scratch = s->scratch,
                                      .top = top};
    const int rc = unindexed_search(&search);
    s->scratch->unindexed_seen = search.seen;
    s->scratch->unindexed_scored = search.scored;
    const uint32_t graphed = indexed_rows(x) < to ? indexed_rows(x) : to;
    *unseen = (struct unseen){unseen->from, graphed > limit ? graphed : limit, to, coded_end, unseen->visible};
    if (rc == 0 && graphed > from)
        forget(top, from, graphed);
    return rc;
}

/* Outliers count by their vectors and not by their codes, so removes them. Of other hits, the
 * nearest `most` stay. top is sorted. */
static void drop_outliers(const struct codes *c, struct topk *top, uint32_t most)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < top->count && kept < most; i++)
        if (!codes_is_outlier(c, top->hits[i].row))
            top->hits[kept++] = top->hits[i];
    top->count = kept;
}

static void score_rows(struct search *s, const uint32_t *rows, uint32_t count)
{
    struct search_scratch *w = s->scratch;
    rows_locate(s->vectors, rows, count, w->rows);
    vectors_distances(s->x->metric, s->query, w->rows, count, s->x->dim, w->distances);
    for (uint32_t i = 0; i < count; i++)
        if (w->distances[i] <= topk_bound(&s->found))
            topk_add(&s->found, w->distances[i], rows[i]);
}

/* Scores the outliers below limit by their vectors. Copies are among them, because rows equal to
 * an outlier are outliers too. */
static int score_outliers(struct search *s, uint32_t limit)
{
    const struct codes *c = &s->x->codes;
    const uint32_t epoch = s->x->epoch;
    for (uint32_t i = 0; i < c->outlier_count && c->outliers[i] < limit;) {
        uint32_t rows[OUTLIERS_PER_PAUSE], n = 0;
        for (; i < c->outlier_count && c->outliers[i] < limit && n < OUTLIERS_PER_PAUSE; i++) {
            rows[n] = c->outliers[i];
            n += (!s->params->allowed || bits_test(s->params->allowed, rows[n])) &&
                 !(s->hidden && rows[n] == *s->hidden);
        }
        score_rows(s, rows, n);
        const int rc = pause_here(s->params->pause);
        if (rc != 0 || epoch != s->x->epoch)
            return rc != 0 ? rc : -EAGAIN;
    }
    return 0;
}

/* Turns the candidates found by codes into hits. */
static int conclude(struct search *s, const struct codes_query *query, struct topk *top, const struct unseen *unseen,
                    uint32_t limit, bool last, bool all)
{
    const struct codes *c = &s->x->codes;
    const uint32_t epoch = s->x->epoch;
    int rc = 0;
    if (!last || c->outlier_count)
        topk_sort(top);
    if (c->outlier_count)
        drop_outliers(c, top, all ? top->count : s->kept);
    for (uint32_t i = 0; i < top->count && last; i++)
        topk_add(&s->found, top->hits[i].distance, top->hits[i].row);
    if (!last)
        rc = score_again(s, query, top, (uint8_t *)s->scratch->query + codes_query_bytes(c), all);
    if (rc == 0)
        rc = search_add_copies(s, unseen);
    if (rc == 0 && epoch != s->x->epoch)
        return -EAGAIN; /* other codes have other outliers */
    return rc == 0 ? score_outliers(s, limit) : rc;
}

static int scan_codes(struct scan *scan, const struct codes_query *query, const struct segment_index *x, uint32_t from,
                      uint32_t to)
{
    scan->from = from;
    scan->to = to;
    return from < to ? flat_scan_codes(scan, query, &x->epoch) : 0;
}

uint32_t search_candidates(const struct search *s, bool exact_codes, bool walks, bool *ret_last)
{
    *ret_last = exact_codes || (s->x->sealed && s->x->resolved.refine == REFINE_NONE);
    uint32_t wanted = *ret_last ? s->k : search_refine_count(s) * (s->spare ? s->spare : 1);
    /* a scan: what the walk would have kept costs little to score again */
    if (!*ret_last && !walks && s->ef > wanted)
        wanted = s->ef < s->count ? s->ef : s->count;
    return wanted;
}

int search_coded(struct search *s, uint32_t coded, uint32_t graphed)
{
    const struct segment_index *x = s->x;
    struct search_scratch *w = s->scratch;
    const uint32_t limit = graphed < s->count ? graphed : s->count, coded_end = coded < s->count ? coded : s->count;
    const uint32_t epoch = x->epoch, version = x->unindexed.version;
    const struct index_kind *kind = segment_index_kind(x);
    struct index_query q = search_query(s, graphed);
    bool walks = search_walk_effort(s, &q) > 0, last;
    struct codes_query query;
    int rc = scratch_reserve(w, 0, 0, query_bytes(x), 0);
    if (rc < 0)
        return rc;
    codes_query_init(&query, &x->codes, s->query, w->query);
    if (!x->sealed)
        query.bound = NULL; /* the bound reads the codes, which may be replaced at a pause */
    uint32_t wanted = search_candidates(s, query.exact, walks, &last);
    s->kept = wanted;
    search_work_coded(s, &q, walks, coded_end, wanted);
    if (x->codes.outlier_count) /* outliers may seem near by their codes */
        wanted += x->codes.outlier_count < OUTLIERS_SPARE ? x->codes.outlier_count : OUTLIERS_SPARE;
    rc = scratch_reserve(w, 0, 0, 0, wanted);
    if (rc < 0)
        return rc;
    struct topk top;
    topk_init(&top, w->hits, wanted);
    top.keys = s->params->keys;
    struct scan scan = {.allowed = s->params->allowed, .pause = s->params->pause, .scratch = w, .top = &top};
    /* first, while the index is as it was: rows that it takes at a later pause are scanned */
    if (walks) {
        q.codes = &query;
        q.visible = coded_end;
        q.top = &top;
        rc = kind->search(x->index, &q);
        walks = q.effort > 0;
        if (!walks)
            search_work_codes(s, 0, limit);
        if (rc == 0 && walks)
            rc = search_scan_absent(s, &query, &top);
    }
    /* before the lists, too: the nearer the best hits, the more rows of lists are passed over */
    if (rc == 0 && !walks)
        rc = scan_codes(&scan, &query, x, 0, limit);
    struct unseen unseen = {.from = walks ? limit : 0, .to = coded_end, .visible = coded_end};
    if (rc == 0) /* new lists would need a prepared query of another size */
        rc = version == x->unindexed.version ? search_lists(s, &query, &top, limit, &unseen) : -EAGAIN;
    const bool all_seen = !walks && unseen.unindexed_to == 0;
    if (rc == 0)
        rc = scan_codes(&scan, &query, x, limit, unseen.to);
    if (rc == 0)
        rc = scan_codes(&scan, &query, x, unseen.unindexed_from, unseen.unindexed_to);
    if (rc == 0 && unseen.unindexed_to && s->params->allowed)
        rc = search_scan_leaders(s, &unseen, &query, &top);
    if (rc == 0 && !all_seen && !search_has_enough(s, &unseen, &top)) {
        /* the allowed rows are far from the query, so that the walk and the
         * lists did not reach them */
        topk_clear(&top);
        unseen = (struct unseen){.to = coded_end, .visible = coded_end};
        rc = scan_codes(&scan, &query, x, 0, coded_end);
    }
    if (rc != 0 || epoch != x->epoch)
        return rc != 0 ? rc : -EAGAIN;
    const bool all = unseen.from == 0 && unseen.unindexed_to == 0 && top.count < top.k;
    return conclude(s, &query, &top, &unseen, coded_end, last, all);
}
