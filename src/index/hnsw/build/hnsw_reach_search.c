/* hnsw_reach_search.c -- searches for rows by their own vectors, with the codes that searches
 * will use. Shares do it, because it only reads the graph. */
#include "index/hnsw/build/hnsw_reach.h"

#include "index/recall/recall_curve.h"
#include "index/search.h"
#include <assert.h>
#include <stdatomic.h>
#include <string.h>

/* of the second search for a row; while the graph grows, half of the least beam of a search */
#define EF 32
/* of the third search, under the inner product */
#define EF_WIDE 64
/* of the first search while the graph grows; most rows are found with so little */
#define EF_FIRST     12
#define ROWS_AT_ONCE 8

struct job {
    const struct reach_search *search;
    struct hnsw_builder *builder;
    /* the next rows that no share has taken; only counts, no data are published by it */
    _Atomic uint32_t next;
};

/* The rows found by the walk with the smallest beam, nearest first. */
struct first_walk {
    uint32_t found[RECALL_K_MIN], count;
};
static_assert(REACH_ANCHORS <= RECALL_K_MIN, "some of these are anchors");

static void keep_first(const struct pool *pool, struct first_walk *first)
{
    for (uint32_t i = 0; i < RECALL_K_MIN; i++)
        first->found[i] = i < pool->count ? pool->cand[i].id : LINK_NONE;
    first->count = pool->count < RECALL_K_MIN ? pool->count : RECALL_K_MIN;
}

static bool holds(const struct pool *pool, uint32_t row)
{
    bool found = false;
    for (uint32_t i = 0; i < pool->count; i++)
        found |= pool->cand[i].id == row;
    return found;
}

/* How many other rows are as near to the row's own vector as the row itself, by codes. */
static uint32_t count_as_near(const struct pool *pool, uint32_t row, float own)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < pool->count; i++)
        n += pool->cand[i].id != row && pool->cand[i].distance <= own;
    return n;
}

/* Whether the row was found. While the graph grows, an inlink must be found too, or later rows
 * would cut the row off. */
static bool is_found(const struct hnsw *g, const struct reaching *r, const struct pool *pool, uint32_t row,
                     struct walk_end *end)
{
    if (!holds(pool, row))
        return false;
    if (r->grows)
        end->inlink = inlink_find(g, pool, row);
    return !r->grows || end->inlink.from != LINK_NONE;
}

/* Chooses the nearest rows as anchors, which may link to the row. While the graph grows, those
 * with room come first, because the next new row may replace a link in a full list. */
static void choose_anchors(const struct hnsw *g, const struct reaching *r, const struct pool *pool, uint32_t row,
                           struct walk_end *end)
{
    const uint32_t max = 2 * g->m;
    uint32_t n = 0;
    for (unsigned full = 0; full < 2; full++)
        for (uint32_t i = 0; i < pool->count && n < REACH_ANCHORS; i++) {
            const uint32_t from = pool->cand[i].id;
            const bool is_full = r->grows && links_count(hnsw_links(g, from), max) == max;
            if (from != row && is_full == (full == 1))
                end->nearest[n++] = from;
        }
    for (; n < REACH_ANCHORS; n++)
        end->nearest[n] = LINK_NONE;
}

/* How many rows of the pool are nearer to the row's own vector than the row itself, by vectors. */
static uint32_t count_nearer(const struct reach_search *s, struct search_scratch *scratch, uint32_t row)
{
    const struct pool *pool = &scratch->pool;
    const float *vector = rows_at(s->vectors, row);
    const void *rows[EF + 1] = {vector};
    float distances[EF + 1];
    uint32_t nearer = 0;
    for (uint32_t i = 0; i < pool->count; i++)
        rows[i + 1] = rows_at(s->vectors, pool->cand[i].id);
    vectors_distances(s->codes->metric, vector, rows, pool->count + 1, s->codes->dim, distances);
    for (uint32_t i = 0; i < pool->count; i++)
        nearer += distances[i + 1] < distances[0];
    return nearer;
}

/* For a row that a search with beam EF did not find, or found behind others: the smallest beam
 * that should find it. 0: none should. By codes that cannot tell rows apart, a row may not be
 * among the nearest of its own vector. Under the inner product, short rows are not, even by
 * vectors. A few others may be nearer by their codes alone. */
static uint32_t beam_wanted(const struct reach_search *s, struct search_scratch *scratch,
                            const struct codes_query *query, uint32_t row, bool grows, bool *ret_lost)
{
    codes_distances(query, &row, 1, scratch->rows, scratch->distances);
    const uint32_t as_near = count_as_near(&scratch->pool, row, scratch->distances[0]);
    const bool is_answer = grows || count_nearer(s, scratch, row) < RECALL_K_MIN;
    *ret_lost = !grows && is_answer && as_near >= EF;
    if (as_near >= EF || !is_answer)
        return 0;
    return grows || as_near < RECALL_K_MIN ? RECALL_K_MIN : as_near < REFINE_MIN ? REFINE_MIN : EF;
}

