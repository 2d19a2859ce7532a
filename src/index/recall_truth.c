/* recall_truth.c -- a piece is PIECE queries. They pass over the rows together, a block of rows that fits the first cache after
 * the other, so that each row comes from memory once a piece. */
#include "index/recall_truth.h"

#include "index/segment_index_impl.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define PIECE       16
#define BLOCK_BYTES (16 * 1024)
#define BLOCK_MAX   64
#define KS_SHARE    4 /* one query in so many has RECALL_K_MAX neighbours */

/* Comparing a row with all queries takes 2 to 4 % of the time that linking it does, measured with 128 to 1280 dimensions. */
#define QUERIES_MAX 256
#define QUERIES_MIN 96
#define VALUES      (128 * 1024) /* of all queries */
#define ROWS_SHARE  32           /* one row in so many, where these are more than QUERIES_MIN */

static uint32_t queries_wanted(const struct segment_index *x)
{
    uint32_t n = VALUES / x->dim;
    n = n > x->graph.count / ROWS_SHARE ? x->graph.count / ROWS_SHARE : n;
    n = n > QUERIES_MAX ? QUERIES_MAX : n < QUERIES_MIN ? QUERIES_MIN : n;
    return n < x->graph.count / 2 ? n : x->graph.count / 2;
}

static bool is_node(const uint32_t *rows, uint32_t count, uint32_t row)
{
    for (uint32_t from = 0, to = count; from < to;) {
        const uint32_t middle = from + (to - from) / 2;
        if (rows[middle] == row)
            return true;
        if (rows[middle] < row)
            from = middle + 1;
        else
            to = middle;
    }
    return false;
}

static int compare_rows(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Rows at even distances, the first in so many before the others, so that any first part of them is spread as well. A walk can
 * leave out a row of the lowest layer; rows that lie on higher ones, too, are passed over. */
static int choose_rows(struct recall_truth *t, const struct segment_index *x)
{
    const uint32_t wanted = queries_wanted(x), nodes = x->graph.nodes;
    uint32_t *higher = malloc((nodes + 1) * sizeof(*higher));
    if (!higher)
        return -ENOMEM;
    for (uint32_t i = 0; i < nodes; i++)
        higher[i] = hnsw_node(&x->graph, i)->row;
    qsort(higher, nodes, sizeof(*higher), compare_rows);
    for (uint32_t part = 0; part < KS_SHARE; part++)
        for (uint32_t i = part; i < wanted; i += KS_SHARE) {
            uint32_t row = (uint32_t)((uint64_t)i * t->rows / wanted);
            const uint32_t end = (uint32_t)((uint64_t)(i + 1) * t->rows / wanted);
            while (row < end && is_node(higher, nodes, row))
                row++;
            if (row < end)
                t->row[t->count++] = row;
        }
    free(higher);
    return 0;
}

uint32_t recall_truth_many(const struct recall_truth *t)
{
    return t->count / KS_SHARE;
}

uint32_t recall_truth_pieces(const struct recall_truth *t)
{
    return (t->count + PIECE - 1) / PIECE;
}

static uint32_t truth_k(const struct recall_truth *t, uint32_t query)
{
    return query < recall_truth_many(t) ? RECALL_K_MAX : RECALL_K_MIN;
}

static struct hit *truth_at(const struct recall_truth *t, uint32_t query)
{
    const uint32_t many = recall_truth_many(t), first = query < many ? query : many;
    return t->hits + (size_t)first * RECALL_K_MAX + (size_t)(query - first) * RECALL_K_MIN;
}

int recall_truth_init(struct recall_truth *t, const struct segment_index *x)
{
    const uint32_t most = queries_wanted(x);
    *t = (struct recall_truth){.metric = x->metric, .dim = x->dim, .rows = x->graph.count};
    t->row = calloc(most + 1, sizeof(*t->row));
    int rc = t->row ? choose_rows(t, x) : -ENOMEM;
    if (rc < 0)
        return rc;
    const uint32_t many = recall_truth_many(t);
    t->hits = calloc((size_t)many * RECALL_K_MAX + (size_t)(t->count - many) * RECALL_K_MIN + 1, sizeof(*t->hits));
    t->found = calloc(t->count + 1, sizeof(*t->found));
    t->next = calloc(recall_truth_pieces(t) + 1, sizeof(*t->next));
    return t->hits && t->found && t->next ? 0 : -ENOMEM;
}

void recall_truth_fini(struct recall_truth *t)
{
    free(t->row);
    free(t->hits);
    free(t->found);
    free(t->next);
}

/* Rows [from, to) into the heap of one query. */
static void scan_block(struct recall_truth *t, uint32_t query, const struct rows *vectors, uint32_t from, uint32_t to)
{
    const void *rows[BLOCK_MAX];
    float distances[BLOCK_MAX];
    const float *q = rows_at(vectors, t->row[query]);
    for (uint32_t i = 0; i < to - from; i++)
        rows[i] = rows_at(vectors, from + i);
    vectors_distances(t->metric, q, rows, to - from, t->dim, distances);
    struct topk top = {.hits = truth_at(t, query), .k = truth_k(t, query), .count = t->found[query]};
    float bound = topk_bound(&top);
    for (uint32_t i = 0; i < to - from; i++)
        if (distances[i] <= bound && from + i != t->row[query]) {
            topk_add(&top, distances[i], from + i);
            bound = topk_bound(&top);
        }
    t->found[query] = top.count;
}

int recall_truth_scan(struct recall_truth *t, uint32_t piece, const struct rows *vectors, const struct pause *pause)
{
    const uint32_t first = piece * PIECE, last = first + PIECE < t->count ? first + PIECE : t->count;
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

/* But for rounding, which may differ between kernels. */
static bool is_as_near(float distance, const struct hit *last)
{
    return distance <= last->distance + 1e-6f * fabsf(last->distance);
}

uint32_t recall_truth_hits(const struct recall_truth *t, uint32_t query, uint32_t k, const struct hit *hits,
                           uint32_t count, const struct rows *vectors)
{
    const struct hit *truth = truth_at(t, query);
    const uint32_t nearest = k < t->found[query] ? k : t->found[query];
    const float *q = rows_at(vectors, t->row[query]);
    uint32_t n = k - nearest; /* of distances that are no numbers, there are no nearest */
    for (uint32_t i = 0; i < count && n < k; i++) {
        const uint32_t row = hits[i].row;
        n += row != t->row[query] &&
             (is_among(truth, nearest, row) ||
              (nearest &&
               is_as_near(vectors_distance(t->metric, q, rows_at(vectors, row), t->dim), &truth[nearest - 1])));
    }
    return n;
}
