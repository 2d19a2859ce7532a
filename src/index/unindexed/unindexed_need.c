/* unindexed_need.c -- measures, in small steps, how many rows of the lists a search
 * must look at. Steps first compare the rows of a sample with all queries. Then each
 * query ranks the lists. */
#include "index/unindexed/unindexed_need.h"

#include "index/segment_index.h"
#include "vectors/metric.h"
#include <math.h>
#include <stdlib.h>

#define SAMPLE_STEP     8     /* the sample has one row in so many, */
#define SAMPLE_MAX      16384 /* but at most so many rows */
#define VALUES_PER_STEP (256 * 1024)
/* the nearest row in one of eight is about the eighth nearest of all, so this holds up to k = 10 */
#define K_MEASURED 10

struct unindexed_needing {
    /* the sample: every step-th row of [from, to); next: the next of them to compare */
    uint32_t from, to, step, next;
    uint32_t ranked; /* queries whose share was computed */
    uint32_t query[LIST_NEEDS], nearest[LIST_NEEDS];
    float distance[LIST_NEEDS]; /* to the nearest row; INFINITY: there is none */
};

struct unindexed_needing *unindexed_needing_create(const struct unindexed_lists *l)
{
    struct unindexed_needing *n = calloc(1, sizeof(*n));
    if (!n)
        return NULL;
    const uint32_t rows = l->to - l->from, fewest = rows / SAMPLE_MAX;
    *n = (struct unindexed_needing){.from = l->from, .to = l->to, .step = fewest > SAMPLE_STEP ? fewest : SAMPLE_STEP};
    n->next = l->from;
    for (uint32_t i = 0; i < LIST_NEEDS; i++) {
        n->query[i] = l->from + (uint32_t)((uint64_t)i * rows / LIST_NEEDS);
        n->distance[i] = INFINITY;
    }
    return n;
}

void unindexed_needing_destroy(struct unindexed_needing *n)
{
    free(n);
}

uint64_t unindexed_needing_bytes(const struct unindexed_needing *n)
{
    return n ? sizeof(*n) : 0;
}

static void compare(struct unindexed_needing *n, const struct unindexed_lists *l, const struct rows *vectors,
                    uint32_t row)
{
    const void *at = rows_at(vectors, row);
    for (uint32_t i = 0; i < LIST_NEEDS; i++) {
        float distance;
        vectors_distances(l->metric, rows_at(vectors, n->query[i]), &at, 1, l->dim, &distance);
        if (row == n->query[i] || !(distance < n->distance[i]))
            continue;
        n->distance[i] = distance;
        n->nearest[i] = row;
    }
}

/* Computes the share of rows that are in lists ranked no farther than the list of the
 * query's nearest row. */
static int rank(const struct unindexed_needing *n, struct unindexed_lists *l, const struct rows *vectors, uint32_t i,
                float *ret)
{
    uint32_t list = 0;
    uint64_t rows = 0, before = 0;
    int rc = unindexed_lists_nearest(l, rows_at(vectors, n->nearest[i]), &list);
    if (rc == 0)
        rc = unindexed_lists_rank(l, rows_at(vectors, n->query[i]));
    for (uint32_t c = 0; rc == 0 && c < l->count; c++) {
        rows += l->list[c].rows;
        before += l->distances[c] <= l->distances[list] ? l->list[c].rows : 0;
    }
    *ret = rows ? (float)before / (float)rows : 0;
    return rc;
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

int unindexed_needing_step(struct unindexed_needing *n, struct unindexed_lists *l, const struct rows *vectors,
                           const struct copies *copies)
{
    if (n->next < n->to) {
        for (uint32_t values = 0; values < VALUES_PER_STEP && n->next < n->to; n->next += n->step) {
            if (copies_is_copy(copies, n->next))
                continue;
            compare(n, l, vectors, n->next);
            values += LIST_NEEDS * l->dim;
        }
        return 1;
    }
    const uint32_t i = n->ranked++;
    const int rc = isfinite(n->distance[i]) ? rank(n, l, vectors, i, &l->need[i]) : 0;
    if (rc < 0)
        return rc;
    if (n->ranked < LIST_NEEDS)
        return 1;
    qsort(l->need, LIST_NEEDS, sizeof(*l->need), ascending);
    l->has_need = true;
    return 0;
}

/* Half of what the recall allows to miss is left to errors of the 1-bit codes. With by_mean, the
 * best rows may be in any list. */
float unindexed_need(const struct unindexed_lists *l, float wanted, uint32_t k)
{
    if (l->by_mean)
        return 1;
    if (!l->has_need)
        return 0;
    const double most = fmin((1 + (double)wanted) / 2, 1), place = ceil(most * LIST_NEEDS) - 1;
    const double more = k > K_MEASURED ? sqrt((double)k / K_MEASURED) : 1;
    return (float)fmin(more * (double)l->need[(uint32_t)fmax(place, 0)], 1);
}
