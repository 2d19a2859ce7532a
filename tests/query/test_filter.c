/* test_filter.c -- random filters over random rows against a test of each row by hand:
 * selecting, testing, estimates; also where a field has no column yet. */
#include "query/filter.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define ROWS   700
#define FIELDS 3

static int64_t numbers[ROWS][FIELDS]; /* NOTHING: the row has no value */
#define NOTHING INT64_MIN

static struct column columns[FIELDS];
static uint16_t missing; /* the field without a column; FIELDS: none */

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 33) % below);
}

static bool expected_predicate(const struct predicate *p, uint32_t row)
{
    const int64_t x = numbers[row][p->field];
    if (p->op == PREDICATE_EMPTY)
        return x == NOTHING;
    if (p->op == PREDICATE_RANGE)
        return x != NOTHING && x >= p->range.low.integer && x < p->range.high.integer;
    return x != NOTHING && x == p->values.items[0].integer;
}

static bool expected(const struct filter *f, uint32_t row)
{
    uint32_t passed = 0;
    if (f->op == FILTER_TEST)
        return expected_predicate(&f->test, row);
    for (uint32_t i = 0; i < f->count; i++)
        passed += expected(&f->children[i], row);
    switch (f->op) {
    case FILTER_ALL: return passed == f->count;
    case FILTER_ANY: return passed > 0;
    case FILTER_NONE: return passed == 0;
    default: return passed >= f->least;
    }
}

static bool test_payload(void *arg, const struct predicate *p, uint32_t row)
{
    cr_assert_eq(p->field, missing, "only a field without a column is asked of the payload");
    return expected_predicate(p, row);
}

static void fill(uint64_t *state)
{
    for (uint16_t field = 0; field < FIELDS; field++)
        cr_assert_eq(column_create(column_kind_named("integer"), field, &columns[field]), 0);
    for (uint32_t row = 0; row < ROWS; row++)
        for (int field = 0; field < FIELDS; field++) {
            const bool has = draw(state, 10) > 0;
            numbers[row][field] = has ? draw(state, 20u << 2 * field) : NOTHING;
            const struct value item = {VALUE_INTEGER, .integer = numbers[row][field]};
            const struct field_values v = {&item, has, !has, false};
            cr_assert_eq(column_append(&columns[field], &v), 0);
        }
    for (int field = 0; field < FIELDS; field++)
        if (draw(state, 2))
            cr_assert_eq(column_sort(&columns[field], NULL), 0);
}

static struct predicate draw_predicate(uint64_t *state, struct arena *arena)
{
    static const enum predicate_op ops[] = {PREDICATE_EQ, PREDICATE_RANGE, PREDICATE_RANGE, PREDICATE_EMPTY};
    static const char *const paths[FIELDS] = {"a", "b", "c"};
    const uint16_t field = (uint16_t)draw(state, FIELDS);
    const uint32_t wide = 20u << 2 * field;
    struct predicate p = {.op = ops[draw(state, 4)], .path = paths[field]};
    if (p.op == PREDICATE_RANGE) {
        p.range.low = (struct value){VALUE_INTEGER, .integer = draw(state, wide)};
        p.range.high = (struct value){VALUE_INTEGER, .integer = p.range.low.integer + draw(state, wide)};
        p.range.high_open = true;
    } else if (p.op == PREDICATE_EQ) {
        struct value *item = arena_alloc(arena, sizeof(*item));
        *item = (struct value){VALUE_INTEGER, .integer = draw(state, wide)};
        p.values.items = item;
        p.values.count = 1;
    }
    return p;
}

static struct filter draw_filter(uint64_t *state, struct arena *arena, int depth)
{
    struct filter f = {.op = depth == 0 ? FILTER_TEST : (enum filter_op)draw(state, FILTER_OPS)};
    if (f.op == FILTER_TEST) {
        f.test = draw_predicate(state, arena);
        return f;
    }
    f.count = draw(state, 5);
    if (f.op == FILTER_AT_LEAST) {
        f.count += !f.count;
        f.least = 1 + draw(state, f.count);
    }
    struct filter *children = arena_alloc(arena, (f.count + 1) * sizeof(*children));
    for (uint32_t i = 0; i < f.count; i++)
        children[i] = draw_filter(state, arena, depth - 1);
    f.children = children;
    return f;
}