static bool is_looked_at(const struct reaching *r, uint32_t row)
{
    return !r->grows && r->sweeps == 0 && !hnsw_is_exam_row(row) &&
           (r->turn == 0 ? hnsw_row_lot(row) == 0 : r->turn <= REACH_BRIDGES);
}

/* Under the inner product the rows nearest to a row's own vector may be in another place,
 * longer than all rows around it. A wider beam tells whether a walk gets there: it was stuck if
 * the 10 nearest that the wider beam found include none that the first walk found. first: where
 * the first walk ended. */
static int look_farther(const struct hnsw_walk *walk, const struct first_walk *first, struct walk_end *end)
{
    const struct pool *pool = &walk->scratch->pool;
    const int rc = hnsw_search(walk, EF_WIDE);
    if (rc != 0 || pool->count < RECALL_K_MIN)
        return rc;
    for (uint32_t i = 0; i < RECALL_K_MIN; i++)
        for (uint32_t j = 0; j < first->count; j++)
            if (pool->cand[i].id == first->found[j])
                return 0;
    memcpy(end->nearest, first->found, sizeof(end->nearest));
    end->stuck = true;
    end->bridge = pool->cand[0].id;
    return 0;
}

static int search_for(const struct reach_search *s, struct hnsw_worker *w, uint32_t row, const struct reaching *r,
                      struct walk_end *end, const struct pause *pause)
{
    struct search_scratch *scratch = w->scratch;
    const struct pool *pool = &scratch->pool;
    struct codes_query query;
    end->inlink.from = row;
    end->done = codes_is_outlier(s->codes, row); /* every search scores an outlier by its vector */
    if (end->done)
        return 0;
    int rc = scratch_reserve(scratch, 0, EF, codes_query_bytes(s->codes), 0);
    if (rc < 0)
        return rc;
    codes_query_init(&query, s->codes, rows_at(s->vectors, row), scratch->query);
    const struct hnsw_walk walk = {.graph = s->graph,
                                   .query = &query,
                                   .scratch = scratch,
                                   .limit = s->graph->count,
                                   .node_limit = s->graph->nodes,
                                   .no_strays = true,
                                   .pause = pause};
    rc = hnsw_search(&walk, r->grows ? EF_FIRST : RECALL_K_MIN);
    end->done = rc == 0;
    if (rc != 0 || is_found(s->graph, r, pool, row, end))
        return rc;
    struct first_walk first;
    keep_first(pool, &first);
    rc = hnsw_search(&walk, EF);
    end->done = rc == 0;
    if (rc != 0 || (r->grows && is_found(s->graph, r, pool, row, end)))
        return rc;
    end->inlink.from = row;
    choose_anchors(s->graph, r, pool, row, end);
    const uint32_t beam = beam_wanted(s, scratch, &query, row, r->grows, &end->lost);
    end->missed = beam == RECALL_K_MIN || (beam == EF && !holds(pool, row));
    if (beam == REFINE_MIN) {
        rc = hnsw_search(&walk, beam);
        end->done = rc == 0;
        end->missed = !holds(pool, row);
    }
    end->beam = beam;
    if (rc == 0 && beam == 0 && !end->lost && s->codes->metric == METRIC_IP && is_looked_at(r, row)) {
        rc = look_farther(&walk, &first, end);
        end->done = rc == 0;
    }
    return rc;
}

static int reach_share(void *arg, unsigned share, const struct pause *pause)
{
    struct job *job = arg;
    const struct reaching *r = &job->builder->reaching;
    for (;;) {
        const uint32_t from = atomic_fetch_add_explicit(&job->next, ROWS_AT_ONCE, memory_order_relaxed);
        if (from >= r->window_count)
            return 0;
        for (uint32_t i = from; i < from + ROWS_AT_ONCE && i < r->window_count; i++) {
            if (r->end[i].done)
                continue;
            int rc = search_for(job->search, job->builder->worker[share], r->window[i], r, &r->end[i], pause);
            if (rc == 0)
                rc = pause_here(pause);
            if (rc != 0)
                return rc;
        }
    }
}

int reach_search_window(const struct reach_search *search, struct hnsw_builder *b, const struct workers *workers,
                        const struct pause *pause)
{
    struct job job = {.search = search, .builder = b};
    return workers_run(workers, reach_share, &job, pause);
}
