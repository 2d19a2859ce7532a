/* recall_queries.c -- chooses which rows are queries, moves them, and adds lent ones. The rows
 * lie at even distances, so that all parts of an import are asked about. The first part of each
 * kind stands before the rest, because it is also asked for more neighbours. */
#include "index/recall/recall_queries.h"

#include "index/recall/recall_curve.h"
#include "index/segment_index_internal.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MANY_SHARE 4 /* one query in so many is asked for RECALL_K_MAX neighbours */

/* Comparing a row with all queries takes 2 to 4 % of the time of linking it, measured with
 * 128 to 1280 dimensions. */
#define ROWS_MOST     256
#define ROWS_LEAST    96
#define VALUES        (128 * 1024) /* of all queries made of rows */
#define DIM_LARGE     16384        /* dimensions of vectors of which a few take a MiB */
#define QUERIES_LARGE 32
#define LENT_MAX      64
#define LIVE_ENOUGH   32    /* so many live queries are enough to know what clients ask */
#define MOVED_LEAST   0.1f  /* a row is moved at least this part of the way to a neighbour, */
#define MOVED_MORE    0.3f  /* and at most so much more */
#define APART_LEAST   0.05f /* the same for the way to any other row */
#define APART_MORE    0.15f
/* how far a row is moved at random, as a share of its distance from the mean */
#define NOISE 0.1f
/* rows count as parallel when their mean is so many times as long as their distance from it */
#define PARALLEL   8
#define ROWS_SHARE 32 /* one row in so many is a query, where that is more than ROWS_LEAST */

/* The material of the queries, before they are put in order. */
struct chosen {
    const struct segment_index *x;
    const struct rows *vectors;
    uint32_t *row; /* owned */
    uint32_t rows, rows_many;
    uint32_t lent, lent_many;
    float *mean; /* of the chosen rows; owned */
    bool guess_off_mean;
};

static uint32_t rows_wanted(const struct segment_index *x, uint32_t most)
{
    uint32_t n = VALUES / x->dim;
    n = n > indexed_rows(x) / ROWS_SHARE ? indexed_rows(x) / ROWS_SHARE : n;
    n = n > ROWS_MOST ? ROWS_MOST : n < ROWS_LEAST ? ROWS_LEAST : n;
    n = x->dim > DIM_LARGE && n > QUERIES_LARGE ? QUERIES_LARGE : n;
    n = n < most ? n : most;
    return n < indexed_rows(x) / 2 ? n : indexed_rows(x) / 2;
}

/* Whether there are enough live queries to know what clients ask. */
static bool is_known(const struct segment_index *x)
{
    return x->queries && x->queries->live >= LIVE_ENOUGH;
}

static uint32_t lent_wanted(const struct segment_index *x, uint32_t rows)
{
    const uint32_t most = rows * 2 / 3 < LENT_MAX ? rows * 2 / 3 : LENT_MAX;
    const uint32_t n = x->queries ? x->queries->count : 0;
    return n < RECALL_QUERIES_MIN ? 0 : n < most ? n : most;
}

/* -- rows -- */

/* Whether a search can leave the row out, and the row has no copies. */
static bool is_fit(const struct segment_index *x, uint32_t row)
{
    const struct index_kind *kind = segment_index_kind(x);
    return copies_entry(&x->copies, row) == 0 && (!kind->may_hide || kind->may_hide(x->index, row));
}

/* Chooses rows at even distances; those that are also asked for more neighbours come first.
 * copied: for indexes in which nearly all rows have copies, chooses leaders. */
