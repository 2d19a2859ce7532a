/* test_integer.c -- an integer column answers as an array of the values of each row does: while
 * it grows, sorted, copied row by row, saved and opened; with arrays, nulls, missing fields and
 * values of other types; without memory; from damaged bytes. */
#include "columns/column.h"

#include "failing_memory.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX  3000
#define ITEMS_MAX 5

struct row {
    struct value items[ITEMS_MAX];
    uint32_t count;
    bool is_empty, has_null;
};

static struct row rows[ROWS_MAX];

static uint64_t draw(uint64_t *state, uint64_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*state >> 20) % below;
}

/* Mostly numbers near each other, and some at the ends of the range. */
static int64_t draw_integer(uint64_t *state)
{
    static const int64_t odd[] = {INT64_MIN,        INT64_MIN + 1,         INT64_MAX, INT64_MAX - 1, 0, -1,
                                  (int64_t)1 << 53, ((int64_t)1 << 53) + 1};
    if (draw(state, 20) == 0)
        return odd[draw(state, ARRAY_LEN(odd))];
    return (int64_t)draw(state, 200) - 100;
}

static struct value draw_item(uint64_t *state)
{
    switch (draw(state, 12)) {
    case 0: return (struct value){VALUE_FLOAT, .number = 3.0};
    case 1: return (struct value){VALUE_STRING, .string = {"3", 1}};
    case 2: return (struct value){VALUE_BOOL, .boolean = true};
    default: return (struct value){VALUE_INTEGER, .integer = draw_integer(state)};
    }
}

static struct row draw_row(uint64_t *state, bool arrays)
{
    struct row r = {.count = arrays ? (uint32_t)draw(state, ITEMS_MAX + 1) : draw(state, 8) > 0};
    for (uint32_t i = 0; i < r.count; i++)
        r.items[i] = draw_item(state);
    r.has_null = draw(state, 10) == 0;
    r.is_empty = r.count == 0 && draw(state, 4) > 0; /* or an object, which has no value */
    return r;
}

static struct field_values values_of(const struct row *r)
{
    return (struct field_values){r->items, r->count, r->is_empty, r->has_null};
}

static struct value draw_bound(uint64_t *state)
{
    static const double odd[] = {0x1p63, -0x1p63, 0x1p62, -1e300, 1e300, INFINITY, -INFINITY, 0x1p53, -0x1p53 - 2};
    switch (draw(state, 6)) {
    case 0: return (struct value){.type = VALUE_NULL};
    case 1: return (struct value){VALUE_FLOAT, .number = (double)draw(state, 400) / 2 - 100};
    case 2: return (struct value){VALUE_FLOAT, .number = odd[draw(state, ARRAY_LEN(odd))]};
    default: return (struct value){VALUE_INTEGER, .integer = draw_integer(state)};
    }
}

static struct predicate draw_predicate(uint64_t *state, struct value items[10])
{
    struct predicate p = {.op = (enum predicate_op)draw(state, PREDICATE_OPS), .path = "n"};
    if (p.op == PREDICATE_RANGE) {
        p.range.low = draw_bound(state);
        p.range.high = draw_bound(state);
        p.range.low_open = draw(state, 2);
        p.range.high_open = draw(state, 2);
    } else if (p.op == PREDICATE_EQ || p.op == PREDICATE_IN) {
        const uint32_t n = p.op == PREDICATE_EQ ? 1 : (uint32_t)draw(state, 11);
        for (uint32_t i = 0; i < n; i++)
            items[i] = (struct value){VALUE_INTEGER, .integer = draw_integer(state)};
        p.values.items = items;
        p.values.count = values_sort(items, n);
    }
    struct error error;
    cr_assert_eq(predicate_check(&p, &error), 0, "%s", error.text);
    return p;
}

/* -- the slow twin: bounds and values compared as numbers with 64 bits of mantissa -- */

static long double number(const struct value *v)
{
    return v->type == VALUE_INTEGER ? (long double)v->integer : (long double)v->number;
}

