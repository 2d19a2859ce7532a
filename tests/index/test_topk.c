/* test_topk.c -- the heap keeps what sorting keeps, with equal distances too. */
#include "index/topk.h"

#include "dataset.h"
#include <criterion/criterion.h>
#include <math.h>

Test(topk, keeps_the_nearest_and_sorts_them_with_the_row_as_tie_break)
{
    uint64_t state = 1;
    for (uint32_t k = 0; k < 20; k++) {
        struct hit hits[20];
        struct topk t;
        float distances[64];
        topk_init(&t, hits, k);
        for (uint32_t i = 0; i < 64; i++) {
            distances[i] = (float)(dataset_random(&state) % 16);
            topk_add(&t, distances[i], i);
            cr_assert(k == 0 || (t.count < k) == isinf(topk_bound(&t)));
        }
        topk_sort(&t);
        cr_assert_eq(t.count, k);
        for (uint32_t at = 0; at < k; at++) {
            uint32_t before = 0; /* how many hits come before this one */
            for (uint32_t i = 0; i < 64; i++)
                before += distances[i] < hits[at].distance || (distances[i] == hits[at].distance && i < hits[at].row);
            cr_assert_eq(before, at);
            cr_assert_eq(distances[hits[at].row], hits[at].distance);
        }
    }
}

/* Hits with different distances, then some with equal ones, added in two parts. */
Test(topk, sorted_hits_are_added_as_one_by_one)
{
    uint64_t state = 3;
    for (uint32_t k = 0; k < 40; k++)
        for (uint32_t kinds = 1; kinds < 40; kinds += 6) {
            struct hit sorted[32], together[40], single[40];
            struct topk a, b;
            topk_init(&a, together, k);
            topk_init(&b, single, k);
            for (uint32_t i = 0; i < 32; i++) {
                const float step = dataset_random(&state) % 40 < kinds ? 1 : 0;
                sorted[i] = (struct hit){i ? sorted[i - 1].distance + step : 0, i * 7 % 32};
                topk_add(&b, sorted[i].distance, sorted[i].row);
            }
            topk_add_sorted(&a, sorted, 20);
            topk_add_sorted(&a, sorted + 20, 12);
            topk_sort(&a);
            topk_sort(&b);
            cr_assert_eq(a.count, b.count);
            for (uint32_t i = 0; i < a.count; i++) {
                cr_assert_eq(together[i].row, single[i].row, "k %u, hit %u", k, i);
                cr_assert_eq(together[i].distance, single[i].distance);
            }
        }
}

/* Rows at equal distances, whose keys have another order than the rows. */
Test(topk, of_equal_distances_the_smaller_keys_are_kept_and_come_first)
{
    uint64_t state = 2;
    for (uint32_t k = 1; k < 20; k++) {
        struct hit hits[20];
        struct topk t;
        struct topk_key keys[64];
        uint8_t *chunk = (uint8_t *)keys;
        const struct rows rows = {&chunk, sizeof(keys[0]), 31};
        float distances[64];
        topk_init(&t, hits, k);
        t.keys = &rows;
        for (uint32_t i = 0; i < 64; i++) {
            distances[i] = (float)(dataset_random(&state) % 3);
            keys[i] = (struct topk_key){dataset_random(&state) % 4, i * 37 % 64};
            topk_add(&t, distances[i], i);
        }
        topk_sort(&t);
        for (uint32_t at = 0; at < k; at++) {
            const struct hit *h = &hits[at];
            uint32_t before = 0;
            for (uint32_t i = 0; i < 64; i++)
                before += distances[i] < h->distance ||
                          (distances[i] == h->distance &&
                           (keys[i].high < keys[h->row].high ||
                            (keys[i].high == keys[h->row].high && keys[i].low < keys[h->row].low)));
            cr_assert_eq(before, at);
        }
    }
}
