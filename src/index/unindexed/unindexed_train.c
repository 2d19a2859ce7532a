/* unindexed_train.c -- k-means in small steps. Each step works on some rows or some centroids,
 * and keeps its place.
 *
 * Rows are compared with the centroids as the lists will compare them, by 8-bit codes. The codes
 * are trained on the sample of rows, because centroids lie within its ranges. A centroid without
 * a nearest row begins again at another row of the sample. */
#include "index/unindexed/unindexed_train.h"

#include "base/memory.h"
#include "vectors/codes/rotation.h"
#include "vek.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LISTS_MIN 16
/* lists are so many times the square root of the rows, at 128 dimensions */
#define LISTS_PER_ROOT 1.5
#define LISTS_DIMS     128
#define ROWS_PER_LIST  24 /* at most, in the sample */
#define ROUNDS         3
/* the squared error of a code is at most this share of the squared distance to the
 * nearest other centroid, */
#define ALIKE       0.02f
#define ALIKE_SHARE 16 /* but for one centroid in so many */
/* byte multiplications of a step, or work of the same time: some tens of microseconds */
#define VALUES_PER_STEP (512 * 1024)

enum training_step { STEP_SAMPLE, STEP_CODE, STEP_CHECK, STEP_ASSIGN, STEP_MOVE };

struct unindexed_training {
    struct unindexed_lists *lists;
    struct codes_sample sample;
    uint32_t from, to, sample_rows;
    enum training_step step;
    uint32_t next; /* the next row of the sample, or the next centroid */
    uint32_t round;
    /* centroids that their codes do not tell apart from the nearest other
     * one, in the first round */
    uint32_t alike;
    float *centroid; /* [count][dim] */
    float *sum;      /* [count][dim]: of the rows that are nearest to each centroid */
    uint32_t *rows;  /* [count]: the number of those rows */
};

/* How many lists to make for so many rows. More dimensions mean fewer lists: comparing with a
 * centroid, at a byte a dimension, becomes slower than scanning rows, at a bit a dimension. */
static uint32_t lists_for(uint32_t dim, uint32_t rows)
{
    const double n = LISTS_PER_ROOT * sqrt(rows) * pow((double)LISTS_DIMS / rotation_dims(dim), 0.25);
    return n < LISTS_MIN ? LISTS_MIN : n > LISTS_MAX ? LISTS_MAX : (uint32_t)n;
}

static size_t values(const struct unindexed_training *t)
{
    return (size_t)t->lists->count * t->lists->dim;
}

struct unindexed_training *unindexed_training_create(enum metric metric, uint32_t dim, uint32_t from, uint32_t to)
{
    struct unindexed_training *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->from = from;
    t->to = to;
    t->lists = unindexed_lists_create(metric, dim, lists_for(dim, to - from));
    if (!t->lists || codes_sample_init(&t->sample, dim) < 0) {
        unindexed_training_destroy(t);
        return NULL;
    }
    t->centroid = memory_aligned(values(t) * sizeof(float));
    t->sum = memory_aligned(values(t) * sizeof(float));
    t->rows = calloc(t->lists->count, sizeof(*t->rows));
    if (!t->centroid || !t->sum || !t->rows) {
        unindexed_training_destroy(t);
        return NULL;
    }
    const uint64_t wanted = (uint64_t)t->lists->count * ROWS_PER_LIST;
    t->sample_rows = wanted < to - from ? (uint32_t)wanted : to - from;
    return t;
}

void unindexed_training_destroy(struct unindexed_training *t)
{
    if (!t)
        return;
    unindexed_lists_destroy(t->lists);
    codes_sample_fini(&t->sample);
    memory_free(t->centroid);
    memory_free(t->sum);
    memory_free(t->rows);
    memory_free(t);
}

uint64_t unindexed_training_bytes(const struct unindexed_training *t)
{
    if (!t)
        return 0;
    return sizeof(*t) + t->lists->bytes + codes_bytes(&t->lists->centroids) + 2 * values(t) * sizeof(float) +
           t->lists->count * sizeof(*t->rows);
}

/* Row i of the sample, which is spread over all rows. */
static const float *sampled(const struct unindexed_training *t, const struct rows *vectors, uint32_t i)
{
    return rows_at(vectors, t->from + (uint32_t)((uint64_t)i * (t->to - t->from) / t->sample_rows));
}

/* How many items of `values_each` values make a step. */
static uint32_t some(size_t values_each)
{
    return values_each < VALUES_PER_STEP ? (uint32_t)(VALUES_PER_STEP / values_each) : 1;
}

static void enter(struct unindexed_training *t, enum training_step step)
{
    t->step = step;
    t->next = 0;
}

/* -- the steps -- */

static int begin_codes(struct unindexed_training *t)
{
    struct unindexed_lists *l = t->lists;
    codes_fini(&l->centroids);
    int rc = codes_init(&l->centroids, (struct code_type){CODE_SQ8, 0}, METRIC_L2, l->dim);
    if (rc == 0)
        rc = codes_train(&l->centroids, &(struct codes_training){.sample = &t->sample});
    enter(t, STEP_CODE);
    return rc;
}