static bool in_range(const struct predicate *p, long double x)
{
    const struct value *low = &p->range.low, *high = &p->range.high;
    const bool above = low->type == VALUE_NULL || (p->range.low_open ? x > number(low) : x >= number(low));
    return above && (high->type == VALUE_NULL || (p->range.high_open ? x < number(high) : x <= number(high)));
}

static bool expected(const struct predicate *p, const struct row *r)
{
    if (p->op == PREDICATE_NULL)
        return r->has_null;
    if (p->op == PREDICATE_EMPTY)
        return r->is_empty;
    bool passes = false;
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->items[i].type != VALUE_INTEGER)
            continue;
        passes |= p->op == PREDICATE_RANGE && in_range(p, (long double)r->items[i].integer);
        for (uint32_t j = 0; p->op != PREDICATE_RANGE && j < p->values.count; j++)
            passes |= p->values.items[j].integer == r->items[i].integer;
    }
    return passes;
}

/* -- all answers of a column -- */

static void compare(const struct column *c, const struct predicate *p, uint32_t span, const char *which)
{
    struct row_set set;
    struct cardinality estimate;
    uint32_t all = 0;
    cr_assert_eq(row_set_init(&set, span), 0);
    cr_assert_eq(column_select(c, p, &set, NULL), 0);
    column_estimate(c, p, &estimate);
    for (uint32_t row = 0; row < c->rows; row++) {
        const bool passes = expected(p, &rows[row]);
        const struct field_values v = values_of(&rows[row]);
        all += passes;
        cr_assert_eq(c->kind->passes(p, &v), passes, "%s: values of row %u", which, row);
        cr_assert_eq(column_test(c, p, row), passes, "%s: row %u, operator %d", which, row, (int)p->op);
        if (row < span)
            cr_assert_eq(row_set_has(&set, row), passes, "%s: selecting row %u, operator %d", which, row, (int)p->op);
    }
    cr_assert(estimate.min <= all && all <= estimate.max, "%s: %u rows, estimated %u to %u", which, all, estimate.min,
              estimate.max);
    cr_assert(estimate.min <= estimate.expected && estimate.expected <= estimate.max);
    cr_assert(span < c->rows || row_set_count(&set) == all);
    row_set_fini(&set);
}

static void compare_many(const struct column *c, uint64_t *state, const char *which)
{
    struct value items[10];
    for (int i = 0; i < 60; i++) {
        const struct predicate p = draw_predicate(state, items);
        compare(c, &p, c->rows, which);
        compare(c, &p, (uint32_t)draw(state, c->rows + 70u), which);
    }
}

static int fill(struct column *c, uint64_t *state, uint32_t count, bool arrays)
{
    int rc = column_create(column_kind_named("integer"), 7, c);
    for (uint32_t row = 0; rc == 0 && row < count; row++) {
        rows[row] = draw_row(state, arrays);
        const struct field_values v = values_of(&rows[row]);
        rc = column_append(c, &v);
    }
    return rc;
}

static int copy_rows(const struct column *from, struct column *to)
{
    int rc = column_create(from->kind, from->field, to);
    for (uint32_t row = 0; rc == 0 && row < from->rows; row++)
        rc = column_append_row(to, from, row);
    return rc;
}

/* Regions in separate allocations, so that a sanitizer sees a read beyond their ends. */
struct file {
    struct column_region regions[COLUMN_REGIONS];
    unsigned count;
};

static void file_write(struct file *f, struct column *c)
{
    f->count = column_save(c, f->regions);
    for (unsigned i = 0; i < f->count; i++) {
        void *bytes = malloc(f->regions[i].size ? f->regions[i].size : 1);
        cr_assert_not_null(bytes);
        if (f->regions[i].size)
            memcpy(bytes, f->regions[i].bytes, f->regions[i].size);
        f->regions[i].bytes = bytes;
    }
}

static void file_fini(struct file *f)
{
    for (unsigned i = 0; i < f->count; i++)
        free((void *)f->regions[i].bytes);
}

