/* integer_sort.c -- sorts the values of an integer column, and finds rows by ranges of values. In a
 * column that is not sorted, it tests row after row.
 *
 * The sort is a radix sort by bytes, the lowest first (LSD). It makes no comparisons. It is stable,
 * so equal values stay in the order of rows. High bytes that are the same in all values, as most
 * bytes of years or counts are, are left out. */
#include "base/memory.h"
#include "columns/integer/integer_internal.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define PER_PAUSE       8192 /* values moved without a pause: about 50 us */
#define TESTS_PER_PAUSE 1024
#define SAMPLE_ROWS     256

/* -- sorting -- */

/* Values with their rows. Each pass of the sort moves them from one pairs to another. */
struct pairs {
    struct row_array keys, rows;
};

static int pairs_make(struct pairs *p, uint32_t n)
{
    int rc = row_array_make(&p->keys, sizeof(int64_t), n);
    return rc == 0 ? row_array_make(&p->rows, sizeof(uint32_t), n) : rc;
}

uint64_t integer_sort_bytes(uint32_t count)
{
    const uint64_t arrays = 2 * (sizeof(int64_t) + sizeof(uint32_t)) * (uint64_t)count;
    return count ? arrays + 4 * sizeof(uint8_t *) : 0; /* each array has a table of one chunk */
}

static void pairs_fini(struct pairs *p)
{
    row_array_fini(&p->keys);
    row_array_fini(&p->rows);
}

/* One byte of the value. The sign bit is inverted, so that negative values come first. */
static unsigned digit_of(int64_t key, unsigned shift)
{
    return (((uint64_t)key ^ (uint64_t)1 << 63) >> shift) & 0xff;
}

static int pass(const struct pairs *from, struct pairs *to, uint32_t n, unsigned shift, const struct pause *pause)
{
    uint32_t places[256] = {0}, place = 0;
    const int64_t *keys = row_array_at(&from->keys, 0);
    const uint32_t *rows = row_array_at(&from->rows, 0);
    int64_t *to_keys = row_array_at(&to->keys, 0);
    uint32_t *to_rows = row_array_at(&to->rows, 0);
    int rc = 0;
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        places[digit_of(keys[i], shift)]++;
        rc = i % (4 * PER_PAUSE) == 0 ? pause_here(pause) : 0;
    }
    for (unsigned d = 0; d < 256; d++) {
        const uint32_t count = places[d];
        places[d] = place;
        place += count;
    }
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        const uint32_t at = places[digit_of(keys[i], shift)]++;
        to_keys[at] = keys[i];
        to_rows[at] = rows[i];
        rc = i % PER_PAUSE == 0 ? pause_here(pause) : 0;
    }
    return rc;
}

static int fill(const struct integer_column *c, struct pairs *p, const struct pause *pause)
{
    int64_t *keys = row_array_at(&p->keys, 0);
    uint32_t *rows = row_array_at(&p->rows, 0);
    int rc = 0;
    for (uint32_t row = 0; row < c->rows && rc == 0; row++) {
        for (uint32_t i = integer_begin(c, row); i < integer_end(c, row); i++) {
            keys[i] = integer_value(c, i);
            rows[i] = row;
        }
        rc = row % PER_PAUSE == 0 ? pause_here(pause) : 0;
    }
    return rc;
}

static int sort_values(const struct integer_column *c, struct pairs *a, struct pairs *b, const struct pause *pause)
{
    int rc = fill(c, a, pause);
    for (unsigned shift = 0; rc == 0 && shift < 64; shift += 8) {
        if ((((uint64_t)c->min ^ (uint64_t)c->max) >> shift) == 0)
            /* min and max have this byte and all higher ones in common, so all values have */
            break;
        rc = pass(a, b, c->count, shift, pause);
        struct pairs swap = *a;
        *a = *b;
        *b = swap;
    }
    return rc;
}

int integer_sort(void *column, const struct pause *pause)
{
    struct integer_column *c = column;
    struct pairs a = {0}, b = {0};
    if (c->is_sorted)
        return 0;
    int rc = row_array_join(&c->ends, c->rows, pause);
    if (rc == 0)
        rc = row_array_join(&c->values, c->count, pause);
    if (rc == 0)
        rc = row_array_join(&c->nulls, (uint32_t)bits_words(c->rows), pause);
    if (rc == 0)
        rc = row_array_join(&c->empties, (uint32_t)bits_words(c->rows), pause);
    if (rc == 0 && c->count)
        rc = pairs_make(&a, c->count);
    if (rc == 0 && c->count)
        rc = pairs_make(&b, c->count);
    if (rc == 0 && c->count)
        rc = sort_values(c, &a, &b, pause);
    if (rc == 0 && c->count) {
        c->sorted = a.keys;
        c->sorted_rows = a.rows;
        a = (struct pairs){0};
    }
    c->is_sorted = rc == 0;
    pairs_fini(&a);
    pairs_fini(&b);
    return rc;
}

