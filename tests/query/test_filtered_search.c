/* Each plan is done as it is named, and finds what a plain loop finds: over a graph of random rows
 * with a column of numbers that have to do with where rows lie, or have not. */
#include "query/filtered_search.h"

#include "columns/column.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#define ROWS 6000
#define DIM  16
#define K    10

static float *values;
static struct rows vectors;
static struct segment_index *index_of_rows;
static struct column column;
static int64_t number[ROWS];
static uint64_t alive[ROWS / 64 + 2];
static uint32_t alive_count;
static struct search_scratch *scratch;
static struct filter_scratch filter_scratch;
static struct index_cost cost;

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 33) % below);
}

static void begin(bool sorted)
{
    static uint8_t *piece;
    uint64_t state = 5;
    values = aligned_alloc(64, ROWS * DIM * sizeof(float));
    piece = (uint8_t *)values;
    vectors = (struct rows){&piece, DIM * sizeof(float), ROWS_ONE_PIECE};
    cr_assert_eq(column_create(column_kind_named("integer"), 0, &column), 0);
    for (uint32_t i = 0; i < ROWS; i++) {
        for (int d = 0; d < DIM; d++)
            values[i * DIM + d] = (float)draw(&state, 10000) / 10000;
        number[i] = sorted ? (int64_t)(values[i * DIM] * ROWS) : draw(&state, ROWS);
        const struct value v = {VALUE_INTEGER, .integer = number[i]};
        cr_assert_eq(column_append(&column, &(struct field_values){&v, 1, false, false}), 0);
        if (draw(&state, 10)) {
            bits_set(alive, i);
            alive_count++;
        }
    }
    cr_assert_eq(column_sort(&column, NULL), 0);
    cr_assert_eq(segment_index_create(METRIC_L2, DIM, NULL, &index_of_rows), 0);
    cr_assert_eq(segment_index_build(index_of_rows, &vectors, ROWS, NULL, NULL), 0);
    scratch = search_scratch_create();
}

static void end(void)
{
    segment_index_destroy(index_of_rows);
    search_scratch_destroy(scratch);
    column_destroy(&column);
    filter_scratch_fini(&filter_scratch);
    free(values);
}

static bool is_in(const struct predicate *p, uint32_t row)
{
    return number[row] >= p->range.low.integer && number[row] < p->range.high.integer;
}

static bool test_payload(void *arg, const struct predicate *p, uint32_t row)
{
    return is_in(p, row);
}

static struct filter filter_of(uint32_t low, uint32_t wide)
{
    struct filter f = {.op = FILTER_TEST,
                       .test = {.op = PREDICATE_RANGE, .kind = column_kind_named("integer"), .path = "n"}};
    f.test.range.low = (struct value){VALUE_INTEGER, .integer = low};
    f.test.range.high = (struct value){VALUE_INTEGER, .integer = low + wide};
    f.test.range.high_open = true;
    return f;
}

static struct filtered_search search_of(const struct filter *f, struct filter_rows *rows, bool has_column,
                                        const float *query, struct search_work *work)
{
    static const struct column *columns[] = {&column};
    *rows = (struct filter_rows){ROWS, columns, has_column, test_payload, NULL, NULL, NULL};
    return (struct filtered_search){
        .filter = f,
        .rows = rows,
        .index = index_of_rows,
        .vectors = &vectors,
        .query = query,
        .params = {.k = K, .ef = 64, .allowed = alive, .allowed_count = alive_count, .work = work},
        .scratch = scratch,
        .filter_scratch = &filter_scratch,
        .cost = &cost};
}

/* The distance of the k-th nearest row that passes, or of the last; and how many there are. */
static float expect(const struct filter *f, const float *query, uint32_t *ret_count)
{
    float near[K] = {0}, worst = 0;
    uint32_t n = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        const void *at = rows_at(&vectors, row);
        float d;
        if (!bits_test(alive, row) || !is_in(&f->test, row))
            continue;
        vectors_distances(METRIC_L2, query, &at, 1, DIM, &d);
        uint32_t i = n < K ? n++ : K;
        for (; i > 0 && near[i - 1] > d; i--)
            if (i < K)
                near[i] = near[i - 1];
        if (i < K)
            near[i] = d;
    }
    for (uint32_t i = 0; i < n; i++)
        worst = near[i] > worst ? near[i] : worst;
    *ret_count = n;
    return worst;
}

/* Share of the hits that are as near as they must be; kind < 0: as is planned. */
static double recall_of(int kind, uint32_t wide, bool has_column, bool exact, enum plan_kind *ret_done)
{
    uint64_t state = 11 + wide;
    double found = 0, wanted = 0;
    for (int i = 0; i < 30; i++) {
        float query[DIM];
        struct search_work work = {0};
        struct filter_rows rows;
        uint32_t count;
        for (int d = 0; d < DIM; d++)
            query[d] = (float)draw(&state, 10000) / 10000;
        const struct filter f = filter_of(draw(&state, ROWS - wide + 1), wide);
        struct filtered_search search = search_of(&f, &rows, has_column, query, &work);
        search.params.exact = exact;
        struct plan plan =
            kind < 0 ? filtered_search_plan(&search) : filtered_search_plan_of(&search, (enum plan_kind)kind);
        const float far = expect(&f, query, &count);
        const int n = filtered_search_run(&search, &plan);
        cr_assert_eq(n, (int)count, "%d of %u", n, count);
        for (int h = 0; h < n; h++) {
            cr_assert(is_in(&f.test, filter_scratch.hits[h].row) && bits_test(alive, filter_scratch.hits[h].row));
            found += filter_scratch.hits[h].distance <= far * 1.0001F; /* summed in another order */
        }
        wanted += count;
        *ret_done = plan.kind;
    }
    return wanted ? found / wanted : 1;
}

