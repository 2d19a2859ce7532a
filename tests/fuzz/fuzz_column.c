/* fuzz_column.c -- the regions of a saved column from any bytes. They are refused, or every
 * question gets an answer that is possible, and saving the column gives the same regions.
 *
 * The input is a head (the kind; whether the regions are in the input or are saved from rows in the
 * input), the rows or regions, and predicates. Saved regions have some bytes overwritten, because
 * random regions seldom agree with each other. Each region lies in memory of its size, so that the
 * sanitizer sees reads outside. */
#include "../boolean/boolean.h"
#include "columns/column.h"
#include "fuzz_bytes.h"

#include <errno.h>
#include <stdlib.h>

#define ROWS_MAX       96
#define ITEMS_MAX      7
#define PREDICATES_MAX 8
#define VALUES_MAX     4

static const char *const names[] = {"meta", "ends", "values", "nulls", "empties", "sorted", "rows", "bits"};

struct saved {
    struct column_region regions[COLUMN_REGIONS];
    void *owned[COLUMN_REGIONS];
    unsigned count;
};

static void *copy_of(const void *bytes, size_t size)
{
    void *copy = malloc(size ? size : 1); /* 16-byte aligned, as a mapping is at least */
    check(copy);
    if (size)
        memcpy(copy, bytes, size);
    return copy;
}

static void saved_add(struct saved *s, const char *name, const void *bytes, size_t size)
{
    s->owned[s->count] = copy_of(bytes, size);
    s->regions[s->count] = (struct column_region){name, s->owned[s->count], size};
    s->count++;
}

static void saved_fini(struct saved *s)
{
    for (unsigned i = 0; i < s->count; i++)
        free(s->owned[i]);
}

/* -- regions from the input -- */

static void read_regions(struct fuzz_bytes *b, struct saved *s)
{
    while (s->count < COLUMN_REGIONS && b->left > 3) {
        const char *name = names[fuzz_take_u8(b) % ARRAY_LEN(names)];
        size_t size = fuzz_take_u16(b);
        size = size < b->left ? size : b->left;
        saved_add(s, name, b->at, size);
        b->at += size;
        b->left -= size;
    }
}

/* -- regions of rows from the input -- */

static void append_row(struct fuzz_bytes *b, struct column *c)
{
    const uint8_t head = fuzz_take_u8(b);
    struct value items[ITEMS_MAX];
    const struct field_values v = {items, head % (ITEMS_MAX + 1), head >> 6 & 1, head >> 7};
    for (uint32_t i = 0; i < v.count; i++) {
        const int64_t x = fuzz_take_integer(b);
        items[i] = c->kind == &column_boolean ? (struct value){VALUE_BOOL, .boolean = x & 1}
                                              : (struct value){VALUE_INTEGER, .integer = x};
    }
    check(column_append(c, &v) == 0);
}

static void overwrite(struct fuzz_bytes *b, struct saved *s)
{
    for (unsigned left = fuzz_take_u8(b) % 8; left > 0; left--) {
        const unsigned i = fuzz_take_u8(b) % s->count;
        const uint16_t at = fuzz_take_u16(b);
        const uint8_t with = fuzz_take_u8(b);
        if (s->regions[i].size)
            ((uint8_t *)s->owned[i])[at % s->regions[i].size] = with;
    }
}

static void save_rows(struct fuzz_bytes *b, const struct column_kind *kind, uint32_t rows, struct saved *s)
{
    struct column c;
    struct column_region regions[COLUMN_REGIONS];
    check(column_create(kind, 3, &c) == 0);
    for (uint32_t row = 0; row < rows; row++)
        append_row(b, &c);
    check(column_sort(&c, NULL) == 0);
    const unsigned n = column_save(&c, regions);
    for (unsigned i = 0; i < n; i++)
        saved_add(s, regions[i].name, regions[i].bytes, regions[i].size);
    column_destroy(&c);
    overwrite(b, s);
}

/* -- questions -- */

static struct value read_bound(struct fuzz_bytes *b)
{
    const uint8_t head = fuzz_take_u8(b);
    struct value v = {.type = VALUE_NULL};
    if (head % 3 == 1)
        v = (struct value){VALUE_INTEGER, .integer = fuzz_take_integer(b)};
    if (head % 3 == 2) {
        v.type = VALUE_FLOAT;
        fuzz_take(b, &v.number, sizeof(v.number));
    }
    return v;
}

