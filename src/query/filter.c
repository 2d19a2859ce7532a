/* filter.c -- tests one row against a filter, or selects all rows that pass.
 *
 * Of clauses that must all pass, the one with the fewest rows is selected first. When few rows are
 * left, the other clauses are tested row by row instead of being selected. So `year >= 1990 and
 * user = 7` costs about as much as `user = 7`. */
#include "query/filter.h"

#define SELECTED_PER_TEST 8 /* about so many rows are selected in the time of one test */
#define TESTS_PER_PAUSE   512

const struct column *filter_column(const struct filter_rows *rows, uint16_t field)
{
    for (unsigned i = 0; i < rows->column_count; i++)
        if (rows->columns[i]->field == field)
            return rows->columns[i];
    return NULL;
}

bool filter_has_columns(const struct filter *f, const struct filter_rows *rows)
{
    if (f->op == FILTER_TEST)
        return filter_column(rows, f->test.field) != NULL;
    for (uint32_t i = 0; i < f->count; i++)
        if (!filter_has_columns(&f->children[i], rows))
            return false;
    return true;
}

static bool test_predicate(const struct predicate *p, const struct filter_rows *rows, uint32_t row)
{
    const struct column *c = filter_column(rows, p->field);
    if (rows->counts) {
        rows->counts->column_tests += c != NULL;
        rows->counts->payload_tests += c == NULL;
    }
    return c ? column_test(c, p, row) : rows->test && rows->test(rows->arg, p, row);
}

bool filter_test(const struct filter *f, const struct filter_rows *rows, uint32_t row)
{
    if (f->op == FILTER_TEST)
        return test_predicate(&f->test, rows, row);
    const uint32_t wanted = f->op == FILTER_ALL ? f->count : f->op == FILTER_AT_LEAST ? f->least : 1;
    uint32_t passed = 0;
    for (uint32_t i = 0; i < f->count && passed < wanted; i++) {
        const bool passes = filter_test(&f->children[i], rows, row);
        passed += passes;
        if (!passes && f->op == FILTER_ALL)
            return false;
    }
    return (passed >= wanted) != (f->op == FILTER_NONE);
}

/* -- selecting -- */

/* Tests one row after the other, because the predicate has no column. */
static int select_by_test(const struct filter *f, const struct filter_rows *rows, struct row_set *set,
                          const struct pause *pause)
{
    for (uint32_t row = 0; row < set->rows; row++) {
        if (filter_test(f, rows, row))
            row_set_add(set, row);
        const int rc = row % TESTS_PER_PAUSE == TESTS_PER_PAUSE - 1 ? pause_here(pause) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int select_predicate(const struct filter *f, const struct filter_rows *rows, struct row_set *set,
                            const struct pause *pause)
{
    const struct column *c = filter_column(rows, f->test.field);
    if (rows->counts)
        rows->counts->selections += c != NULL;
    return c ? column_select(c, &f->test, set, pause) : select_by_test(f, rows, set, pause);
}

/* Removes the rows that do not pass f from the set. */
static int keep_by_test(const struct filter *f, const struct filter_rows *rows, struct row_set *set,
                        const struct pause *pause)
{
    uint32_t tests = 0;
    for (size_t w = 0; w < row_set_words(set); w++) {
        for (uint64_t left = set->bits[w]; left; left &= left - 1) {
            const uint32_t row = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(left);
            if (!filter_test(f, rows, row))
                bits_clear(set->bits, row);
            tests++;
        }
        if (tests >= TESTS_PER_PAUSE) {
            const int rc = pause_here(pause);
            if (rc != 0)
                return rc;
            tests = 0;
        }
    }
    return 0;
}

static int keep(const struct filter *f, uint32_t expected, const struct filter_rows *rows, struct row_set *set,
                const struct pause *pause)
{
    const uint32_t left = row_set_count(set);
    if (left == 0 || (uint64_t)left * SELECTED_PER_TEST <= (uint64_t)expected + set->rows / 64)
        return keep_by_test(f, rows, set, pause);
    struct row_set other;
    int rc = row_set_init(&other, set->rows);
    if (rc == 0)
        rc = filter_select(f, rows, &other, pause);
    if (rc == 0)
        row_set_and(set, &other);
    row_set_fini(&other);
    return rc;
}

/* Of the children that are not done, the one with the fewest expected rows. */
static uint32_t fewest(const uint32_t *expected, uint64_t *done, uint32_t count)
{
    uint32_t best = count;
    for (uint32_t i = 0; i < count; i++)
        if (!bits_test(done, i) && (best == count || expected[i] < expected[best]))
            best = i;
    bits_set(done, best);
    return best;
}

static int select_all(const struct filter *f, const struct filter_rows *rows, struct row_set *set,
                      const struct pause *pause)
{
    uint32_t expected[FILTER_CLAUSES_MAX];
    uint64_t done[FILTER_CLAUSES_MAX / 64] = {0};
    int rc = 0;
    if (f->count == 0)
        row_set_invert(set);
    for (uint32_t i = 0; i < f->count; i++)
        expected[i] = filter_estimate(&f->children[i], rows).expected;
    for (uint32_t i = 0; rc == 0 && i < f->count; i++) {
        const uint32_t at = fewest(expected, done, f->count);
        const struct filter *child = &f->children[at];
        rc = i == 0 ? filter_select(child, rows, set, pause) : keep(child, expected[at], rows, set, pause);
    }
    return rc;
}

static int select_any(const struct filter *f, const struct filter_rows *rows, struct row_set *set,
                      const struct pause *pause)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < f->count; i++)
        rc = filter_select(&f->children[i], rows, set, pause);
    return rc;
}

/* Selects into an empty set. */
static int select_clause(const struct filter *f, const struct filter_rows *rows, struct row_set *set,
                         const struct pause *pause)
{
    int rc;
    switch (f->op) {
    case FILTER_ALL: return select_all(f, rows, set, pause);
    case FILTER_AT_LEAST: rc = select_any(f, rows, set, pause); return rc == 0 ? keep_by_test(f, rows, set, pause) : rc;
    default: /* NONE */
        rc = select_any(f, rows, set, pause);
        if (rc == 0)
            row_set_invert(set);
        return rc;
    }
}

int filter_select(const struct filter *f, const struct filter_rows *rows, struct row_set *set,
                  const struct pause *pause)
{
    if (f->op == FILTER_TEST)
        return select_predicate(f, rows, set, pause);
    if (f->op == FILTER_ANY)
        return select_any(f, rows, set, pause);
    struct row_set own;
    int rc = row_set_init(&own, set->rows);
    if (rc == 0)
        rc = select_clause(f, rows, &own, pause);
    if (rc == 0)
        row_set_or(set, &own);
    row_set_fini(&own);
    return rc;
}