static int file_open(const struct file *f, uint32_t count, struct column *ret, const char **why)
{
    return column_open(column_kind_named("integer"), 7, f->regions, f->count, count, NULL, ret, why);
}

static void one_round(uint64_t seed)
{
    uint64_t state = seed;
    static const uint32_t counts[] = {0, 1, 63, 64, 65, 300, ROWS_MAX};
    const uint32_t count = seed % 2 ? counts[draw(&state, ARRAY_LEN(counts))] : (uint32_t)draw(&state, 700);
    struct column c, copy, opened;
    struct file f;
    const char *why = NULL;
    cr_assert_eq(fill(&c, &state, count, seed % 3 != 0), 0);
    compare_many(&c, &state, "growing");
    cr_assert_eq(column_sort(&c, NULL), 0);
    compare_many(&c, &state, "sorted");
    cr_assert_eq(copy_rows(&c, &copy), 0);
    compare_many(&copy, &state, "copied");
    file_write(&f, &c);
    column_destroy(&c);
    column_destroy(&copy);
    cr_assert_eq(file_open(&f, count, &opened, &why), 0, "%s", why);
    compare_many(&opened, &state, "opened");
    cr_assert_eq(copy_rows(&opened, &copy), 0);
    compare_many(&copy, &state, "copied from an opened one");
    column_destroy(&copy);
    column_destroy(&opened);
    file_fini(&f);
}

Test(integer, answers_as_an_array_of_rows_does)
{
    for (uint64_t seed = 1; seed <= 30; seed++)
        one_round(seed);
}

Test(integer, estimates_of_sorted_single_values_are_exact)
{
    uint64_t state = 5;
    struct column c;
    struct value items[10];
    cr_assert_eq(fill(&c, &state, 2000, false), 0);
    cr_assert_eq(column_sort(&c, NULL), 0);
    for (int i = 0; i < 200; i++) {
        const struct predicate p = draw_predicate(&state, items);
        struct cardinality estimate;
        column_estimate(&c, &p, &estimate);
        cr_assert(estimate.min == estimate.max && estimate.expected == estimate.max);
    }
    column_destroy(&c);
}

static int build_all(void)
{
    uint64_t state = 3;
    struct column c, opened;
    const char *why = NULL;
    int rc = fill(&c, &state, 400, true);
    if (rc == 0)
        rc = column_sort(&c, NULL);
    if (rc == 0) {
        struct column_region regions[COLUMN_REGIONS];
        const unsigned n = column_save(&c, regions);
        rc = column_open(c.kind, 7, regions, n, c.rows, NULL, &opened, &why);
        if (rc == 0)
            column_destroy(&opened);
    }
    column_destroy(&c);
    return rc;
}

Test(integer, without_memory_nothing_breaks)
{
    for (unsigned n = 1;; n++) {
        memory_fail_at(n);
        const int rc = build_all();
        const bool failed = memory_has_failed();
        memory_fail_at(0);
        cr_assert_eq(rc, failed ? -ENOMEM : 0, "allocation %u", n);
        if (!failed)
            break;
        cr_assert_lt(n, 10000);
    }
}

static int stop(void *arg)
{
    unsigned *left = arg;
    return (*left)-- == 0 ? -ECANCELED : 0;
}

/* A sort that is stopped leaves a column that answers; the next call sorts it. */
Test(integer, a_sort_that_is_ended_can_be_begun_again)
{
    for (unsigned n = 0; n < 4; n++) {
        uint64_t state = n + 1;
        struct column c;
        unsigned left = n;
        const struct pause pause = {stop, &left};
        cr_assert_eq(fill(&c, &state, ROWS_MAX, true), 0);
        cr_assert_eq(column_sort(&c, &pause), -ECANCELED);
        compare_many(&c, &state, "ended early");
        cr_assert_eq(column_sort(&c, NULL), 0);
        compare_many(&c, &state, "sorted at last");
        column_destroy(&c);
    }
}