/* A predicate that filter_bind() would let pass. False: it would not. */
static bool read_predicate(struct fuzz_bytes *b, const struct column_kind *kind, struct value items[VALUES_MAX],
                           struct predicate *p)
{
    const uint8_t head = fuzz_take_u8(b);
    struct error error;
    *p = (struct predicate){.op = head % PREDICATE_OPS, .kind = kind, .path = "x"};
    if (p->op == PREDICATE_RANGE) {
        p->range.low = read_bound(b);
        p->range.high = read_bound(b);
        p->range.low_open = head >> 6 & 1;
        p->range.high_open = head >> 7;
    } else if (p->op <= PREDICATE_IN) {
        const uint32_t n = p->op == PREDICATE_EQ ? 1 : (head >> 4) % (VALUES_MAX + 1);
        for (uint32_t i = 0; i < n; i++)
            items[i] = kind == &column_boolean ? (struct value){VALUE_BOOL, .boolean = fuzz_take_u8(b) & 1}
                                               : (struct value){VALUE_INTEGER, .integer = fuzz_take_integer(b)};
        p->values.items = items;
        p->values.count = values_sort(items, n);
    }
    return kind->operators & 1u << p->op && predicate_check(p, &error) == 0 && kind->accepts(p, &error) == 0;
}

static void ask(const struct column *c, const struct predicate *p, uint32_t span)
{
    struct row_set set;
    struct cardinality estimate;
    uint32_t passing = 0;
    check(row_set_init(&set, span) == 0);
    check(column_select(c, p, &set, NULL) == 0);
    column_estimate(c, p, &estimate);
    for (uint32_t row = 0; row < span + 65; row++) {
        const bool passes = column_test(c, p, row);
        passing += passes;
        check(row < c->rows || !passes);
        if (row < span)
            check(row_set_has(&set, row) == passes);
    }
    check(span > c->rows || row_set_count(&set) <= span);
    check(estimate.min <= estimate.expected && estimate.expected <= estimate.max && estimate.max <= c->rows);
    if (span >= c->rows)
        check(estimate.min <= passing && passing <= estimate.max);
    row_set_fini(&set);
}

static void ask_all(const struct column *c, struct fuzz_bytes b)
{
    struct value items[VALUES_MAX];
    struct predicate p;
    for (unsigned i = 0; i < PREDICATES_MAX && b.left > 0; i++) {
        const uint32_t span = fuzz_take_u8(&b);
        if (read_predicate(&b, c->kind, items, &p)) {
            ask(c, &p, c->rows);
            ask(c, &p, span);
        }
    }
}

/* The kind saves regions under the same names; other regions are ignored. */
static void save_again(struct column *c, const struct saved *s)
{
    struct column_region regions[COLUMN_REGIONS];
    struct column again;
    const char *why = NULL;
    const unsigned n = column_save(c, regions);
    for (unsigned i = 0; i < n; i++) {
        unsigned k = 0;
        while (k < s->count && strcmp(s->regions[k].name, regions[i].name) != 0)
            k++;
        check(k < s->count && s->regions[k].size == regions[i].size);
        check(regions[i].size == 0 || memcmp(s->regions[k].bytes, regions[i].bytes, regions[i].size) == 0);
    }
    check(column_open(c->kind, c->field, regions, n, c->rows, NULL, &again, &why) == 0);
    column_destroy(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct fuzz_bytes b = {input, size};
    struct saved s = {.count = 0};
    struct column c;
    const char *why = NULL;
    const uint8_t head = fuzz_take_u8(&b);
    const uint32_t rows = fuzz_take_u8(&b) % (ROWS_MAX + 1);
    const struct column_kind *kind = head & 1 ? &column_boolean : column_kind_named("integer");
    if (head & 2)
        read_regions(&b, &s);
    else
        save_rows(&b, kind, rows, &s);
    const int rc = column_open(kind, 3, s.regions, s.count, rows, NULL, &c, &why);
    check(rc == 0 || (rc == -EINVAL && why && why[0]));
    if (rc == 0) {
        ask_all(&c, b);
        save_again(&c, &s);
        column_destroy(&c);
    }
    saved_fini(&s);
    return 0;
}