static struct schema *make_schema(void)
{
    static const char *const paths[FIELDS] = {"a", "b", "c"};
    struct schema *s = schema_create(1, FIELDS);
    for (int i = 0; i < FIELDS; i++) {
        s->fields[i].kind = column_kind_named("integer")->id;
        strcpy(s->fields[i].path, paths[i]);
    }
    return s;
}

static void compare(const struct filter *f, const struct filter_rows *rows)
{
    struct row_set set;
    uint32_t all = 0;
    cr_assert_eq(row_set_init(&set, rows->rows), 0);
    cr_assert_eq(filter_select(f, rows, &set, NULL), 0);
    for (uint32_t row = 0; row < rows->rows; row++) {
        const bool passes = expected(f, row);
        all += passes;
        cr_assert_eq(filter_test(f, rows, row), passes);
        cr_assert_eq(row_set_has(&set, row), passes, "row %u, clause %d", row, (int)f->op);
    }
    cr_assert_eq(row_set_count(&set), all);
    const struct cardinality c = filter_estimate(f, rows);
    cr_assert(c.min <= all && all <= c.max, "%u rows, estimated %u to %u", all, c.min, c.max);
    cr_assert(c.min <= c.expected && c.expected <= c.max && c.max <= rows->rows);
    row_set_fini(&set);
}

Test(filter, answers_as_each_row_does)
{
    struct schema *schema = make_schema();
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t state = seed;
        fill(&state);
        missing = (uint16_t)draw(&state, FIELDS + 2);
        struct filter_counts counts = {0};
        struct filter_rows rows = {.rows = ROWS - draw(&state, 100), .test = test_payload, .counts = &counts};
        const struct column *here[FIELDS];
        for (uint16_t field = 0; field < FIELDS; field++)
            if (field != missing)
                here[rows.column_count++] = &columns[field];
        rows.columns = here;
        for (int i = 0; i < 40; i++) {
            struct arena arena = {0};
            struct error error;
            const struct filter *bound;
            const struct filter f = draw_filter(&state, &arena, (int)draw(&state, 4));
            cr_assert_eq(filter_bind(&f, schema, "things", &arena, &bound, &error), 0, "%s", error.text);
            compare(bound, &rows);
            arena_fini(&arena);
        }
        for (int field = 0; field < FIELDS; field++)
            column_destroy(&columns[field]);
    }
    schema_release(schema);
}

static void refuse(const struct filter *f, const char *says)
{
    struct schema *schema = make_schema();
    struct arena arena = {0};
    struct error error = {0};
    const struct filter *bound;
    cr_assert_lt(filter_bind(f, schema, "things", &arena, &bound, &error), 0);
    cr_assert_eq(error.code, ERROR_INVALID_ARGUMENT);
    cr_assert(strstr(error.text, says), "%s", error.text);
    arena_fini(&arena);
    schema_release(schema);
}

Test(filter, what_cannot_be_answered_is_refused_with_a_sentence)
{
    const struct value one = {VALUE_INTEGER, .integer = 1};
    const struct filter unknown = {.test = {.op = PREDICATE_EMPTY, .path = "size"}};
    refuse(&unknown, "'size', which 'things' has no index of; add it as a field");
    const struct filter none = {.test = {.op = PREDICATE_EQ, .path = "a"}};
    refuse(&none, "one value");
    struct filter deep[FILTER_DEPTH_MAX + 1] = {{.test = {.op = PREDICATE_EQ, .path = "a", .values = {&one, 1}}}};
    for (int i = 1; i <= FILTER_DEPTH_MAX; i++)
        deep[i] = (struct filter){.op = FILTER_ALL, .count = 1, .children = &deep[i - 1]};
    refuse(&deep[FILTER_DEPTH_MAX], "nested deeper");
    static struct filter many[FILTER_CLAUSES_MAX];
    for (int i = 0; i < FILTER_CLAUSES_MAX; i++)
        many[i] = deep[0];
    const struct filter wide = {.op = FILTER_ANY, .count = FILTER_CLAUSES_MAX, .children = many};
    refuse(&wide, "more than 256");
    const struct filter few = {.op = FILTER_AT_LEAST, .count = 1, .least = 2, .children = many};
    refuse(&few, "2 of 1");
}
