/* Tests words as vectors, misspelt words, and how recall is counted. */
#include "cli/import/word_vector.h"
#include "cli/recall.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static double similarity(const char *a, const char *b)
{
    float x[WORD_DIM], y[WORD_DIM];
    double sum = 0;
    word_vector(a, x);
    word_vector(b, y);
    for (int i = 0; i < WORD_DIM; i++)
        sum += (double)x[i] * (double)y[i];
    return sum;
}

Test(words, a_vector_has_unit_length_and_ignores_case)
{
    static const char *const all[] = {"", "a", "kith", "naïve", "antidisestablishmentarianism"};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        cr_assert(fabs(similarity(all[i], all[i]) - 1) < 1e-5, "%s", all[i]);
    cr_assert(fabs(similarity("Oslo", "oSLO") - 1) < 1e-5);
}

Test(words, a_misspelling_is_nearer_to_its_word_than_to_others)
{
    static const char *const pairs[][2] = {{"recieve", "receive"},
                                           {"wierd", "weird"},
                                           {"seperate", "separate"},
                                           {"calender", "calendar"},
                                           {"rythm", "rhythm"}};
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 5; j++)
            if (i != j)
                cr_assert_gt(similarity(pairs[i][0], pairs[i][1]), similarity(pairs[i][0], pairs[j][1]) + 0.2);
}

Test(words, a_slip_is_one_letter_dropped_swapped_or_doubled_and_the_same_for_the_same_seed)
{
    uint64_t one = 7, two = 7;
    int lengths[3] = {0};
    for (int i = 0; i < 300; i++) {
        char a[32], b[32];
        word_misspell("plate\xc3\xa4", &one, a, sizeof(a)); /* seven bytes, six letters */
        word_misspell("plate\xc3\xa4", &two, b, sizeof(b));
        cr_assert_str_eq(a, b);
        size_t n = strlen(a);
        cr_assert(n >= 5 && n <= 9, "%s", a);
        const char *two_bytes = strchr(a, '\xc3');
        cr_assert(!two_bytes || two_bytes[1] == '\xa4', "a letter was cut: %s", a);
        lengths[n < 7 ? 0 : n == 7 ? 1 : 2]++;
    }
    cr_assert(lengths[0] > 50 && lengths[1] > 50 && lengths[2] > 50);
    char single[8];
    word_misspell("x", &one, single, sizeof(single));
    cr_assert_str_eq(single, "xx");
}

Test(recall, ties_by_score_count_and_repeats_do_not)
{
    const struct kith_id exact[3] = {{0, 1}, {0, 2}, {0, 3}};
    const float scores[3] = {0.9f, 0.8f, 0.7f};
    const struct kith_id tie[3] = {{0, 1}, {0, 2}, {0, 9}}, again[3] = {{0, 1}, {0, 1}, {0, 1}};
    const float tie_scores[3] = {0.9f, 0.8f, 0.7f}, worse[3] = {0.9f, 0.8f, 0.6f}, same[3] = {0.9f, 0.9f, 0.9f};
    cr_assert_eq(recall_hits(KITH_COSINE, 3, exact, scores, 3, exact, scores, 3), 3);
    cr_assert_eq(recall_hits(KITH_COSINE, 3, exact, scores, 3, tie, tie_scores, 3), 3);
    cr_assert_eq(recall_hits(KITH_COSINE, 3, exact, scores, 3, tie, worse, 3), 2);
    cr_assert_eq(recall_hits(KITH_COSINE, 3, exact, scores, 3, again, same, 3), 1);
    cr_assert_eq(recall_hits(KITH_COSINE, 3, exact, scores, 3, tie, tie_scores, 1), 1);
    const float far[3] = {1, 2, 3}, farther[3] = {1, 2, 4}, nearer[3] = {1, 2, 2.5f};
    cr_assert_eq(recall_hits(KITH_L2, 3, exact, far, 3, tie, farther, 3), 2);
    cr_assert_eq(recall_hits(KITH_L2, 3, exact, far, 3, tie, nearer, 3), 3);
}