/* -- runs of sorted values -- */

/* The index of the first sorted value that is not below x. */
static uint32_t lower_bound(const struct integer_column *c, int64_t x)
{
    const int64_t *keys = row_array_at(&c->sorted, 0);
    uint32_t low = 0, high = c->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (keys[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct run {
    uint32_t from, to;
};

static struct run find_run(const struct integer_column *c, struct interval i)
{
    if (c->count == 0 || i.low > i.high || i.low > c->max || i.high < c->min)
        return (struct run){0, 0};
    const uint32_t from = i.low <= c->min ? 0 : lower_bound(c, i.low);
    const uint32_t to = i.high >= c->max ? c->count : lower_bound(c, i.high + 1);
    return (struct run){from, to};
}

/* The nth interval of values that pass p. False: there is none. */
static bool next_interval(const struct predicate *p, uint32_t n, struct interval *ret)
{
    if (p->op == PREDICATE_RANGE) {
        *ret = interval_of_range(p);
        return n == 0;
    }
    while (n < p->values.count && p->values.items[n].type != VALUE_INTEGER)
        n++;
    if (n >= p->values.count)
        return false;
    *ret = (struct interval){p->values.items[n].integer, p->values.items[n].integer};
    return true;
}

/* -- estimates -- */

static struct cardinality exactly(uint32_t n)
{
    return (struct cardinality){n, n, n};
}

static void estimate_sorted(const struct integer_column *c, const struct predicate *p, struct cardinality *ret)
{
    uint64_t values = 0;
    struct interval interval;
    for (uint32_t n = 0; next_interval(p, n, &interval); n++) {
        const struct run run = find_run(c, interval);
        values += run.to - run.from;
    }
    if (c->most <= 1) {
        *ret = exactly((uint32_t)values);
        return;
    }
    ret->max = values < c->value_rows ? (uint32_t)values : c->value_rows;
    ret->min = (uint32_t)((values + c->most - 1) / c->most);
    const double share = (double)values * c->value_rows / c->count;
    ret->expected = (uint32_t)fmin(fmax(share, ret->min), ret->max);
}

static void estimate_rows(const struct integer_column *c, const struct predicate *p, struct cardinality *ret)
{
    const uint32_t n = c->rows < SAMPLE_ROWS ? c->rows : SAMPLE_ROWS;
    uint32_t found = 0;
    for (uint32_t i = 0; i < n; i++)
        found += integer_test(c, p, (uint32_t)((uint64_t)i * c->rows / n));
    if (n == c->rows) {
        *ret = exactly(found);
        return;
    }
    *ret = (struct cardinality){found, (uint32_t)((double)found / n * c->rows), c->value_rows};
    ret->expected = ret->expected < ret->max ? ret->expected : ret->max;
}

void integer_estimate(const void *column, const struct predicate *p, struct cardinality *ret)
{
    const struct integer_column *c = column;
    if (p->op == PREDICATE_NULL)
        *ret = exactly(c->null_rows);
    else if (p->op == PREDICATE_EMPTY)
        *ret = exactly(c->empty_rows);
    else if (c->is_sorted)
        estimate_sorted(c, p, ret);
    else
        estimate_rows(c, p, ret);
}

/* -- rows -- */

static int select_sorted(const struct integer_column *c, const struct predicate *p, struct row_set *set,
                         const struct pause *pause)
{
    struct interval interval;
    for (uint32_t n = 0; next_interval(p, n, &interval); n++) {
        const struct run run = find_run(c, interval);
        for (uint32_t i = run.from; i < run.to; i++) {
            row_set_add(set, *(const uint32_t *)row_array_at(&c->sorted_rows, i));
            const int rc = (i - run.from) % PER_PAUSE == PER_PAUSE - 1 ? pause_here(pause) : 0;
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

static int select_bits(const struct row_array *bits, uint32_t rows, struct row_set *set)
{
    const uint32_t end = rows < set->rows ? rows : set->rows;
    for (uint32_t w = 0; w < bits_words(end); w++) {
        uint64_t word = *(const uint64_t *)row_array_at(bits, w);
        if (w == end / 64)
            word &= ((uint64_t)1 << end % 64) - 1;
        set->bits[w] |= word;
    }
    return 0;
}

int integer_select(const void *column, const struct predicate *p, struct row_set *set, const struct pause *pause)
{
    const struct integer_column *c = column;
    if (p->op == PREDICATE_NULL || p->op == PREDICATE_EMPTY)
        return select_bits(p->op == PREDICATE_NULL ? &c->nulls : &c->empties, c->rows, set);
    if (c->is_sorted)
        return select_sorted(c, p, set, pause);
    for (uint32_t row = 0; row < set->rows && row < c->rows; row++) {
        if (integer_test(c, p, row))
            row_set_add(set, row);
        const int rc = row % TESTS_PER_PAUSE == TESTS_PER_PAUSE - 1 ? pause_here(pause) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}
