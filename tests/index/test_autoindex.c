/* test_autoindex.c -- an example on each side of every rule of AUTOINDEX; no choice
 * replaces a given option. */
#include "index/autoindex.h"
#include "sealed.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <string.h>

static struct index_facts facts(uint32_t dim)
{
    return (struct index_facts){.metric = METRIC_L2, .dim = dim, .rows = 20000};
}

static struct index_options resolve(struct index_options o, struct index_facts f)
{
    struct index_why why;
    index_options_resolve(&o, &f, &why);
    cr_assert(o.m && o.ef_construct && o.code && o.refine && o.refine_k > 0 && o.links);
    cr_assert(o.code != CODE_RABITQ || (o.code_bits >= 1 && o.code_bits <= 8));
    cr_assert_lt(strlen(why.text), sizeof(why.text) - 1, "the line is cut off: %s", why.text);
    return o;
}

static struct index_options choose(struct index_facts f)
{
    return resolve((struct index_options){0}, f);
}

Test(autoindex, few_dimensions_are_coded_as_they_are)
{
    struct index_options o = choose(facts(16));
    cr_assert_eq(o.code, CODE_F32);
    cr_assert_eq(o.refine, REFINE_NONE);
    cr_assert_neq(choose(facts(17)).code, CODE_F32);
    cr_assert_neq(resolve((struct index_options){.refine = REFINE_F16}, facts(16)).code, CODE_F32,
                  "f16 cannot refine f32");
}

Test(autoindex, whole_numbers_under_l2_are_bytes_that_need_no_refine)
{
    struct index_facts f = facts(784);
    f.whole = true;
    struct index_options o = choose(f);
    cr_assert_eq(o.code, CODE_SQ8);
    cr_assert_eq(o.refine, REFINE_NONE);
    f.metric = METRIC_IP; /* the codes are exact under L2 only */
    cr_assert_eq(choose(f).code, CODE_SQ4);
}

Test(autoindex, many_dimensions_take_four_bits_each_and_are_refined)
{
    struct index_options below = choose(facts(255)), from = choose(facts(256));
    cr_assert_eq(below.code, CODE_SQ8);
    cr_assert_eq(from.code, CODE_SQ4);
    cr_assert_eq(below.refine, REFINE_F32, "reading f32 costs little, and tells nearly equal rows apart");
    cr_assert_eq(from.refine, REFINE_F16);
    cr_assert_gt(from.refine_k, below.refine_k);
    cr_assert_eq(resolve((struct index_options){.refine = REFINE_NONE}, facts(768)).code, CODE_SQ8,
                 "without refine the code must be finer");
}

Test(autoindex, rows_of_very_different_lengths_take_finer_codes)
{
    struct index_facts f = facts(768);
    f.metric = METRIC_IP;
    f.norm_spread = 0.2f;
    cr_assert_eq(choose(f).code, CODE_SQ4);
    f.norm_spread = 0.8f;
    cr_assert_eq(choose(f).code, CODE_SQ8);
    f.metric = METRIC_COSINE; /* lengths were made equal */
    cr_assert_eq(choose(f).code, CODE_SQ4);
}

Test(autoindex, codes_that_miss_neighbours_give_way_to_finer_ones)
{
    static const struct index_options open;
    struct index_facts f = facts(768);
    struct index_reasons reasons;
    struct index_options o = open;
    index_options_resolve_codes(&o, &f, &reasons);
    cr_assert_eq(o.code, CODE_SQ4);
    cr_assert(index_options_refine_codes(&o, &open, &f, "finds .500", &reasons));
    cr_assert_eq(o.code, CODE_SQ8);
    cr_assert_eq(o.refine, REFINE_F16);
    cr_assert(index_options_refine_codes(&o, &open, &f, "finds .500", &reasons));
    cr_assert_str_eq(index_code_name(&o), "rabitq8");
    cr_assert_str_eq(reasons.code, "sq8 finds .500");
    cr_assert(index_options_refine_codes(&o, &open, &f, "finds .500", &reasons));
    cr_assert_eq(o.code, CODE_F32);
    cr_assert_eq(o.refine, REFINE_NONE);
    cr_assert_not(index_options_refine_codes(&o, &open, &f, "finds .500", &reasons));
}

Test(autoindex, codes_that_were_given_or_made_small_for_memory_stay)
{
    const struct index_options given = {.code = CODE_SQ4};
    struct index_facts f = facts(768);
    struct index_reasons reasons;
    struct index_options o = given;
    index_options_resolve_codes(&o, &f, &reasons);
    cr_assert_not(index_options_refine_codes(&o, &given, &f, "finds .500", &reasons));
    o = (struct index_options){.m = 16};
    const struct index_options open = o;
    f.memory_bytes = (uint64_t)f.rows * 600;
    index_options_resolve_codes(&o, &f, &reasons);
    cr_assert_not(index_options_refine_codes(&o, &open, &f, "finds .500", &reasons));
}

