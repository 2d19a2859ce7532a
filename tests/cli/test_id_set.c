/* Compares the set of ids with an array that is searched from front to back, over random additions
 * and removals. */
#include "cli/id_set.h"

#include <criterion/criterion.h>
#include <stdint.h>

#define IDS 3000

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 33) % below);
}

/* Ids that tend to collide: multiples of a power of two, consecutive numbers, and UUIDs with the
 * same low half. */
static struct kith_id id_of(uint32_t i)
{
    return i % 3 == 0 ? (struct kith_id){0, (uint64_t)i << 40} : (struct kith_id){i % 3 - 1, i};
}

static void expect_same(const struct id_set *s, const bool *in)
{
    size_t count = 0;
    for (uint32_t i = 0; i < IDS; i++) {
        const struct kith_id id = id_of(i);
        cr_assert_eq(id_set_has_any(s, &id, 1), in[i], "%u", i);
        count += in[i];
    }
    cr_assert_eq(s->count, count);
}

Test(id_set, holds_what_was_added_and_not_removed)
{
    struct id_set s = {0};
    static bool in[IDS];
    uint64_t state = 5;
    expect_same(&s, in);
    for (int round = 0; round < 60; round++) {
        const bool add = draw(&state, 2);
        for (uint32_t n = draw(&state, 1500); n > 0; n--) {
            const uint32_t i = draw(&state, IDS);
            const struct kith_id id = id_of(i);
            if (add)
                cr_assert(id_set_add(&s, &id, 1));
            else
                id_set_remove(&s, &id, 1);
            in[i] = add;
        }
        expect_same(&s, in);
    }
    id_set_fini(&s);
}

Test(id_set, an_id_that_is_twice_in_a_batch_is_there_once)
{
    struct id_set s = {0};
    const struct kith_id ids[] = {{0, 1}, {0, 2}, {0, 1}};
    cr_assert(id_set_add(&s, ids, 3));
    cr_assert_eq(s.count, 2);
    id_set_remove(&s, ids, 3);
    cr_assert_eq(s.count, 0);
    cr_assert_not(id_set_has_any(&s, ids, 3));
    id_set_fini(&s);
}