/* When opening compared each value with those before it in its row, this took minutes. */
Test(integer, a_row_of_many_values_opens_as_fast_as_many_rows)
{
    enum { VALUES = 400000 };
    struct value *items = malloc(VALUES * sizeof(*items));
    const struct field_values v = {items, VALUES, false, false};
    struct column c, opened;
    struct file f;
    const char *why;
    cr_assert(items);
    for (uint32_t i = 0; i < VALUES; i++)
        items[i] = (struct value){VALUE_INTEGER, .integer = i * UINT32_C(2654435761) % 1000000};
    cr_assert_eq(column_create(column_kind_named("integer"), 0, &c), 0);
    cr_assert_eq(column_append(&c, &v), 0);
    cr_assert_eq(column_sort(&c, NULL), 0);
    file_write(&f, &c);
    cr_assert_eq(file_open(&f, 1, &opened, &why), 0);
    column_destroy(&opened);
    column_destroy(&c);
    file_fini(&f);
    free(items);
}

/* Any bytes from a disk are refused, or give a column that answers without reading elsewhere. */
Test(integer, damaged_bytes_are_refused_or_harmless)
{
    unsigned refused = 0;
    for (uint64_t seed = 1; seed <= 4000; seed++) {
        uint64_t state = seed / 100 + 1;
        struct column c, opened;
        struct file f;
        const char *why = NULL;
        struct value items[10];
        cr_assert_eq(fill(&c, &state, (uint32_t)draw(&state, 130), seed % 3 != 0), 0);
        const uint32_t count = c.rows;
        cr_assert_eq(column_sort(&c, NULL), 0);
        file_write(&f, &c);
        column_destroy(&c);
        state ^= seed << 32;
        for (uint64_t n = 1 + draw(&state, 3); n > 0; n--) {
            struct column_region *r = &f.regions[draw(&state, f.count)];
            if (draw(&state, 10) == 0)
                r->size -= draw(&state, r->size + 1);
            else if (r->size)
                ((uint8_t *)r->bytes)[draw(&state, r->size)] = (uint8_t)draw(&state, 256);
        }
        const int rc = file_open(&f, count + (draw(&state, 50) == 0), &opened, &why);
        cr_assert(rc == 0 || (rc == -EINVAL && why), "%d", rc);
        refused += rc != 0;
        for (int i = 0; rc == 0 && i < 5; i++) {
            const struct predicate p = draw_predicate(&state, items);
            struct row_set set;
            struct cardinality estimate;
            cr_assert_eq(row_set_init(&set, count), 0);
            cr_assert_eq(column_select(&opened, &p, &set, NULL), 0);
            column_estimate(&opened, &p, &estimate);
            for (uint32_t row = 0; row < count; row++)
                cr_assert(column_test(&opened, &p, row) == row_set_has(&set, row), "a row is found by one way only");
            row_set_fini(&set);
        }
        if (rc == 0)
            column_destroy(&opened);
        file_fini(&f);
    }
    cr_assert_gt(refused, 2000);
}

Test(integer, values_that_cannot_match_are_refused_with_a_sentence)
{
    struct error error;
    const struct value text = {VALUE_STRING, .string = {"x", 1}}, half = {VALUE_FLOAT, .number = 0.5};
    struct predicate p = {.op = PREDICATE_EQ, .path = "year", .values = {&text, 1}};
    cr_assert_lt(column_kind_named("integer")->accepts(&p, &error), 0);
    cr_assert(strstr(error.text, "'year'") && strstr(error.text, "range"), "%s", error.text);
    p.values.items = &half;
    cr_assert_lt(column_kind_named("integer")->accepts(&p, &error), 0);
    p = (struct predicate){.op = PREDICATE_RANGE, .path = "year", .range = {.low = text}};
    cr_assert_lt(predicate_check(&p, &error), 0);
    p.range.low = (struct value){VALUE_FLOAT, .number = NAN};
    cr_assert_lt(predicate_check(&p, &error), 0);
    cr_assert_null(column_kind_named("colour"));
    cr_assert_null(column_kind_of(0));
}
