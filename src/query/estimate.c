/* estimate.c -- estimates how many rows pass a filter, from the numbers of rows that
 * pass its predicates.
 *
 * `min` and `max` are true bounds, also for predicates that depend on each other. `expected` takes
 * predicates as independent, like Qdrant's query estimator. A predicate on a sorted column with one
 * value a row is counted exactly. */
#include "query/filter.h"

#include <math.h>

static uint32_t limited(double n, uint32_t most)
{
    return n <= 0 ? 0 : n >= most ? most : (uint32_t)n;
}

static struct cardinality inverted(struct cardinality c, uint32_t rows)
{
    return (struct cardinality){rows - c.max, rows - c.expected, rows - c.min};
}

static struct cardinality estimate_test(const struct predicate *p, const struct filter_rows *rows)
{
    const struct column *c = filter_column(rows, p->field);
    struct cardinality ret = {0, rows->rows / 2, rows->rows};
    if (!c)
        return ret;
    column_estimate(c, p, &ret);
    if (c->rows > rows->rows) { /* rows came since the search began */
        const uint32_t newer = c->rows - rows->rows;
        ret.min = ret.min > newer ? ret.min - newer : 0;
    }
    ret.max = ret.max < rows->rows ? ret.max : rows->rows;
    ret.min = ret.min < ret.max ? ret.min : ret.max;
    ret.expected = ret.expected < ret.max ? ret.expected : ret.max;
    ret.expected = ret.expected > ret.min ? ret.expected : ret.min;
    return ret;
}

static struct cardinality estimate_all(const struct filter *f, const struct filter_rows *rows)
{
    const uint32_t n = rows->rows;
    double least = n, share = 1;
    struct cardinality ret = {.max = n};
    for (uint32_t i = 0; i < f->count; i++) {
        const struct cardinality c = filter_estimate(&f->children[i], rows);
        least -= n - c.min; /* at worst, each child excludes other rows */
        share *= n ? (double)c.expected / n : 0;
        ret.max = c.max < ret.max ? c.max : ret.max;
    }
    ret.min = limited(least, ret.max);
    ret.expected = limited(fmax(share * n, ret.min), ret.max);
    return ret;
}

/* At least one of the children passes. */
static struct cardinality estimate_any(const struct filter *f, const struct filter_rows *rows)
{
    const uint32_t n = rows->rows;
    double most = 0, none = 1;
    struct cardinality ret = {0};
    for (uint32_t i = 0; i < f->count; i++) {
        const struct cardinality c = filter_estimate(&f->children[i], rows);
        most += c.max;
        none *= n ? 1 - (double)c.expected / n : 1;
        ret.min = c.min > ret.min ? c.min : ret.min;
    }
    ret.max = limited(most, n);
    ret.expected = limited(fmax((1 - none) * n, ret.min), ret.max);
    return ret;
}

/* At least `least` of the children pass. A row that passes counts at least `least` times in the
 * sums over the children, another row at most least - 1 times. That gives the bounds. */
static struct cardinality estimate_at_least(const struct filter *f, const struct filter_rows *rows)
{
    const uint32_t n = rows->rows, least = f->least;
    float chance[FILTER_CLAUSES_MAX + 1] = {1}; /* chance[j]: that j of the children so far pass */
    double fewest = 0, most = 0, enough = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        const struct cardinality c = filter_estimate(&f->children[i], rows);
        const double p = n ? (double)c.expected / n : 0;
        fewest += c.min;
        most += c.max;
        for (uint32_t j = i + 1; j > 0; j--)
            chance[j] = (float)(chance[j] * (1 - p) + chance[j - 1] * p);
        chance[0] *= (float)(1 - p);
    }
    for (uint32_t j = least; j <= f->count; j++)
        enough += chance[j];
    struct cardinality ret = {.max = limited(most / least, n)};
    ret.min = limited(ceil((fewest - (double)(least - 1) * n) / (f->count - least + 1)), ret.max);
    ret.expected = limited(fmax(enough * n, ret.min), ret.max);
    return ret;
}

struct cardinality filter_estimate(const struct filter *f, const struct filter_rows *rows)
{
    switch (f->op) {
    case FILTER_TEST: return estimate_test(&f->test, rows);
    case FILTER_ALL: return estimate_all(f, rows);
    case FILTER_ANY: return estimate_any(f, rows);
    case FILTER_AT_LEAST: return estimate_at_least(f, rows);
    default: return inverted(estimate_any(f, rows), rows->rows);
    }
}
