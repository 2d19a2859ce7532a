/* codes.c -- storage of coded rows, and the choice of how a kind is scored: once a
 * query, not once a hop. */
#include "vectors/codes/codes_internal.h"

#include "base/memory.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct code_ops *ops_of(enum code_kind kind)
{
    switch (kind) {
    case CODE_F32: return &code_f32;
    case CODE_F16: return &code_f16;
    case CODE_BF16: return &code_bf16;
    case CODE_SQ8: return &code_sq8;
    case CODE_SQ4: return &code_sq4;
    case CODE_RABITQ: return &code_rabitq;
    default: return NULL;
    }
}

static uint32_t norm_bytes(const struct code_ops *ops, enum metric metric)
{
    return metric == METRIC_L2 || !ops->norms_l2_only ? ops->norm_bytes : 0;
}

uint32_t codes_norm_bytes(const struct codes *c)
{
    return norm_bytes(c->ops, c->metric);
}

uint32_t codes_row_bytes(enum code_kind kind, unsigned bits, enum metric metric, uint32_t dim)
{
    const struct code_ops *ops = ops_of(kind);
    return ops->stride(dim, bits) + norm_bytes(ops, metric);
}

enum code_kind codes_next_kind(enum code_kind kind, enum metric metric, uint32_t dim)
{
    const uint32_t rotated = codes_row_bytes(CODE_RABITQ, 8, metric, dim),
                   values = codes_row_bytes(CODE_F32, 0, metric, dim);
    return kind == CODE_SQ8 && 3 * rotated <= 2 * values ? CODE_RABITQ : CODE_F32;
}

int codes_init(struct codes *c, enum code_kind kind, unsigned bits, enum metric metric, uint32_t dim)
{
    *c = (struct codes){.ops = ops_of(kind), .kind = kind, .metric = metric, .dim = dim};
    if (!c->ops)
        return -EINVAL;
    c->stride = c->ops->stride(dim, bits);
    int rc = c->ops->init(c, bits);
    if (rc < 0) {
        *c = (struct codes){0};
        return rc;
    }
    row_array_init(&c->rows, c->stride);
    row_array_init(&c->norms, codes_norm_bytes(c) ? codes_norm_bytes(c) : 1);
    return 0;
}

void codes_fini(struct codes *c)
{
    row_array_fini(&c->rows);
    row_array_fini(&c->norms);
    if (c->ops)
        c->ops->fini(c);
    memory_free(c->outliers);
    *c = (struct codes){0};
}

struct codes codes_of_vectors(const struct rows *vectors, enum metric metric, uint32_t dim)
{
    return (struct codes){.ops = &code_f32,
                          .kind = CODE_F32,
                          .metric = metric,
                          .dim = dim,
                          .stride = vectors->stride,
                          .rows = {.rows = *vectors}};
}

int codes_train(struct codes *c, const struct codes_training *t)
{
    return c->ops->train(c, t);
}

uint64_t codes_bytes(const struct codes *c)
{
    return c->ops ? row_array_bytes(&c->rows) + row_array_bytes(&c->norms) + c->ops->params_bytes(c) +
                        (c->outliers ? OUTLIERS_MAX * sizeof(*c->outliers) : 0)
                  : 0;
}

int codes_append(struct codes *c, const float *x)
{
    const bool norms = codes_norm_bytes(c) > 0;
    int rc = row_array_reserve(&c->rows, c->count + 1);
    if (rc == 0 && norms)
        rc = row_array_reserve(&c->norms, c->count + 1);
    if (rc < 0)
        return rc;
    if (c->ops->encode(c, x, row_array_at(&c->rows, c->count), norms ? row_array_at(&c->norms, c->count) : NULL)) {
        rc = codes_reserve_outliers(c);
        if (rc < 0)
            return rc;
        c->clipped++;
        if (!codes_is_full(c))
            c->outliers[c->outlier_count++] = c->count;
    }
    c->count++;
    return 0;
}

int codes_reserve_outliers(struct codes *c)
{
    if (!c->outliers)
        c->outliers = malloc(OUTLIERS_MAX * sizeof(*c->outliers));
    return c->outliers ? 0 : -ENOMEM;
}

bool codes_is_outlier(const struct codes *c, uint32_t row)
{
    uint32_t low = 0, high = c->outlier_count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (c->outliers[middle] < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->outlier_count && c->outliers[low] == row;
}

int codes_add_outlier(struct codes *c, uint32_t row)
{
    if (codes_is_outlier(c, row) || codes_is_full(c))
        return 0;
    if (codes_reserve_outliers(c) < 0)
        return -ENOMEM;
    uint32_t at = c->outlier_count++;
    for (; at > 0 && c->outliers[at - 1] > row; at--)
        c->outliers[at] = c->outliers[at - 1];
    c->outliers[at] = row;
    c->clipped++;
    return 0;
}

int codes_set_outliers(struct codes *c, const uint32_t *rows, uint32_t count)
{
    if (count > OUTLIERS_MAX)
        return -EINVAL;
    for (uint32_t i = 0; i < count; i++)
        if (rows[i] >= c->count || (i > 0 && rows[i] <= rows[i - 1]))
            return -EINVAL;
    if (count == 0)
        return 0;
    if (codes_reserve_outliers(c) < 0)
        return -ENOMEM;
    memcpy(c->outliers, rows, count * sizeof(*rows));
    c->outlier_count = count;
    return 0;
}

uint32_t codes_params_count(const struct codes *c)
{
    return c->ops->params_count(c);
}

void codes_params_write(const struct codes *c, float *params)
{
    c->ops->params_write(c, params);
}

const char *codes_params_open(struct codes *c, const float *params)
{
    return c->ops->params_open(c, params);
}

size_t codes_query_bytes(const struct codes *c)
{
    return c->ops->query_bytes(c);
}

void codes_query_init(struct codes_query *q, const struct codes *c, const float *x, void *room)
{
    *q = (struct codes_query){.codes = c};
    c->ops->query_init(q, c, x, room);
}

void codes_query_of_row(struct codes_query *q, const struct codes *c, uint32_t row, void *weights)
{
    *q = (struct codes_query){.codes = c};
    c->ops->query_of_row(q, c, row, weights);
}

void codes_fold_row(const struct codes *c, uint32_t row, void *weights, struct folded_row *ret)
{
    c->ops->fold_row(c, row, weights, ret);
}

void codes_between(const struct codes *c, const void *code, union norm norm, const void *const *weights,
                   const struct folded_row *folded, uint32_t n, float *ret)
{
    c->ops->between(c, code, norm, weights, folded, n, ret);
}

void codes_distances(const struct codes_query *q, const uint32_t *ids, uint32_t count, const void **rows, float *ret)
{
    rows_locate(&q->codes->rows.rows, ids, count, rows);
    codes_score(q, rows, ids, count, ret);
}