static void choose_among(struct chosen *c, bool copied, uint32_t wanted)
{
    const struct segment_index *x = c->x;
    c->rows = c->rows_many = 0;
    for (uint32_t part = 0; part < MANY_SHARE; part++) {
        for (uint32_t i = part; i < wanted; i += MANY_SHARE) {
            uint32_t row = (uint32_t)((uint64_t)i * indexed_rows(x) / wanted);
            const uint32_t end = (uint32_t)((uint64_t)(i + 1) * indexed_rows(x) / wanted);
            while (row < end && !(copied ? copies_is_linked(&x->copies, row) : is_fit(x, row)))
                row++;
            if (row < end)
                c->row[c->rows++] = row;
        }
    }
    c->rows = c->rows < RECALL_QUERIES_MIN ? 0 : c->rows;
    c->rows_many = c->rows / MANY_SHARE;
}

static int choose_rows(struct chosen *c, uint32_t wanted)
{
    c->row = calloc(wanted + 1, sizeof(*c->row));
    if (!c->row)
        return -ENOMEM;
    choose_among(c, false, wanted);
    if (c->rows == 0)
        choose_among(c, true, wanted);
    return 0;
}

static int find_mean(struct chosen *c)
{
    const uint32_t dim = c->x->dim;
    double length = 0, apart = 0;
    c->mean = calloc(dim, sizeof(*c->mean));
    for (uint32_t i = 0; c->mean && i < c->rows; i++) {
        const float *v = rows_at(c->vectors, c->row[i]);
        for (uint32_t j = 0; j < dim; j++)
            c->mean[j] += v[j] / (float)c->rows;
    }
    for (uint32_t i = 0; c->mean && i < c->rows; i++) {
        const float *v = rows_at(c->vectors, c->row[i]);
        for (uint32_t j = 0; j < dim; j++) {
            length += (double)c->mean[j] * c->mean[j];
            apart += ((double)v[j] - c->mean[j]) * ((double)v[j] - c->mean[j]);
        }
    }
    c->guess_off_mean = c->x->metric == METRIC_IP && length > PARALLEL * PARALLEL * apart && !is_known(c->x);
    return c->mean ? 0 : -ENOMEM;
}

/* -- moving rows -- */

/* Moves row i a part of the way to a row that the index knows to be near; if it
 * knows none, not at all. */
