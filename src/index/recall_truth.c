/* recall_truth.c -- a piece is PIECE queries. They pass over the rows together, a block of rows that fits the first cache after
 * the other, so that each row comes from memory once a piece. */
#include "index/recall_truth.h"

#include "base/bits.h"
#include "index/segment_index_impl.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PIECE       16
#define BLOCK_BYTES (16 * 1024)
#define BLOCK_MAX   64
#define KS_SHARE    4 /* one query in so many has RECALL_K_MAX neighbours */

/* Comparing a row with all queries takes 2 to 4 % of the time that linking it does, measured with 128 to 1280 dimensions. */
#define QUERIES_MAX   256
#define QUERIES_MIN   96
#define VALUES        (128 * 1024) /* of all queries */
#define QUERIES_LEAST 16           /* fewer say nothing */
#define DIM_LARGE     16384        /* vectors of which a few make a MiB */
#define QUERIES_LARGE 32
#define MOVED_LEAST   0.1f /* the part of the way to a neighbour that a row is moved, at least, */
#define MOVED_MORE    0.3f /* and how much more at most */
#define NOISE         0.1f /* the part of its distance from the mean that a row is moved at random */
#define ROWS_SHARE    32   /* one row in so many, where these are more than QUERIES_MIN */

static uint32_t queries_wanted(const struct segment_index *x, uint32_t most)
{
    uint32_t n = VALUES / x->dim;
    n = n > x->graph.count / ROWS_SHARE ? x->graph.count / ROWS_SHARE : n;
    n = n > QUERIES_MAX ? QUERIES_MAX : n < QUERIES_MIN ? QUERIES_MIN : n;
    n = x->dim > DIM_LARGE && n > QUERIES_LARGE ? QUERIES_LARGE : n;
    n = n < most ? n : most;
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

/* A walk can leave out a row that lies on the lowest layer only, and does not stand for rows equal to it. */
static bool is_fit(const struct segment_index *x, const uint32_t *higher, uint32_t row)
{
    return copies_entry(&x->copies, row) == 0 && !is_node(higher, x->graph.nodes, row);
}

/* Rows at even distances, the first in so many before the others, so that any first part of them is spread as well. higher: rows of
 * higher layers, sorted; NULL: where nearly all rows have equals, rows that stand for these. */
static void choose_rows(struct recall_truth *t, const struct segment_index *x, const uint32_t *higher, uint32_t wanted)
{
    t->count = 0;
    for (uint32_t part = 0; part < KS_SHARE; part++)
        for (uint32_t i = part; i < wanted; i += KS_SHARE) {
            uint32_t row = (uint32_t)((uint64_t)i * t->rows / wanted);
            const uint32_t end = (uint32_t)((uint64_t)(i + 1) * t->rows / wanted);
            while (row < end && !(higher ? is_fit(x, higher, row) : copies_is_linked(&x->copies, row)))
                row++;
            if (row < end)
                t->row[t->count++] = row;
        }
}

static int choose(struct recall_truth *t, const struct segment_index *x, uint32_t wanted)
{
    const uint32_t nodes = x->graph.nodes;
    uint32_t *higher = malloc((nodes + 1) * sizeof(*higher));
    if (!higher)
        return -ENOMEM;
    for (uint32_t i = 0; i < nodes; i++)
        higher[i] = hnsw_node(&x->graph, i)->row;
    qsort(higher, nodes, sizeof(*higher), compare_rows);
    choose_rows(t, x, higher, wanted);
    if (t->count < QUERIES_LEAST)
        choose_rows(t, x, NULL, wanted);
    if (t->count < QUERIES_LEAST)
        t->count = 0;
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

/* A part of the way to a row that it links to; without links, where it is. */
static void move_between(const struct recall_truth *t, const struct segment_index *x, uint32_t query,
                         const struct rows *vectors, float *ret)
{
    const uint32_t row = t->row[query], *links = hnsw_links(&x->graph, row);
    uint32_t count = 0;
    while (count < 2 * x->graph.m && links[count] != LINK_NONE)
        count++;
    const float *from = rows_at(vectors, row), *to = count ? rows_at(vectors, links[query / 4 % count]) : from;
    const float part = MOVED_LEAST + MOVED_MORE * (float)(query / 4 % 8) / 7;
    for (uint32_t j = 0; j < t->dim; j++)
        ret[j] = from[j] * (1 - part) + to[j] * part;
}

/* SplitMix64; in (-1, 1). */
static float random_part(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (float)((double)((z ^ (z >> 31)) >> 11) * 0x1p-52 - 1);
}

static void move_anywhere(const struct recall_truth *t, uint32_t query, const float *from, const float *mean,
                          float *ret)
{
    double far = 0, length = 0;
    uint64_t state = query;
    for (uint32_t j = 0; j < t->dim; j++) {
        const double away = (double)from[j] - mean[j];
        ret[j] = random_part(&state) + random_part(&state) + random_part(&state); /* nearly as far in every direction */
        far += away * away;
        length += (double)ret[j] * ret[j];
    }
    const double scale = length > 0 && isfinite(far) ? NOISE * sqrt(far / length) : 0;
    for (uint32_t j = 0; j < t->dim; j++)
        ret[j] = from[j] + (float)(scale * ret[j]);
}

/* Of the rows that are queries. */
static float *mean_of(const struct recall_truth *t, const struct rows *vectors)
{
    float *mean = calloc(t->dim, sizeof(*mean));
    for (uint32_t q = 0; mean && q < t->count; q++) {
        const float *x = rows_at(vectors, t->row[q]);
        for (uint32_t j = 0; j < t->dim; j++)
            mean[j] += x[j] / (float)t->count;
    }
    return mean;
}

/* Queries 1, 5, .. are moved between rows, 3, 7, .. anywhere; where that makes no vector to search for, they stay rows. */
static int move_rows(struct recall_truth *t, const struct segment_index *x, const struct rows *vectors)
{
    float *mean = mean_of(t, vectors);
    t->moved = calloc((size_t)t->count / 2 * t->dim + 1, sizeof(*t->moved));
    for (uint32_t q = 1; mean && t->moved && q < t->count; q += 2) {
        const float *from = rows_at(vectors, t->row[q]);
        float *to = t->moved + (size_t)(q / 2) * t->dim;
        if (q % 4 == 1)
            move_between(t, x, q, vectors, to);
        else
            move_anywhere(t, q, from, mean, to);
        if (vectors_first_bad(to, t->dim) >= 0 || (t->metric == METRIC_COSINE && !vectors_normalise(to, t->dim)))
            memcpy(to, from, t->dim * sizeof(*to));
    }
    const bool made = mean && t->moved;
    free(mean);
    return made ? 0 : -ENOMEM;
}

/* Bits of the rows that no walk can find. */
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

const float *recall_truth_query(const struct recall_truth *t, uint32_t query, const struct rows *vectors)
{
    return query % 2 ? t->moved + (size_t)(query / 2) * t->dim : rows_at(vectors, t->row[query]);
}

int recall_truth_init(struct recall_truth *t, const struct segment_index *x, uint32_t most, const struct rows *vectors)
{
    const uint32_t wanted = queries_wanted(x, most);
    *t = (struct recall_truth){.metric = x->metric, .dim = x->dim, .rows = x->graph.count};
    t->row = calloc(wanted + 1, sizeof(*t->row));
    int rc = t->row ? choose(t, x, wanted) : -ENOMEM;
    if (rc == 0)
        rc = find_absent(t, &x->copies);
    if (rc == 0)
        rc = move_rows(t, x, vectors);
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
    free(t->moved);
    free(t->absent);
    free(t->hits);
    free(t->found);
    free(t->next);
}

/* Rows [from, to) into the heap of one query. */
static void scan_block(struct recall_truth *t, uint32_t query, const struct rows *vectors, uint32_t from, uint32_t to)
{
    const void *rows[BLOCK_MAX];
    float distances[BLOCK_MAX];
    const float *q = recall_truth_query(t, query, vectors);
    for (uint32_t i = 0; i < to - from; i++)
        rows[i] = rows_at(vectors, from + i);
    vectors_distances(t->metric, q, rows, to - from, t->dim, distances);
    struct topk top = {.hits = truth_at(t, query), .k = truth_k(t, query), .count = t->found[query]};
    float bound = topk_bound(&top);
    for (uint32_t i = 0; i < to - from; i++)
        if (distances[i] <= bound && from + i != t->row[query] && !(t->absent && bits_test(t->absent, from + i))) {
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
    const float *q = recall_truth_query(t, query, vectors);
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
