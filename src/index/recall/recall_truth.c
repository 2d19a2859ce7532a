/* recall_truth.c -- finds the true nearest rows of all queries. A piece has PIECE queries.
 * They scan the rows together, in blocks that fit the L1 cache, so that each row comes from
 * memory once a piece. */
#include "index/recall/recall_truth.h"

#include "base/bits.h"
#include "index/segment_index_internal.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PIECE       16
#define BLOCK_BYTES (16 * 1024)
#define BLOCK_MAX   64

uint32_t recall_truth_pieces(const struct recall_truth *t)
{
    return (t->of.count + PIECE - 1) / PIECE;
}

static uint32_t truth_k(const struct recall_truth *t, uint32_t query)
{
    return query < t->of.many ? RECALL_K_MAX : RECALL_K_MIN;
}

static struct hit *truth_at(const struct recall_truth *t, uint32_t query)
{
    const uint32_t first = query < t->of.many ? query : t->of.many;
    return t->hits + (size_t)first * RECALL_K_MAX + (size_t)(query - first) * RECALL_K_MIN;
}

/* Sets the bits of the rows that no walk can find. */
static int find_absent(struct recall_truth *t, const struct copies *c)
{
    if (c->absent == 0)
        return 0;
    t->absent = calloc(bits_words(t->rows), sizeof(*t->absent));
    for (uint32_t row = 0; t->absent && row < t->rows; row++) {
        if (!(copies_entry(c, row) & ABSENT_FLAG))
            continue;
        bits_set(t->absent, row);
        for (uint32_t i = copies_first(c, row); i < t->rows; i = copies_next(c, row, i))
            bits_set(t->absent, i);
    }
    return t->absent ? 0 : -ENOMEM;
}

int recall_truth_init(struct recall_truth *t, const struct segment_index *x, uint32_t most, const struct rows *vectors)
{
    *t = (struct recall_truth){.metric = x->metric, .dim = x->dim, .rows = indexed_rows(x)};
    int rc = recall_queries_init(&t->of, x, most, vectors);
    if (rc == 0)
        rc = find_absent(t, &x->copies);
    if (rc < 0)
        return rc;
    const size_t many = t->of.many, few = t->of.count - many;
    t->hits = calloc(many * RECALL_K_MAX + few * RECALL_K_MIN + 1, sizeof(*t->hits));
    t->found = calloc(t->of.count + 1, sizeof(*t->found));
    t->next = calloc(recall_truth_pieces(t) + 1, sizeof(*t->next));
    return t->hits && t->found && t->next ? 0 : -ENOMEM;
}

void recall_truth_fini(struct recall_truth *t)
{
    recall_queries_fini(&t->of);
    free(t->absent);
    free(t->hits);
    free(t->found);
    free(t->next);
}

/* Adds rows [from, to) to the heap of one query. */
static void scan_block(struct recall_truth *t, uint32_t query, const struct rows *vectors, uint32_t from, uint32_t to)
{
    const void *rows[BLOCK_MAX];
    float distances[BLOCK_MAX];
    const float *q = t->of.vector[query];
    for (uint32_t i = 0; i < to - from; i++)
        rows[i] = rows_at(vectors, from + i);
    vectors_distances(t->metric, q, rows, to - from, t->dim, distances);
    struct topk top = {.hits = truth_at(t, query), .k = truth_k(t, query), .count = t->found[query]};
    float bound = topk_bound(&top);
    for (uint32_t i = 0; i < to - from; i++)
        if (distances[i] <= bound && from + i != t->of.row[query] && !(t->absent && bits_test(t->absent, from + i))) {
            topk_add(&top, distances[i], from + i);
            bound = topk_bound(&top);
        }
    t->found[query] = top.count;
}

int recall_truth_scan(struct recall_truth *t, uint32_t piece, const struct rows *vectors, const struct pause *pause)
{
    const uint32_t first = piece * PIECE, last = first + PIECE < t->of.count ? first + PIECE : t->of.count;
    const uint32_t fit = BLOCK_BYTES / vectors->stride + 1, block = fit < BLOCK_MAX ? fit : BLOCK_MAX;
    while (t->next[piece] < t->rows) {
        const uint32_t from = t->next[piece], to = t->rows - from < block ? t->rows : from + block;
        for (uint32_t query = first; query < last; query++)
            scan_block(t, query, vectors, from, to);
        t->next[piece] = to;
        int rc = pause_here(pause);
        if (rc != 0)
            return rc;
    }
    for (uint32_t query = first; query < last; query++) {
        struct topk top = {.hits = truth_at(t, query), .k = truth_k(t, query), .count = t->found[query]};
        topk_sort(&top);
    }
    return 0;
}

static bool is_among(const struct hit *truth, uint32_t count, uint32_t row)
{
    for (uint32_t i = 0; i < count; i++)
        if (truth[i].row == row)
            return true;
    return false;
}

/* Whether `row` is as near to the query as `last`. One call computes both distances, because
 * kernels round in different ways, and equal rows must have equal distances. */
static bool is_as_near(const struct recall_truth *t, uint32_t query, uint32_t row, uint32_t last,
                       const struct rows *vectors)
{
    const void *rows[] = {rows_at(vectors, row), rows_at(vectors, last)};
    float distances[2];
    vectors_distances(t->metric, t->of.vector[query], rows, 2, t->dim, distances);
    return distances[0] <= distances[1];
}

uint32_t recall_truth_hits(const struct recall_truth *t, uint32_t query, uint32_t k, const struct hit *hits,
                           uint32_t count, const struct rows *vectors)
{
    const struct hit *truth = truth_at(t, query);
    const uint32_t nearest = k < t->found[query] ? k : t->found[query];
    /* when distances are NaN, there are no nearest rows, and nothing counts as missed */
    uint32_t n = k - nearest;
    for (uint32_t i = 0; i < count && n < k; i++) {
        const uint32_t row = hits[i].row;
        n += row != t->of.row[query] &&
             (is_among(truth, nearest, row) || (nearest && is_as_near(t, query, row, truth[nearest - 1].row, vectors)));
    }
    return n;
}