static int take_sample(struct unindexed_training *t, const struct rows *vectors)
{
    struct unindexed_lists *l = t->lists;
    for (uint32_t n = some(32 * (size_t)l->dim); n > 0 && t->next < t->sample_rows; n--)
        codes_sample_add(&t->sample, sampled(t, vectors, t->next++), l->dim);
    if (t->next < t->sample_rows)
        return 0;
    t->sample.whole = false; /* centroids are means, which are no whole numbers */
    for (uint32_t j = 0; j < l->dim; j++)
        l->centre[j] = (float)(t->sample.sum[j] / t->sample.rows);
    unindexed_lists_set_mean(l);
    enter(t, STEP_MOVE); /* no row has a nearest centroid yet, so centroids begin at rows */
    return 0;
}

/* Codes some centroids. 1: these were the centroids of the last round. */
static int code_centroids(struct unindexed_training *t)
{
    struct unindexed_lists *l = t->lists;
    for (uint32_t n = some(64 * (size_t)l->dim); n > 0 && t->next < l->count; n--) {
        const float *centroid = t->centroid + (size_t)t->next * l->dim;
        const int rc = codes_append(&l->centroids, centroid);
        if (rc < 0)
            return rc;
        unindexed_lists_set(l, t->next++, centroid);
    }
    if (t->next < l->count)
        return 0;
    for (uint32_t c = 0; c < l->count; c++)
        l->at[c] = codes_at(&l->centroids, c);
    enter(t, t->round == 1 ? STEP_CHECK : STEP_ASSIGN);
    return t->round > ROUNDS;
}

/* Whether the error of c's own code is small beside the distance of the nearest other centroid. */
static bool is_told_apart(const struct unindexed_lists *l, uint32_t c)
{
    float nearest = INFINITY;
    for (uint32_t i = 0; i < l->count; i++)
        nearest = i != c && l->distances[i] < nearest ? l->distances[i] : nearest;
    return fabsf(l->distances[c]) <= ALIKE * nearest;
}

/* Checks whether codes tell the centroids apart. A few large rows may stretch the ranges, so
 * that all other centroids have nearly the same code. */
static int check_codes(struct unindexed_training *t)
{
    struct unindexed_lists *l = t->lists;
    for (uint32_t n = some(values(t)), nearest; n > 0 && t->next < l->count; n--, t->next++) {
        const int rc = unindexed_lists_nearest(l, t->centroid + (size_t)t->next * l->dim, &nearest);
        if (rc < 0)
            return rc;
        t->alike += !is_told_apart(l, t->next);
    }
    if (t->next < l->count)
        return 0;
    l->by_values = t->alike > l->count / ALIKE_SHARE;
    l->by_mean = l->by_values && l->metric == METRIC_IP;
    enter(t, STEP_ASSIGN);
    return 0;
}

static int assign(struct unindexed_training *t, const struct rows *vectors)
{
    struct unindexed_lists *l = t->lists;
    for (uint32_t n = some(values(t)); n > 0 && t->next < t->sample_rows; n--) {
        const float *x = sampled(t, vectors, t->next++);
        uint32_t c;
        const int rc = unindexed_lists_nearest(l, x, &c);
        if (rc < 0)
            return rc;
        float *sum = t->sum + (size_t)c * l->dim;
        for (uint32_t j = 0; j < l->dim; j++)
            sum[j] += x[j];
        t->rows[c]++;
    }
    if (t->next == t->sample_rows)
        enter(t, STEP_MOVE);
    return 0;
}

/* The row where a centroid begins, or begins again. Centroids are spread over the sample, and
 * each round takes other rows. */
static const float *starting_point(const struct unindexed_training *t, const struct rows *vectors, uint32_t c)
{
    const uint64_t spread = (uint64_t)c * t->sample_rows / t->lists->count, turn = (uint64_t)t->round * 7919;
    return sampled(t, vectors, (uint32_t)((spread + turn) % t->sample_rows));
}

static int move_centroids(struct unindexed_training *t, const struct rows *vectors)
{
    struct unindexed_lists *l = t->lists;
    for (uint32_t n = some(2 * (size_t)l->dim); n > 0 && t->next < l->count; n--, t->next++) {
        const uint32_t c = t->next;
        float *centroid = t->centroid + (size_t)c * l->dim, *sum = t->sum + (size_t)c * l->dim;
        if (t->rows[c] == 0)
            memcpy(centroid, starting_point(t, vectors, c), l->dim * sizeof(float));
        for (uint32_t j = 0; t->rows[c] && j < l->dim; j++)
            centroid[j] = sum[j] / (float)t->rows[c];
        memset(sum, 0, l->dim * sizeof(float));
        t->rows[c] = 0;
    }
    if (t->next < l->count)
        return 0;
    t->round++;
    return begin_codes(t);
}

int unindexed_training_step(struct unindexed_training *t, const struct rows *vectors, struct unindexed_lists **ret)
{
    int rc = 0;
    switch (t->step) {
    case STEP_SAMPLE: rc = take_sample(t, vectors); break;
    case STEP_CODE: rc = code_centroids(t); break;
    case STEP_ASSIGN: rc = assign(t, vectors); break;
    case STEP_MOVE: rc = move_centroids(t, vectors); break;
    case STEP_CHECK: rc = check_codes(t); break;
    }
    if (rc < 0)
        return rc;
    if (rc == 0)
        return 1;
    *ret = t->lists;
    t->lists = NULL;
    (*ret)->from = (*ret)->to = t->from;
    (*ret)->trained_rows = t->to - t->from;
    return 0;
}