static void move_between(const struct chosen *c, uint32_t i, float *ret)
{
    const struct segment_index *x = c->x;
    const struct index_kind *kind = segment_index_kind(x);
    const uint32_t row = c->row[i], near = kind->near ? kind->near(x->index, row, i / 4) : row;
    const float *from = rows_at(c->vectors, row), *to = rows_at(c->vectors, near);
    const float part = MOVED_LEAST + MOVED_MORE * (float)(i / 4 % 8) / 7;
    for (uint32_t j = 0; j < x->dim; j++)
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

static void move_anywhere(const struct chosen *c, uint32_t i, float *ret)
{
    const float *from = rows_at(c->vectors, c->row[i]);
    double far = 0, length = 0;
    uint64_t state = i;
    for (uint32_t j = 0; j < c->x->dim; j++) {
        const double away = (double)from[j] - c->mean[j];
        /* the sum of three is nearly equally long in every direction */
        ret[j] = random_part(&state) + random_part(&state) + random_part(&state);
        far += away * away;
        length += (double)ret[j] * ret[j];
    }
    const double scale = length > 0 && isfinite(far) ? NOISE * sqrt(far / length) : 0;
    for (uint32_t j = 0; j < c->x->dim; j++)
        ret[j] = from[j] + (float)(scale * ret[j]);
}

/* Moves `from` a smaller part of the way to another chosen row, which may be far away. */
static void move_apart(const struct chosen *c, uint32_t i, const float *from, float *ret)
{
    const float *to = rows_at(c->vectors, c->row[(i * 29 + 13) % c->rows]);
    const float part = APART_LEAST + APART_MORE * (float)(i / 8 % 4) / 3;
    for (uint32_t j = 0; j < c->x->dim; j++)
        ret[j] = from[j] * (1 - part) + to[j] * part;
}

/* The difference between row i and the mean. */
static void move_off_mean(const struct chosen *c, uint32_t i, float *ret)
{
    const float *from = rows_at(c->vectors, c->row[i]);
    for (uint32_t j = 0; j < c->x->dim; j++)
        ret[j] = from[j] - c->mean[j];
}

/* Undoes a move whose result is no valid query. */
static void keep_valid(const struct chosen *c, const float *from, float *moved)
{
    const uint32_t dim = c->x->dim;
    if (vectors_first_bad(moved, dim) >= 0 || (c->x->metric == METRIC_COSINE && !vectors_normalise(moved, dim)))
        memcpy(moved, from, dim * sizeof(*moved));
}

static void move(const struct chosen *c, uint32_t i, float *to)
{
    if (i % 8 == 5 && c->guess_off_mean)
        move_off_mean(c, i, to);
    else if (i % 4 == 1)
        move_between(c, i, to);
    else if (i % 8 == 3)
        move_apart(c, i, rows_at(c->vectors, c->row[i]), to);
    else
        move_anywhere(c, i, to);
    keep_valid(c, rows_at(c->vectors, c->row[i]), to);
}

/* -- all queries -- */

static void add_row(struct recall_queries *q, const struct chosen *c, uint32_t i, float *room)
{
    q->row[q->count] = c->row[i];
    q->vector[q->count++] = i % 2 ? room : rows_at(c->vectors, c->row[i]);
    if (i % 2)
        move(c, i, room);
}

/* Adds a lent query. A guess is an old vector, and clients may ask for something near it. So
 * every other guess is moved. */
static void add_lent(struct recall_queries *q, const struct chosen *c, uint32_t i, float *room)
{
    const struct query_sample *lent = c->x->queries;
    const float *from = lent->vectors + (size_t)i * q->dim;
    memcpy(room, from, q->dim * sizeof(*room));
    if (i >= lent->live && i % 2 && c->rows)
        move_apart(c, i, from, room);
    keep_valid(c, from, room);
    q->row[q->count] = QUERY_LENT;
    q->vector[q->count++] = room;
}

static void arrange(struct recall_queries *q, const struct chosen *c)
{
    float *room = q->moved;
    for (unsigned part = 0; part < 2; part++) {
        for (uint32_t i = part ? c->rows_many : 0; i < (part ? c->rows : c->rows_many); i++) {
            add_row(q, c, i, room);
            room += i % 2 * q->dim;
        }
        for (uint32_t i = part ? c->lent_many : 0; i < (part ? c->lent : c->lent_many); i++, room += q->dim)
            add_lent(q, c, i, room);
    }
    q->many = c->rows_many + c->lent_many;
}

static int make(struct recall_queries *q, struct chosen *c, uint32_t most)
{
    int rc = choose_rows(c, rows_wanted(c->x, most));
    if (rc == 0)
        rc = find_mean(c);
    if (rc < 0)
        return rc;
    c->lent = lent_wanted(c->x, rows_wanted(c->x, most));
    c->lent_many = c->lent / MANY_SHARE;
    const size_t all = c->rows + c->lent, moved = c->rows / 2 + c->lent;
    q->row = calloc(all + 1, sizeof(*q->row));
    q->vector = calloc(all + 1, sizeof(*q->vector));
    q->moved = calloc(moved * q->dim + 1, sizeof(*q->moved));
    if (!q->row || !q->vector || !q->moved)
        return -ENOMEM;
    arrange(q, c);
    return 0;
}

int recall_queries_init(struct recall_queries *q, const struct segment_index *x, uint32_t most,
                        const struct rows *vectors)
{
    struct chosen c = {.x = x, .vectors = vectors};
    *q = (struct recall_queries){.dim = x->dim};
    int rc = make(q, &c, most);
    free(c.row);
    free(c.mean);
    return rc;
}

void recall_queries_fini(struct recall_queries *q)
{
    free(q->row);
    free(q->vector);
    free(q->moved);
}
