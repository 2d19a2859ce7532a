/* integer_file.c -- saves a sorted integer column as regions of bytes, and opens it from them.
 *
 *   meta     struct integer_meta
 *   ends     u32 [rows]: where the values of each row end
 *   values   i64 [count], by row
 *   nulls    u64 [(rows + 63) / 64], a bit a row
 *   empties  the same
 *   sorted   i64 [count], ascending
 *   rows     u32 [count]: of which row each of `sorted` is
 *
 * Little-endian. When a column is opened, every number that is used as an index is checked. The
 * sorted values must be the values of the rows, so that a filter finds exactly the rows with such a
 * value. */
#include "columns/integer/integer_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define PER_PAUSE 4096

static const void *piece(const struct row_array *a)
{
    return a->chunks ? row_array_at(a, 0) : NULL;
}

unsigned integer_save(void *column, struct column_region regions[COLUMN_REGIONS])
{
    struct integer_column *c = column;
    check(c->is_sorted);
    const uint64_t words = bits_words(c->rows) * sizeof(uint64_t);
    c->meta = (struct integer_meta){.version = column_integer.version,
                                    .rows = c->rows,
                                    .count = c->count,
                                    .most = c->most,
                                    .null_rows = c->null_rows,
                                    .empty_rows = c->empty_rows,
                                    .value_rows = c->value_rows};
    const struct column_region all[] = {
        {"meta", &c->meta, sizeof(c->meta)},
        {"ends", piece(&c->ends), (uint64_t)c->rows * sizeof(uint32_t)},
        {"values", piece(&c->values), (uint64_t)c->count * sizeof(int64_t)},
        {"nulls", piece(&c->nulls), words},
        {"empties", piece(&c->empties), words},
        {"sorted", piece(&c->sorted), (uint64_t)c->count * sizeof(int64_t)},
        {"rows", piece(&c->sorted_rows), (uint64_t)c->count * sizeof(uint32_t)},
    };
    static_assert(ARRAY_LEN(all) <= COLUMN_REGIONS, "the contract's bound");
    memcpy(regions, all, sizeof(all));
    return ARRAY_LEN(all);
}

/* -- opening -- */

struct opening {
    const struct column_region *regions;
    unsigned count;
    const struct pause *pause;
    const char *why;
};

static int refuse(struct opening *o, const char *why)
{
    o->why = why;
    return -EINVAL;
}

static int open_array(struct opening *o, const char *name, uint32_t stride, uint64_t count, struct row_array *ret)
{
    for (unsigned i = 0; i < o->count; i++) {
        const struct column_region *r = &o->regions[i];
        if (strcmp(r->name, name) != 0)
            continue;
        if (r->size != count * stride)
            return refuse(o, "a region of an integer column has another size than its rows need");
        return count ? row_array_open(ret, stride, r->bytes, (uint32_t)count, false, o->pause) : 0;
    }
    return refuse(o, "a region of an integer column is missing");
}

static int open_meta(struct opening *o, struct integer_column *c, uint32_t rows)
{
    struct row_array array = {0};
    int rc = open_array(o, "meta", sizeof(c->meta), 1, &array);
    if (rc < 0)
        return rc;
    memcpy(&c->meta, row_array_at(&array, 0), sizeof(c->meta));
    row_array_fini(&array);
    if (c->meta.version != column_integer.version)
        return refuse(o, "an integer column has a version that this Kith does not know");
    if (c->meta.rows != rows || c->meta.count > INTEGER_VALUES_MAX || c->meta.reserved != 0)
        return refuse(o, "the head of an integer column is damaged");
    c->rows = rows;
    c->count = c->meta.count;
    return 0;
}

/* Checks where the values of each row end, and the counts in the head. */
static int check_rows(struct opening *o, struct integer_column *c)
{
    uint32_t begin = 0;
    for (uint32_t row = 0; row < c->rows; row++) {
        const uint32_t end = integer_end(c, row);
        if (end < begin || end > c->count)
            return refuse(o, "a row of an integer column has impossible values");
        c->most = end - begin > c->most ? end - begin : c->most;
        c->value_rows += end > begin;
        c->null_rows += integer_bit(&c->nulls, row);
        c->empty_rows += integer_bit(&c->empties, row);
        begin = end;
        const int rc = row % PER_PAUSE == 0 ? pause_here(o->pause) : 0;
        if (rc != 0)
            return rc;
    }
    if (begin != c->count || c->most != c->meta.most || c->value_rows != c->meta.value_rows ||
        c->null_rows != c->meta.null_rows || c->empty_rows != c->meta.empty_rows)
        return refuse(o, "the rows of an integer column are not those that its head counts");
    return 0;
}