Test(autoindex, a_given_code_is_refined_by_something_finer)
{
    cr_assert_eq(resolve((struct index_options){.code = CODE_F32}, facts(768)).refine, REFINE_NONE);
    cr_assert_eq(resolve((struct index_options){.code = CODE_F16}, facts(768)).refine, REFINE_F32);
    cr_assert_eq(resolve((struct index_options){.code = CODE_BF16}, facts(768)).refine, REFINE_F32);
    cr_assert_eq(resolve((struct index_options){.code = CODE_RABITQ, .code_bits = 1}, facts(768)).refine, REFINE_F16);
    cr_assert_eq(resolve((struct index_options){.code = CODE_RABITQ}, facts(768)).code_bits, 4);
}

Test(autoindex, coarser_codes_have_more_candidates_scored_again)
{
    struct index_options one = resolve((struct index_options){.code = CODE_RABITQ, .code_bits = 1}, facts(768));
    struct index_options two = resolve((struct index_options){.code = CODE_RABITQ, .code_bits = 2}, facts(768));
    struct index_options four = resolve((struct index_options){.code = CODE_RABITQ, .code_bits = 4}, facts(768));
    cr_assert_gt(one.refine_k, two.refine_k);
    cr_assert_gt(two.refine_k, four.refine_k);
    cr_assert_geq(four.refine_k, 1);
}

Test(autoindex, more_rows_take_more_links_and_candidates_follow_the_links)
{
    struct index_facts few = facts(768), some = facts(768), many = facts(768);
    few.rows = 500;
    some.rows = 5000;
    cr_assert_lt(choose(few).m, choose(some).m);
    cr_assert_eq(choose(some).m,
                 /* or a merge of few rows would be worse than the segment that it rewrites */
                 choose(many).m);
    cr_assert_eq(choose(many).ef_construct, 8 * choose(many).m);
    for (uint16_t m = 2; m <= 256; m++) {
        struct index_options o = resolve((struct index_options){.m = m}, facts(768));
        cr_assert_eq(o.m, m);
        cr_assert_leq(o.ef_construct, 64 * m);
        cr_assert_geq(o.ef_construct, m);
    }
}

Test(autoindex, memory_takes_links_then_refine_then_code_until_it_fits)
{
    struct index_facts f = facts(768);
    struct index_options free = choose(f), o = free;
    uint32_t bytes = index_row_bytes(&o, f.metric, f.dim);
    cr_assert_eq(o.links, LINKS_PLAIN);

    f.memory_bytes = (uint64_t)f.rows * bytes;
    o = choose(f);
    cr_assert(o.code == free.code && o.refine == free.refine && o.links == free.links, "it fits exactly");

    f.memory_bytes = (uint64_t)f.rows * (bytes - 1);
    o = choose(f);
    cr_assert_eq(o.links, LINKS_PACKED);
    cr_assert_eq(o.refine, REFINE_F16);

    f.memory_bytes = (uint64_t)f.rows * 600;
    o = choose(f);
    cr_assert_eq(o.refine, REFINE_F32, "the segment's own vectors, mapped");
    cr_assert_eq(o.code, CODE_SQ4);

    f.memory_bytes = (uint64_t)f.rows * 250;
    o = choose(f);
    cr_assert_eq(o.code, CODE_RABITQ);
    cr_assert_leq(index_row_bytes(&o, f.metric, f.dim), 250);

    f.memory_bytes = 1; /* nothing fits, so the smallest choice is taken */
    o = choose(f);
    cr_assert_eq(o.code, CODE_RABITQ);
    cr_assert_eq(o.code_bits, 1);
}

/* Links take most of the bytes of such a row, and one bit says nothing about a
 * dimension that varies little. */
Test(autoindex, memory_takes_no_coarse_codes_for_few_dimensions)
{
    struct index_facts f = facts(3);
    f.memory_bytes = 1;
    const struct index_options o = choose(f);
    cr_assert_eq(o.code, CODE_F32);
    cr_assert_eq(o.links, LINKS_PACKED);
}

Test(autoindex, sealed_bytes_that_were_exact_are_refined_when_memory_makes_them_smaller)
{
    struct index_facts f = facts(784);
    f.whole = true;
    f.memory_bytes = (uint64_t)f.rows * 600;
    struct index_options o = choose(f);
    cr_assert_eq(o.code, CODE_SQ4);
    cr_assert_eq(o.refine, REFINE_F32);
}

/* The prediction is compared with the size of codes, links and refine rows as they are written. */
Test(autoindex, predicts_the_memory_of_a_sealed_index)
{
    for (unsigned code = CODE_F32; code <= CODE_RABITQ; code++) {
        struct index_options o = {.m = 8, .ef_construct = 20, .code = (enum code_kind)code, .refine = REFINE_F32};
        o.code_bits = code == CODE_RABITQ ? 2 : 0;
        o.refine = code == CODE_SQ8 ? REFINE_F16 : code == CODE_F32 ? REFINE_NONE : REFINE_F32;
        o.links = code == CODE_SQ4 ? LINKS_PACKED : LINKS_PLAIN;
        struct sealed s;
        double bytes = 0;
        sealed_init(&s, DATASET_LATENT, METRIC_L2, 300, 400, &o);
        for (unsigned i = 0; i < s.count; i++)
            if (strcmp(s.regions[i].name, "header") != 0 && strcmp(s.regions[i].name, "quantiser") != 0)
                bytes += (double)s.regions[i].size;
        cr_expect_float_eq(bytes / 400 / index_row_bytes(&o, METRIC_L2, 300), 1, 0.1, "code %u: %g bytes, predicted %u",
                           code, bytes / 400, index_row_bytes(&o, METRIC_L2, 300));
        sealed_fini(&s);
    }
}

