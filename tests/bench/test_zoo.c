/* Tests the zoo: its sets follow from the seed and hold numbers that a server takes. Its truth
 * knows which rows f32 cannot tell apart. */
#include "ann/zoo_truth.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void check_set(const struct zoo_kind *kind, uint32_t dim)
{
    struct zoo_set a, b;
    cr_assert_eq(zoo_make(&a, kind, dim, 300, 20, 9), 0);
    cr_assert_eq(zoo_make(&b, kind, dim, 300, 20, 9), 0);
    cr_expect_eq(memcmp(a.rows, b.rows, (size_t)300 * dim * sizeof(float)), 0, "%s: rows differ", kind->name);
    cr_expect_eq(memcmp(a.queries, b.queries, (size_t)20 * dim * sizeof(float)), 0, "%s: queries differ", kind->name);
    for (uint32_t row = 0; row < 300; row++) {
        double sum = 0;
        for (uint32_t d = 0; d < dim; d++)
            sum += (double)a.rows[(size_t)row * dim + d] * a.rows[(size_t)row * dim + d];
        cr_expect(isfinite(sum) && sum > 0, "%s, %u dimensions: row %u has a squared length of %g", kind->name, dim,
                  row, sum);
    }
    zoo_fini(&a);
    zoo_fini(&b);
}

Test(zoo, a_set_follows_from_its_seed_and_has_no_row_of_length_zero)
{
    for (unsigned k = 0; k < zoo_count; k++)
        for (uint32_t dim = 2; dim <= 64; dim += 31)
            check_set(&zoo_kinds[k], dim);
}

Test(zoo, kinds_are_found_by_their_names)
{
    cr_assert_geq(zoo_count, 25);
    for (unsigned k = 0; k < zoo_count; k++)
        cr_expect_eq(zoo_find(zoo_kinds[k].name), &zoo_kinds[k]);
    cr_expect_null(zoo_find("unicorns"));
}

Test(zoo, another_row_as_near_is_right_a_farther_one_and_a_second_time_are_not)
{
    float rows[12 * 2], query[2] = {0, 0};
    for (int i = 0; i < 12; i++) {
        rows[2 * i] = i < 9 ? 1 : i < 11 ? 2 : 3; /* nine at 1, two at 2, one at 3 */
        rows[2 * i + 1] = 0;
    }
    const struct zoo_set s = {.dim = 2, .count = 12, .query_count = 1, .rows = rows, .queries = query};
    struct zoo_truth t;
    cr_assert_eq(zoo_truth_init(&t, &s, METRIC_L2, NULL), 0);
    const uint32_t right[ZOO_K] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 10}, wrong[ZOO_K] = {0, 1, 2, 3, 4, 5, 6, 7, 7, 11};
    cr_expect_eq(zoo_truth_count(&t, 0, right, ZOO_K), 10);
    cr_expect_eq(zoo_truth_count(&t, 0, wrong, ZOO_K), 8);
    cr_expect(zoo_truth_own(&t, 10, right, ZOO_K));
    cr_expect_not(zoo_truth_own(&t, 9, wrong, ZOO_K), "of the two rows at 2, only one fits into the ten");
    zoo_truth_fini(&t);
}
