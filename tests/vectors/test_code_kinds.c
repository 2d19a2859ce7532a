/* The table of codes: names for people, what is asked instead of names, and what is finer than
 * what. */
#include "vectors/codes/codes.h"

#include <criterion/criterion.h>
#include <errno.h>

Test(code_kinds, each_kind_has_its_number_and_a_name)
{
    cr_assert_str_eq(code_names(), "auto, f32, f16, bf16, sq8, sq4 or rabitq");
    cr_assert_null(code_ops_of(CODE_AUTO));
    cr_assert_null(code_ops_of(CODE_RABITQ + 1));
    cr_assert_str_eq(code_name(CODE_AUTO, 0), "auto");
    cr_assert_str_eq(code_name(CODE_SQ8, 0), "sq8");
    cr_assert_str_eq(code_name(CODE_RABITQ, 0), "rabitq");
    cr_assert_str_eq(code_name(CODE_RABITQ, 4), "rabitq4");
    cr_assert_str_eq(code_name(99, 0), "?");
    cr_assert_str_eq(refine_name(REFINE_NONE), "none");
    cr_assert_str_eq(refine_name(REFINE_BF16), "bf16");
    cr_assert_str_eq(refine_name(99), "?");
}

Test(code_kinds, codes_are_made_only_of_bits_that_the_kind_has)
{
    static const struct code_type wrong[] = {{CODE_AUTO, 0}, {CODE_SQ8, 3}, {CODE_RABITQ, 0}, {CODE_RABITQ, 9}};
    struct codes c;
    for (unsigned i = 0; i < ARRAY_LEN(wrong); i++)
        cr_expect_eq(codes_init(&c, wrong[i], METRIC_L2, 40), -EINVAL, "%u", i);
}

Test(code_kinds, a_finer_kind_is_longer_and_the_values_are_the_last)
{
    for (uint32_t dim = 256; dim < 3000; dim += 61) {
        struct code_type type = {CODE_SQ4, 0};
        uint32_t bytes = code_row_bytes(type, METRIC_COSINE, dim);
        while (code_take_finer(&type, METRIC_COSINE, dim)) {
            const uint32_t longer = code_row_bytes(type, METRIC_COSINE, dim);
            cr_expect_geq(longer, bytes, "%u dimensions, %s", dim, code_name(type.kind, type.bits));
            bytes = longer;
        }
        cr_expect(code_ops_of(type.kind)->features & CODE_VALUES);
    }
    struct code_type coarse = {CODE_RABITQ, 2};
    cr_assert_not(code_take_finer(&coarse, METRIC_L2, 768));
}

/* Graphs are built on codes that compare rows with rows. */
Test(code_kinds, what_is_built_on_compares_rows_with_rows)
{
    for (enum metric metric = METRIC_L2; metric <= METRIC_COSINE; metric++)
        for (uint32_t dim = 1; dim < 2000; dim = dim * 2 + 1) {
            struct code_type type = code_to_build_on(metric, dim);
            cr_expect_eq(type.kind == CODE_F32, dim <= 16);
            do {
                const struct code_ops *ops = code_ops_of(type.kind);
                cr_expect(ops->row_query && ops->fold_row && ops->between, "%s", ops->name);
            } while (code_take_finer(&type, metric, dim));
        }
}
