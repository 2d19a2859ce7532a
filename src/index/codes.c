/* codes.c -- storage of coded rows, and the choice of how a kind is scored: once a query, not once a hop. */
#include "index/codes.h"

#include "vek.h"
#include <string.h>

#define DOTS 64 /* scored at a time: the dot products stay in the first cache */

int codes_init(struct codes *c, enum metric metric, uint32_t dim)
{
    *c = (struct codes){.kind = CODE_SQ8};
    int rc = sq8_init(&c->sq8, metric, dim);
    if (rc < 0)
        return rc;
    c->stride = c->sq8.stride;
    column_init(&c->rows, c->stride);
    column_init(&c->norms, sizeof(union norm));
    return 0;
}

void codes_fini(struct codes *c)
{
    column_fini(&c->rows);
    column_fini(&c->norms);
    sq8_fini(&c->sq8);
    *c = (struct codes){0};
}

uint64_t codes_bytes(const struct codes *c)
{
    return column_bytes(&c->rows) + column_bytes(&c->norms) + sq8_bytes(&c->sq8);
}

int codes_append(struct codes *c, const float *x)
{
    bool norms = c->sq8.metric == METRIC_L2;
    int rc = column_reserve(&c->rows, c->count + 1);
    if (rc == 0 && norms)
        rc = column_reserve(&c->norms, c->count + 1);
    if (rc < 0)
        return rc;
    union norm norm;
    c->misfits += sq8_encode(&c->sq8, x, column_at(&c->rows, c->count), &norm);
    if (norms)
        *(union norm *)column_at(&c->norms, c->count) = norm;
    c->count++;
    return 0;
}

/* One function for each way to make a distance of a dot product, so that no row asks which. */
static void score_sq8_ip(const struct codes_query *q, const void *const *rows, const uint32_t *ids, uint32_t count,
                         float *ret)
{
    (void)ids;
    int32_t dots[DOTS];
    for (uint32_t from = 0; from < count; from += DOTS) {
        uint32_t n = count - from < DOTS ? count - from : DOTS;
        vek.dot_s8_u8_rows(q->sq8.weights, rows + from, n, q->codes->stride, dots);
        for (uint32_t i = 0; i < n; i++)
            ret[from + i] = sq8_distance(&q->sq8, false, false, dots[i], (union norm){0});
    }
}

static void score_sq8_l2(const struct codes_query *q, const void *const *rows, const uint32_t *ids, uint32_t count,
                         float *ret)
{
    const struct codes *c = q->codes;
    const bool lossless = c->sq8.lossless;
    int32_t dots[DOTS];
    for (uint32_t from = 0; from < count; from += DOTS) {
        uint32_t n = count - from < DOTS ? count - from : DOTS;
        vek.dot_s8_u8_rows(q->sq8.weights, rows + from, n, c->stride, dots);
        for (uint32_t i = 0; i < n; i++)
            ret[from + i] = sq8_distance(&q->sq8, true, lossless, dots[i], codes_norm(c, ids[from + i]));
    }
}

static void query_ready(struct codes_query *q, const struct codes *c)
{
    q->codes = c;
    q->score = c->sq8.metric == METRIC_L2 ? score_sq8_l2 : score_sq8_ip;
    q->exact = q->sq8.whole && c->misfits == 0;
}

void codes_query_init(struct codes_query *q, const struct codes *c, const float *x, void *room)
{
    sq8_query_init(&q->sq8, &c->sq8, x, room);
    query_ready(q, c);
}

void codes_query_of_row(struct codes_query *q, const struct codes *c, uint32_t row, void *room)
{
    sq8_query_of_code(&q->sq8, &c->sq8, codes_at(c, row), codes_norm(c, row), room);
    query_ready(q, c);
}

void codes_distances(const struct codes_query *q, const uint32_t *ids, uint32_t count, const void **rows, float *ret)
{
    for (uint32_t i = 0; i < count; i++)
        rows[i] = codes_at(q->codes, ids[i]);
    codes_score(q, rows, ids, count, ret);
}
