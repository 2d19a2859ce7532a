/* codes.c -- storage of coded rows, and the choice of how a kind is scored: once a
 * query, not once a hop. */
#include "vectors/codes/codes_internal.h"

#include "base/memory.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int make_room(struct codes *c)
{
    if (c->ops->work_bytes) {
        c->work = memory_aligned(c->ops->work_bytes(c->dim));
        if (!c->work)
            return -ENOMEM;
    }
    return c->ops->init ? c->ops->init(c) : 0;
}

int codes_init(struct codes *c, struct code_type type, enum metric metric, uint32_t dim)
{
    const struct code_ops *ops = code_ops_of(type.kind);
    *c = (struct codes){0};
    if (!ops || type.bits > ops->bits_max || (ops->bits_max && type.bits == 0))
        return -EINVAL;
    *c = (struct codes){.ops = ops,
                        .kind = type.kind,
                        .bits = type.bits,
                        .metric = metric,
                        .dim = dim,
                        .stride = ops->stride(dim, type.bits)};
    c->norm_bytes = code_row_bytes(type, metric, dim) - c->stride;
    const int rc = make_room(c);
    if (rc < 0) {
        memory_free(c->work);
        *c = (struct codes){0};
        return rc;
    }
    row_array_init(&c->rows, c->stride);
    row_array_init(&c->norms, c->norm_bytes ? c->norm_bytes : 1);
    return 0;
}

void codes_fini(struct codes *c)
{
    row_array_fini(&c->rows);
    row_array_fini(&c->norms);
    if (c->ops && c->ops->fini)
        c->ops->fini(c);
    memory_free(c->outliers);
    memory_free(c->work);
    *c = (struct codes){0};
}

struct codes codes_of_vectors(const struct rows *vectors, enum metric metric, uint32_t dim)
{
    return (struct codes){.ops = code_ops_of(CODE_F32),
                          .kind = CODE_F32,
                          .metric = metric,
                          .dim = dim,
                          .stride = vectors->stride,
                          .rows = {.rows = *vectors}};
}

int codes_train(struct codes *c, const struct codes_training *t)
{
    return c->ops->train ? c->ops->train(c, t) : 0;
}

uint64_t codes_bytes(const struct codes *c)
{
    if (!c->ops)
        return 0;
    const uint64_t arrays = row_array_bytes(&c->rows) + row_array_bytes(&c->norms);
    return arrays + (c->ops->state_bytes ? c->ops->state_bytes(c->dim, c->bits) : 0) +
           (c->work ? c->ops->work_bytes(c->dim) : 0) + (c->outliers ? OUTLIERS_MAX * sizeof(*c->outliers) : 0);
}

uint64_t codes_bytes_of(struct code_type type, enum metric metric, uint32_t dim, uint32_t rows)
{
    const struct code_ops *ops = code_ops_of(type.kind);
    const uint32_t stride = ops->stride(dim, type.bits), norm = code_row_bytes(type, metric, dim) - stride;
    return row_array_bytes_of(stride, rows) + (norm ? row_array_bytes_of(norm, rows) : 0) +
           (ops->state_bytes ? ops->state_bytes(dim, type.bits) : 0);
}

int codes_reserve(struct codes *c, uint32_t count)
{
    int rc = row_array_reserve(&c->rows, count);
    return rc == 0 && c->norm_bytes ? row_array_reserve(&c->norms, count) : rc;
}

int codes_append(struct codes *c, const float *x)
{
    int rc = codes_reserve(c, c->count + 1);
    if (rc < 0)
        return rc;
    if (codes_encode(c, c->count, x, c->work)) {
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

bool codes_are_lossless(const struct codes *c)
{
    return c->ops->is_lossless ? c->ops->is_lossless(c) : codes_are_values(c);
}

uint32_t codes_params_count(const struct codes *c)
{
    return c->ops->params_count ? c->ops->params_count(c) : 0;
}

void codes_params_write(const struct codes *c, float *params)
{
    if (c->ops->params_write)
        c->ops->params_write(c, params);
}

const char *codes_params_open(struct codes *c, const float *params)
{
    return c->ops->params_open ? c->ops->params_open(c, params) : NULL;
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

void codes_row_query(struct codes_query *q, const struct codes *c, uint32_t row, void *weights)
{
    *q = (struct codes_query){.codes = c};
    c->ops->row_query(q, c, row, weights);
}

void codes_fold_row(const struct codes *c, uint32_t row, void *weights, struct folded_row *ret)
{
    c->ops->fold_row(c, row, weights, ret);
}

void codes_between(const struct codes *c, const void *code, const void *norm, const void *const *weights,
                   const struct folded_row *folded, uint32_t n, float *ret)
{
    c->ops->between(c, code, norm, weights, folded, n, ret);
}

void codes_distances(const struct codes_query *q, const uint32_t *ids, uint32_t count, const void **rows, float *ret)
{
    rows_locate(&q->codes->rows.rows, ids, count, rows);
    codes_score(q, rows, ids, count, ret);
}
