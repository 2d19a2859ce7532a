/* test_memory.c -- alignment, growth, limits and clean failure of allocators. */
#include "base/memory.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

Test(memory, aligned_is_aligned_zeroed_and_fails_cleanly)
{
    for (size_t n = 0; n < 300; n += 7) {
        uint8_t *p = memory_aligned(n);
        cr_assert(p && (uintptr_t)p % 64 == 0);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(p[i], 0);
        free(p);
    }
    cr_assert_null(memory_aligned(SIZE_MAX - 3));
}

Test(memory, huge_is_writable_to_its_last_byte)
{
    const size_t sizes[] = {1, 4096, 4097, (2u << 20) - 1, 2u << 20, (5u << 20) + 123};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        uint8_t *p = huge_alloc(sizes[i]);
        cr_assert_not_null(p);
        if (sizes[i] >= 2u << 20)
            cr_assert_eq((uintptr_t)p % (2u << 20), 0);
        cr_assert_eq(p[sizes[i] - 1], 0);
        memset(p, 0xab, sizes[i]);
        huge_free(p, sizes[i]);
    }
    cr_assert_null(huge_alloc(SIZE_MAX - 1));
}

Test(arena, hands_out_disjoint_aligned_memory_and_starts_over)
{
    struct arena a = {0};
    for (int round = 0; round < 3; round++) {
        uint8_t *last = NULL;
        for (size_t i = 1; i < 400; i++) {
            uint8_t *p = i % 3 ? arena_alloc(&a, i * 11) : arena_alloc_aligned(&a, i * 11);
            cr_assert(p && (uintptr_t)p % (i % 3 ? 16 : 64) == 0);
            memset(p, (int)i, i * 11);
            if (last)
                cr_assert_eq(last[(i - 1) * 11 - 1], (uint8_t)(i - 1), "%zu overwrote its neighbour", i);
            last = p;
        }
        arena_reset(&a);
        cr_assert_eq(a.used, 0);
    }
    arena_fini(&a);
}

Test(arena, refuses_what_is_beyond_its_limit)
{
    struct arena a = {.limit = 1000};
    cr_assert_not_null(arena_alloc(&a, 900));
    cr_assert_null(arena_alloc(&a, 101));
    cr_assert_not_null(arena_alloc(&a, 100));
    cr_assert_null(arena_alloc(&a, SIZE_MAX));
    arena_fini(&a);
}

Test(buffer, grows_and_keeps_what_it_has)
{
    struct buffer b = {0};
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(buffer_printf(&b, "%03d,", i), 0);
    cr_assert_eq(b.size, 4000);
    cr_assert_eq(memcmp(b.bytes + 4 * 777, "777,", 4), 0);
    cr_assert_eq(buffer_reserve(&b, SIZE_MAX / 2), -ENOMEM);
    cr_assert_eq(b.size, 4000);
    buffer_fini(&b);
}