static void check_recall(bool sorted)
{
    static const uint32_t wides[] = {6, 30, 60, 200, 600, 1800, 3000, 5400, 5990};
    begin(sorted);
    for (size_t w = 0; w < ARRAY_LEN(wides); w++)
        for (int kind = -1; kind <= PLAN_WALK_THEN_TEST; kind++) {
            enum plan_kind done;
            const double recall = recall_of(kind, wides[w], true, false, &done);
            cr_expect_geq(recall, .95, "%u of %d rows, plan %d: %.3f", wides[w], ROWS, kind, recall);
            cr_expect_eq(recall_of(kind, wides[w], true, true, &done), 1, "exact");
            cr_expect_geq(recall_of(kind, wides[w], false, false, &done), .95, "without a column");
        }
    end();
}

Test(filtered_search, every_plan_finds_the_nearest_that_pass)
{
    check_recall(false);
}

Test(filtered_search, also_where_the_filter_has_to_do_with_where_rows_lie)
{
    check_recall(true);
}

/* What one search did, by a plan of this kind. */
static struct search_work work_of(enum plan_kind kind, uint32_t wide, enum plan_kind *ret_done)
{
    const struct filter f = filter_of(100, wide);
    struct filter_rows rows;
    struct search_work work = {0};
    struct filtered_search search = search_of(&f, &rows, true, values, &work);
    struct plan plan = filtered_search_plan_of(&search, kind);
    cr_assert_geq(filtered_search_run(&search, &plan), 0);
    *ret_done = plan.kind;
    return work;
}

Test(filtered_search, a_plan_is_done_as_it_is_named)
{
    enum plan_kind done;
    begin(false);
    struct search_work w = work_of(PLAN_SCAN_MATCHES, 3000, &done);
    cr_assert(done == PLAN_SCAN_MATCHES && w.ns[INDEX_SCAN] > 0);
    cr_assert(w.ns[INDEX_WALK] == 0 && w.ns[INDEX_FILTERED_WALK] == 0 && w.other_ns > 1000);
    w = work_of(PLAN_FILTERED_WALK, 1200, &done); /* left to itself the index would scan them */
    cr_assert(done == PLAN_FILTERED_WALK && w.ns[INDEX_FILTERED_WALK] > 0);
    cr_assert(w.ns[INDEX_WALK] == 0 && w.ns[INDEX_SCAN] == 0 && w.other_ns > 500);
    w = work_of(PLAN_WALK_THEN_TEST, 3000, &done);
    cr_assert(done == PLAN_WALK_THEN_TEST && w.ns[INDEX_WALK] > 0);
    cr_assert(w.ns[INDEX_FILTERED_WALK] == 0 && w.ns[INDEX_SCAN] == 0);
    end();
}

/* 5 rows pass: hits are tested in vain, and the rows are selected and scanned. */
Test(filtered_search, too_few_hits_that_pass_are_followed_by_a_search_of_the_matches)
{
    enum plan_kind done;
    begin(true);
    struct search_work w = work_of(PLAN_WALK_THEN_TEST, 5, &done);
    cr_assert_eq(done, PLAN_SCAN_MATCHES);
    cr_assert_gt(w.ns[INDEX_SCAN], 0);
    cr_assert_gt(cost.retried, 0);
    end();
}

/* The estimate said that all pass, and few do: the scan or walk is chosen by their number. */
Test(filtered_search, an_estimate_that_is_far_off_does_not_bind)
{
    const struct filter f = filter_of(100, 40);
    struct filter_rows rows;
    begin(false);
    struct filtered_search search = search_of(&f, &rows, true, values, NULL);
    struct plan plan = {PLAN_FILTERED_WALK, {0, ROWS, ROWS}, 0, 0};
    cr_assert_geq(filtered_search_run(&search, &plan), K);
    cr_assert_eq(plan.kind, PLAN_SCAN_MATCHES);
    end();
}

Test(filtered_search, a_payload_that_cannot_be_read_ends_the_search)
{
    const struct filter f = filter_of(0, ROWS);
    struct filter_rows rows;
    int failed = -EIO;
    begin(false);
    for (enum plan_kind kind = PLAN_SCAN_MATCHES; kind <= PLAN_WALK_THEN_TEST; kind++) {
        struct filtered_search search = search_of(&f, &rows, false, values, NULL);
        rows.failed = &failed;
        struct plan plan = filtered_search_plan_of(&search, kind);
        cr_assert_eq(filtered_search_run(&search, &plan), -EIO);
    }
    end();
}
