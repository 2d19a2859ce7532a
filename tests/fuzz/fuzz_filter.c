/* fuzz_filter.c -- filters from any bytes. They are refused with a sentence, or bound to a schema.
 * Then a bound filter selects the rows that pass when it tests each row. Its estimate has true
 * bounds.
 *
 * The first byte says what the rest is: the message of the native protocol, or a tree of clauses as
 * another protocol could make it. */
#include "../boolean/boolean.h"
#include "fuzz_bytes.h"
#include "net/native/meta/meta.h"
#include "net/native/meta/meta_filter.h"

#include <errno.h>
#include <stdlib.h>

#define ROWS      70
#define FIELDS    3
#define NO_COLUMN 1 /* the field whose values come from the rows */
#define DEPTH_MAX (FILTER_DEPTH_MAX + 2)
#define NODES_MAX 64

static const char *const paths[FIELDS + 2] = {"n", "m.n", "b", "missing", ""};

static struct column columns[FIELDS];
static const struct column *column_list[FIELDS];
static struct schema *schema;

/* -- the rows -- */

/* The values of a field of a row: one, two, null or none. */
static struct field_values values_of(uint32_t row, unsigned field, struct value items[2])
{
    const uint32_t x = row * 2654435761u >> (8 + field);
    for (uint32_t i = 0; i < 2; i++)
        items[i] = field == 2 ? (struct value){VALUE_BOOL, .boolean = x >> i & 1}
                              : (struct value){VALUE_INTEGER, .integer = (int64_t)(x >> 4 * i & 15) - 8};
    return (struct field_values){items, x >> 9 & 3 ? 1 + (x >> 11 & 1) : 0, (x >> 9 & 7) == 4, x >> 12 & 1};
}

static void make_rows(void)
{
    schema = schema_create(1, FIELDS);
    check(schema);
    column_kind_add(&column_boolean);
    for (unsigned i = 0; i < FIELDS; i++) {
        const struct column_kind *kind = i == 2 ? &column_boolean : column_kind_named("integer");
        schema->fields[i].kind = kind->id;
        strcpy(schema->fields[i].path, paths[i]);
        check(column_create(kind, (uint16_t)i, &columns[i]) == 0);
        for (uint32_t row = 0; row < ROWS; row++) {
            struct value items[2];
            const struct field_values v = values_of(row, i, items);
            check(column_append(&columns[i], &v) == 0);
        }
        check(column_sort(&columns[i], NULL) == 0);
    }
    column_list[0] = &columns[0];
    column_list[1] = &columns[2];
}

static bool test_row(void *arg, const struct predicate *p, uint32_t row)
{
    struct value items[2];
    const struct field_values v = values_of(row, p->field, items);
    check(p->field == NO_COLUMN && row < ROWS);
    return p->kind->passes(p, &v);
}

/* -- a tree from the input -- */

struct reading {
    struct fuzz_bytes bytes;
    struct arena *arena;
    unsigned nodes;
};

static struct value read_value(struct reading *r)
{
    struct value v = {.type = fuzz_take_u8(&r->bytes) % (VALUE_STRING + 1)};
    switch (v.type) {
    case VALUE_BOOL: v.boolean = fuzz_take_u8(&r->bytes) & 1; break;
    case VALUE_INTEGER: v.integer = fuzz_take_integer(&r->bytes); break;
    case VALUE_FLOAT: fuzz_take(&r->bytes, &v.number, sizeof(v.number)); break;
    case VALUE_STRING: v.string.bytes = "text", v.string.size = fuzz_take_u8(&r->bytes) % 5; break;
    default: break;
    }
    return v;
}

static void read_predicate(struct reading *r, struct predicate *p)
{
    const uint8_t head = fuzz_take_u8(&r->bytes);
    *p = (struct predicate){.op = head % (PREDICATE_OPS + 1)};
    p->path = paths[(head >> 3) % ARRAY_LEN(paths)];
    if (p->op == PREDICATE_RANGE) {
        p->range.low = read_value(r);
        p->range.high = read_value(r);
        p->range.low_open = head >> 6 & 1;
        p->range.high_open = head >> 7;
    } else if (p->op <= PREDICATE_IN) {
        const uint32_t n = fuzz_take_u8(&r->bytes) % 5;
        struct value *items = arena_alloc(r->arena, (n + 1) * sizeof(*items));
        check(items);
        for (uint32_t i = 0; i < n; i++)
            items[i] = read_value(r);
        p->values.items = items;
        p->values.count = n;
    }
}

static void read_clause(struct reading *r, unsigned depth, struct filter *ret)
{
    const uint8_t head = fuzz_take_u8(&r->bytes);
    *ret = (struct filter){.op = head % (FILTER_OPS + 1)};
    if (depth == DEPTH_MAX || ret->op == FILTER_TEST) {
        ret->op = FILTER_TEST;
        read_predicate(r, &ret->test);
        return;
    }
    const uint32_t n = (head >> 4) % 5;
    struct filter *children = arena_alloc(r->arena, (n + 1) * sizeof(*children));
    check(children);
    ret->least = fuzz_take_u8(&r->bytes) % 6;
    ret->children = children;
    for (; ret->count < n && r->nodes < NODES_MAX; ret->count++) {
        r->nodes++;
        read_clause(r, depth + 1, &children[ret->count]);
    }
}

/* -- the answers -- */

static uint32_t count_passing(const struct filter *f, const struct filter_rows *rows, const struct row_set *set)
{
    uint32_t passing = 0;
    for (uint32_t row = 0; row < rows->rows; row++) {
        const bool passes = filter_test(f, rows, row);
        check(row_set_has(set, row) == passes);
        passing += passes;
    }
    return passing;
}

static void ask(const struct filter *f)
{
    const struct filter_rows rows = {.rows = ROWS, .columns = column_list, .column_count = 2, .test = test_row};
    struct row_set set;
    check(row_set_init(&set, ROWS) == 0);
    check(filter_select(f, &rows, &set, NULL) == 0);
    const uint32_t passing = count_passing(f, &rows, &set);
    const struct cardinality estimate = filter_estimate(f, &rows);
    check(row_set_count(&set) == passing);
    check(estimate.min <= passing && passing <= estimate.max && estimate.max <= ROWS);
    check(estimate.min <= estimate.expected && estimate.expected <= estimate.max);
    row_set_fini(&set);
}

static void bind(const struct filter *f, struct arena *arena)
{
    const struct filter *bound = NULL;
    struct error error = {.code = ERROR_OK};
    const int rc = filter_bind(f, schema, "a", arena, &bound, &error);
    check(rc == 0 || error.text[0]);
    if (rc == 0)
        ask(bound);
}

static void read_message(struct request *rq, const uint8_t *bytes, size_t size)
{
    const Kith__Filter *message = meta_unpack(rq, &kith__filter__descriptor, bytes, size);
    const struct filter *f = NULL;
    if (!message)
        return;
    const int rc = meta_filter(rq, message, &f);
    check(rc == 0 || rq->error.text[0]);
    if (rc == 0 && f)
        bind(f, &rq->arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct request rq;
    if (!schema)
        make_rows();
    if (size == 0)
        return 0;
    rq.arena.limit = (size_t)16 << 20;
    memset(&rq.error, 0, sizeof(rq.error));
    if (bytes[0] & 1) {
        struct reading r = {{bytes + 1, size - 1}, &rq.arena, 1};
        struct filter f;
        read_clause(&r, 1, &f);
        bind(&f, &rq.arena);
    } else {
        read_message(&rq, bytes + 1, size - 1);
    }
    arena_reset(&rq.arena);
    return 0;
}