/* A number that a value of a row adds to a sum over a column (the finalizer of splitmix64). */
static uint64_t mixed(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}
static uint64_t pair_sum(uint32_t row, int64_t value)
{
    return mixed(mixed(row + UINT64_C(0x9e3779b97f4a7c15)) ^ (uint64_t)value);
}

static int sum_by_row(struct opening *o, const struct integer_column *c, uint64_t *ret)
{
    uint64_t sum = 0;
    for (uint32_t row = 0, i = 0; row < c->rows; row++)
        for (const uint32_t end = integer_end(c, row); i < end; i++) {
            sum += pair_sum(row, integer_value(c, i));
            const int rc = i % PER_PAUSE == 0 ? pause_here(o->pause) : 0;
            if (rc != 0)
                return rc;
        }
    *ret = sum;
    return 0;
}

/* Sums over the values by row and over the sorted values are equal if both have the same values of
 * the same rows. Comparing sums takes as long for a row of many values as for many rows. */
static int check_order(struct opening *o, struct integer_column *c)
{
    uint64_t by_row = 0, sorted = 0;
    int rc = sum_by_row(o, c, &by_row);
    for (uint32_t i = 0; i < c->count && rc == 0; i++) {
        const int64_t x = *(const int64_t *)row_array_at(&c->sorted, i);
        const uint32_t row = *(const uint32_t *)row_array_at(&c->sorted_rows, i);
        if (row >= c->rows)
            return refuse(o, "the sorted values of an integer column are not those of its rows");
        if (i > 0 && *(const int64_t *)row_array_at(&c->sorted, i - 1) > x)
            return refuse(o, "the sorted values of an integer column are not ascending");
        sorted += pair_sum(row, x);
        rc = i % PER_PAUSE == 0 ? pause_here(o->pause) : 0;
    }
    if (rc != 0)
        return rc;
    if (sorted != by_row)
        return refuse(o, "the sorted values of an integer column are not those of its rows");
    if (c->count) {
        c->min = *(const int64_t *)row_array_at(&c->sorted, 0);
        c->max = *(const int64_t *)row_array_at(&c->sorted, c->count - 1);
    }
    return 0;
}

static int open_all(struct opening *o, struct integer_column *c, uint32_t rows)
{
    int rc = open_meta(o, c, rows);
    if (rc == 0)
        rc = open_array(o, "ends", sizeof(uint32_t), c->rows, &c->ends);
    if (rc == 0)
        rc = open_array(o, "values", sizeof(int64_t), c->count, &c->values);
    if (rc == 0)
        rc = open_array(o, "nulls", sizeof(uint64_t), bits_words(c->rows), &c->nulls);
    if (rc == 0)
        rc = open_array(o, "empties", sizeof(uint64_t), bits_words(c->rows), &c->empties);
    if (rc == 0)
        rc = open_array(o, "sorted", sizeof(int64_t), c->count, &c->sorted);
    if (rc == 0)
        rc = open_array(o, "rows", sizeof(uint32_t), c->count, &c->sorted_rows);
    if (rc == 0)
        rc = check_rows(o, c);
    if (rc == 0)
        rc = check_order(o, c);
    c->is_sorted = true;
    return rc;
}

int integer_open(const struct column_region *regions, unsigned count, uint32_t rows, const struct pause *pause,
                 void **ret, const char **ret_why)
{
    struct opening o = {.regions = regions, .count = count, .pause = pause};
    struct integer_column *c = integer_new();
    if (!c)
        return -ENOMEM;
    const int rc = open_all(&o, c, rows);
    if (rc != 0) {
        *ret_why = o.why;
        integer_destroy(c);
        return rc;
    }
    *ret = c;
    return 0;
}
