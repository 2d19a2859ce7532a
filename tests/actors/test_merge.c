/* test_merge.c -- merging sorted lists gives what sorting all hits gives. */
#include "actors/router/merge.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct point_hit hit(uint64_t id, float distance)
{
    return (struct point_hit){.id = {0, id}, .distance = distance};
}

static int by_distance(const void *a, const void *b)
{
    const struct point_hit *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->id.lo < y->id.lo ? -1 : x->id.lo > y->id.lo;
}

Test(merge, an_id_in_two_lists_is_taken_once_with_its_nearest_distance)
{
    struct point_hit a[] = {hit(1, 1), hit(2, 5)}, b[] = {hit(2, 3), hit(1, 4), hit(7, 9)}, ret[8];
    struct merge_list lists[] = {{a, 2}, {b, 3}};
    struct arena scratch = {0};
    cr_assert_eq(merge_hits(lists, 2, 8, &scratch, ret), 3);
    cr_assert(ret[0].id.lo == 1 && ret[0].distance == 1);
    cr_assert(ret[1].id.lo == 2 && ret[1].distance == 3);
    cr_assert_eq(ret[2].id.lo, 7);
    arena_fini(&scratch);
}

Test(merge, nothing_gives_nothing)
{
    struct merge_list lists[] = {{NULL, 0}, {NULL, 0}};
    struct arena scratch = {0};
    struct point_hit ret[1];
    cr_assert_eq(merge_hits(lists, 2, 1, &scratch, ret), 0);
    cr_assert_eq(merge_hits(NULL, 0, 1, &scratch, ret), 0);
}

/* Up to n hits in all lists. Ids are drawn from a small range, so many lists share them. */
static void compare(unsigned lists_n, uint32_t n, uint32_t k, uint32_t ids)
{
    struct point_hit *all = malloc(lists_n * n * sizeof(*all)), *parts = malloc(lists_n * n * sizeof(*parts));
    struct point_hit *ret = malloc(k * sizeof(*ret));
    struct merge_list lists[8];
    uint32_t total = 0;
    for (unsigned l = 0; l < lists_n; l++) {
        struct point_hit *p = parts + l * n;
        uint32_t count = 0;
        for (uint32_t i = 0; i < n; i++) {
            struct point_hit h = hit((uint64_t)rand() % ids, (float)(rand() % 50));
            bool there = false;
            for (uint32_t j = 0; j < count; j++)
                there |= p[j].id.lo == h.id.lo;
            if (!there)
                p[count++] = h;
        }
        qsort(p, count, sizeof(*p), by_distance);
        memcpy(all + total, p, count * sizeof(*p));
        total += count;
        lists[l] = (struct merge_list){p, count};
    }
    qsort(all, total, sizeof(*all), by_distance);
    uint32_t want = 0;
    for (uint32_t i = 0; i < total && want < k; i++) {
        bool there = false;
        for (uint32_t j = 0; j < want; j++)
            there |= all[j].id.lo == all[i].id.lo;
        if (!there)
            all[want++] = all[i];
    }
    struct arena scratch = {0};
    cr_assert_eq(merge_hits(lists, lists_n, k, &scratch, ret), want);
    for (uint32_t i = 0; i < want; i++)
        cr_assert(ret[i].id.lo == all[i].id.lo && ret[i].distance == all[i].distance, "at %u", i);
    arena_fini(&scratch);
    free(all);
    free(parts);
    free(ret);
}

Test(merge, equals_sorting_everything)
{
    srand(1);
    for (int round = 0; round < 300; round++)
        compare(1 + (unsigned)rand() % 8, 1 + (uint32_t)rand() % 60, 1 + (uint32_t)rand() % 100,
                1 + (uint32_t)rand() % 200);
}