/* Every combination of given options, with the least and the most memory: none is changed. */
Test(autoindex, what_was_given_is_never_changed)
{
    for (unsigned code = 0; code <= CODE_RABITQ; code++)
        for (unsigned refine = 0; refine <= REFINE_BF16; refine++)
            for (unsigned links = 0; links <= LINKS_PACKED; links++)
                for (unsigned rest = 0; rest < 32; rest++) {
                    struct index_options in = {.code = (enum code_kind)code,
                                               .refine = (enum refine_kind)refine,
                                               .links = (enum links_kind)links,
                                               .m = rest & 1 ? 5 : 0,
                                               .ef_construct = rest & 2 ? 3000 : 0,
                                               .refine_k = rest & 4 ? 7 : 0,
                                               .code_bits = rest & 8 && code == CODE_RABITQ ? 3 : 0,
                                               .seed = 11};
                    struct index_facts f = facts(768);
                    f.memory_bytes = rest & 16 ? 1 : 0;
                    struct index_options o = resolve(in, f);
                    cr_assert(in.code == CODE_AUTO || o.code == in.code);
                    cr_assert(in.refine == REFINE_AUTO || o.refine == in.refine);
                    cr_assert(in.links == LINKS_AUTO || o.links == in.links);
                    cr_assert(in.m == 0 || o.m == in.m);
                    cr_assert(in.ef_construct == 0 || o.ef_construct == in.ef_construct);
                    cr_assert(in.refine_k == 0 || o.refine_k == in.refine_k);
                    cr_assert(in.code_bits == 0 || o.code_bits == in.code_bits);
                    cr_assert_eq(o.seed, in.seed);
                }
}

Test(autoindex, says_why_in_one_line)
{
    struct index_options o = {.m = 24};
    struct index_facts f = facts(768);
    struct index_why why;
    f.memory_bytes = (uint64_t)f.rows * 1990;
    index_options_resolve(&o, &f, &why);
    cr_assert_str_eq(why.text, "m 24 (given), ef_construct 192 (m 24), code sq4 (from 256 dimensions), "
                               "refine f32 x2 (mapped, memory), links packed (memory)");
}

/* -- the facts -- */

static struct index_facts read_facts(const float *values, uint32_t rows, uint32_t dim)
{
    static float padded[16][16];
    uint8_t *chunk = (uint8_t *)padded;
    struct rows r = {&chunk, sizeof(padded[0]), 31};
    for (uint32_t i = 0; i < rows; i++)
        memcpy(padded[i], values + (size_t)i * dim, dim * sizeof(float));
    struct index_facts f = {.metric = METRIC_L2, .dim = dim, .rows = rows};
    cr_assert_eq(index_facts_read(&f, &r, NULL), 0);
    return f;
}

Test(autoindex, reads_the_facts_of_the_rows)
{
    const float whole[] = {3, 4, 0, 255, 6, 8}, real[] = {3, 4, 0, 255, 6, 8.5f}, large[] = {3, 4, 0, 256, 6, 8},
                negative[] = {3, 4, 0, -1, 6, 8};
    float lengths[16] = {5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    cr_assert(read_facts(whole, 3, 2).whole);
    cr_assert_not(read_facts(real, 3, 2).whole);
    cr_assert_not(read_facts(large, 3, 2).whole);
    cr_assert_not(read_facts(negative, 3, 2).whole);
    const float spread = read_facts(lengths, 11, 1).norm_spread;
    cr_assert_float_eq(spread, 8 / 2.56 / 10, 1e-6); /* lengths are 6 to 14, with a median of 10 */
    lengths[10] = 1e30f;
    cr_assert_eq(read_facts(lengths, 11, 1).norm_spread, spread, "one row of another length does not count");
    cr_assert_not(read_facts(whole, 0, 2).whole);
    cr_assert_eq(read_facts(whole, 1, 2).norm_spread, 0);
}

static int end_it(void *arg)
{
    return -ECANCELED;
}

Test(autoindex, reading_the_facts_ends_at_a_pause)
{
    float row[16] = {0};
    uint8_t *chunk = (uint8_t *)row;
    struct rows r = {&chunk, sizeof(row), 31};
    struct index_facts f = {.metric = METRIC_L2, .dim = 16, .rows = 1};
    const struct pause pause = {.fn = end_it};
    cr_assert_eq(index_facts_read(&f, &r, &pause), -ECANCELED);
}
