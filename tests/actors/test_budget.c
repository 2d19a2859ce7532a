/* test_budget.c -- the sum of grants never exceeds the budget, whatever the order of questions;
 * levels of pressure are entered one after the other and left together. */
#include "actors/admission/budget.h"
#include "base/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MIB      ((uint64_t)1 << 20)
#define REACTORS 4

static struct budget budget;

static void begin(void)
{
    log_set_level(LOG_ERROR); /* changes of pressure are logged */
    budget = (struct budget){.bytes = 1024 * MIB, .reactors = REACTORS};
}

TestSuite(budget, .init = begin);

static int ask(unsigned reactor, uint64_t needed, uint64_t wanted, struct budget_answer *ret)
{
    struct budget_question q = {.reactor = reactor, .needed = needed, .wanted = wanted};
    q.use.bytes[MEMORY_ROWS] = needed;
    *ret = (struct budget_answer){0};
    return budget_ask(&budget, &q, ret);
}

static uint64_t granted(void)
{
    uint64_t sum = 0;
    for (unsigned r = 0; r < REACTORS_MAX; r++)
        sum += budget.parts[r].granted;
    return sum;
}

Test(budget, grants_together_keep_to_it_and_leave_the_part_for_reading)
{
    uint64_t has[REACTORS] = {0}, state = 7, refused = 0;
    for (unsigned i = 0; i < 100000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const unsigned r = (unsigned)(state >> 60) % REACTORS;
        const bool gives_back = state >> 40 & 1;
        uint64_t wanted = (state >> 33) % (gives_back ? has[r] + 1 : 400 * MIB);
        const uint64_t needed = wanted < has[r] ? wanted : has[r];
        struct budget_answer answer;
        int rc = ask(r, needed, wanted, &answer);
        cr_assert(rc == 0 || rc == -ENOMEM);
        refused += rc == -ENOMEM;
        cr_assert(rc < 0 || answer.granted >= wanted);
        cr_assert(rc == 0 || answer.granted == has[r]);
        has[r] = answer.granted;
        cr_assert_leq(granted(), budget.bytes - budget.bytes / BUDGET_KEPT_SHARE);
    }
    cr_assert_gt(refused, 1000u);
}

Test(budget, what_many_reactors_have_in_advance_leaves_room_for_all_of_them)
{
    struct budget_answer answer;
    budget.reactors = REACTORS_MAX;
    for (unsigned r = 0; r < REACTORS_MAX; r++)
        cr_assert_eq(ask(r, 0, MIB, &answer), 0, "reactor %u: %s", r, answer.error.text);
    cr_assert_leq(granted(), REACTORS_MAX * MIB + budget.bytes / 16);
}

Test(budget, a_refusal_says_how_much_is_used_by_what_and_what_to_do)
{
    struct budget_answer answer;
    cr_assert_eq(ask(0, 0, 600 * MIB, &answer), 0);
    cr_assert_eq(ask(1, 0, 400 * MIB, &answer), -ENOMEM);
    cr_assert_eq(ask(0, 600 * MIB, 700 * MIB, &answer), 0);
    cr_assert_eq(ask(1, 100 * MIB, 400 * MIB, &answer), -ENOMEM);
    cr_assert_eq(answer.error.code, ERROR_RESOURCE_EXHAUSTED);
    static const char *const parts[] = {"700 MiB of 1.0 GiB", "rows 700 MiB", "searches and deletions go on",
                                        "delete points"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        cr_assert(strstr(answer.error.text, parts[i]), "no '%s' in: %s", parts[i], answer.error.text);
    cr_assert(strlen(answer.error.text) + 1 < sizeof(answer.error.text), "cut off: %s", answer.error.text);
}

Test(budget, what_takes_little_is_refused_too_when_memory_is_full)
{
    struct budget_answer a;
    struct error e = {0};
    cr_assert_eq(budget_take_room(&budget, 4096, &e), 0);
    cr_assert_eq(ask(0, 900 * MIB, 900 * MIB, &a), -ENOMEM);
    cr_assert_eq(budget_take_room(&budget, 4096, &e), -ENOMEM);
    cr_assert(strstr(e.text, "memory is full"), "%s", e.text);
    budget.bytes = 0;
    cr_assert_eq(budget_take_room(&budget, 4096, &e), 0);
}

Test(budget, what_was_given_back_can_be_had_by_another)
{
    struct budget_answer answer;
    cr_assert_eq(ask(0, 0, 760 * MIB, &answer), 0);
    cr_assert_eq(ask(1, 0, 200 * MIB, &answer), -ENOMEM);
    cr_assert_eq(ask(0, 500 * MIB, 550 * MIB, &answer), 0);
    cr_assert_eq(answer.granted, 550 * MIB);
    cr_assert_eq(ask(1, 0, 200 * MIB, &answer), 0);
}

Test(budget, what_is_there_is_there_and_others_get_less)
{
    struct budget_answer answer;
    cr_assert_eq(ask(0, 800 * MIB, 0, &answer), 0); /* memory of replay, which was not asked for */
    cr_assert_eq(answer.granted, 800 * MIB);
    cr_assert_eq(ask(1, 0, 200 * MIB, &answer), -ENOMEM);
    cr_assert_eq(ask(1, 0, 90 * MIB, &answer), -ENOMEM);
}

Test(budget, work_that_frees_memory_has_a_part_that_writers_cannot_take)
{
    struct budget_answer answer;
    cr_assert_eq(ask(0, 780 * MIB, 780 * MIB, &answer), 0);
    cr_assert_eq(ask(0, 780 * MIB, 800 * MIB, &answer), -ENOMEM);
    struct budget_question q = {.needed = 780 * MIB, .wanted = 880 * MIB, .frees = true};
    cr_assert_eq(budget_ask(&budget, &q, &answer), 0);
    q.wanted = 900 * MIB;
    cr_assert_eq(budget_ask(&budget, &q, &answer), -ENOMEM);
}

Test(budget, what_the_heap_keeps_and_connections_have_beyond_their_part_counts)
{
    struct budget_answer answer;
    cr_assert_eq(ask(0, 100 * MIB, 300 * MIB, &answer), 0);
    budget_see_process(&budget, 500 * MIB);
    cr_assert_eq(budget_used(&budget), 500 * MIB);
    cr_assert_eq(ask(1, 0, 400 * MIB, &answer), -ENOMEM);
    budget_see_process(&budget, 200 * MIB);
    cr_assert_eq(ask(1, 0, 400 * MIB, &answer), 0);
}

Test(budget, a_long_trim_waits_until_all_are_quiet_or_memory_is_scarce)
{
    const uint64_t second = 1000000000;
    struct budget_answer answer;
    budget_see_process(&budget, 10 * MIB);
    cr_assert_not(budget_trim_is_due(&budget, second, true), "there is little");
    budget_see_process(&budget, 18 * MIB);
    cr_assert(budget_trim_is_due(&budget, second, false), "it is done soon");
    budget_see_process(&budget, 100 * MIB);
    cr_assert_not(budget_trim_is_due(&budget, second, false), "a hundred MiB take 20 ms");
    cr_assert(budget_trim_is_due(&budget, second, true));
    budget_see_process(&budget, 90 * MIB);
    budget_trimmed(&budget, 100 * MIB, second, second + 50000000);
    cr_assert_not(budget_trim_is_due(&budget, second + 60000000, true), "after a rest");
    budget_see_process(&budget, 108 * MIB);
    cr_assert_not(budget_trim_is_due(&budget, 20 * second, false), "the heap has many pieces");
    cr_assert(budget_trim_is_due(&budget, 20 * second, true));
    cr_assert_eq(ask(0, 700 * MIB, 700 * MIB, &answer), 0);
    budget.pressure = 1;
    budget_see_process(&budget, 800 * MIB);
    cr_assert(budget_trim_is_due(&budget, 20 * second, false), "writers need it");
}

Test(budget, what_can_never_fit_is_another_error)
{
    struct budget_answer answer;
    cr_assert_eq(ask(0, 600 * MIB, 700 * MIB, &answer), 0);
    cr_assert_eq(ask(0, 600 * MIB, 900 * MIB, &answer), -ENOMEM);
    cr_assert_eq(answer.error.code, ERROR_RESOURCE_EXHAUSTED);
    cr_assert_eq(ask(0, 600 * MIB, 1500 * MIB, &answer), -ENOMEM);
    cr_assert_eq(answer.error.code, ERROR_TOO_LARGE);
    cr_assert(strstr(answer.error.text, "needs 900 MiB") && strstr(answer.error.text, "has 784 MiB"), "%s",
              answer.error.text);
}

Test(budget, what_is_created_between_two_reports_counts)
{
    struct error error;
    unsigned taken = 0;
    while (taken < 2000 && budget_take_room(&budget, MIB, &error) == 0)
        taken++;
    cr_assert_eq(taken, 784);
    budget_forget_taken(&budget);
    cr_assert_eq(budget_take_room(&budget, MIB, &error), -ENOMEM, "not all have told");
    budget_forget_taken(&budget);
    cr_assert_eq(budget_take_room(&budget, MIB, &error), 0);
}

Test(budget, what_is_held_beyond_the_budget_gives_no_room)
{
    struct budget_answer answer;
    cr_assert_eq(ask(1, 100 * MIB, 100 * MIB, &answer), 0);
    cr_assert_eq(ask(0, 2000 * MIB, 2000 * MIB, &answer), -ENOMEM);
    cr_assert_eq(answer.granted, 2000 * MIB);
    cr_assert_eq(ask(0, 2000 * MIB, 2001 * MIB, &answer), -ENOMEM);
    cr_assert_eq(answer.granted, 2000 * MIB, "all of it is in use");
    cr_assert_eq(ask(1, 100 * MIB, 200 * MIB, &answer), -ENOMEM, "others get less");
    cr_assert_eq(ask(0, 1500 * MIB, 1500 * MIB, &answer), 0);
    cr_assert_eq(answer.granted, 1500 * MIB);
    cr_assert_eq(ask(0, 1500 * MIB, 1501 * MIB, &answer), -ENOMEM, "it stays beyond the budget");
}

Test(budget, levels_of_pressure_come_in_order_and_go_together_below_70_percent)
{
    static const struct {
        unsigned percent, pressure;
    } steps[] = {{50, 0}, {79, 0}, {81, 1}, {79, 1}, {86, 2}, {81, 2},
                 {95, 3}, {71, 3}, {69, 0}, {79, 0}, {91, 3}, {10, 0}};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct budget_answer answer;
        const uint64_t of = budget.bytes / 8 * 7 / 8 * 7;
        cr_assert_eq(ask(2, of / 100 * steps[i].percent, 0, &answer), 0);
        cr_assert_eq(answer.pressure, steps[i].pressure, "step %zu: pressure %u", i, answer.pressure);
    }
}

Test(budget, growing_segments_fit_beside_what_is_sealed)
{
    /* no bound: the store's default */
    cr_assert_eq(budget_of_growing(0, 2, 0), 0u);
    cr_assert_eq(budget_of_growing(64 * 1024 * MIB, 4, 0), 122 * MIB); /* the default */
    cr_assert_eq(budget_of_growing(64 * 1024 * MIB, 4, 400 * MIB), 400 * MIB);
    cr_assert_eq(budget_of_growing(512 * MIB, 2, 0), 16 * MIB);
    cr_assert_eq(budget_of_growing(512 * MIB, 2, 400 * MIB), 16 * MIB);
    cr_assert_eq(budget_of_growing(BUDGET_BYTES_MIN, 64, 0), 1 * MIB);
}

Test(budget, a_start_leaves_room_for_reading_and_for_writers)
{
    cr_assert_eq(budget_of_start(0, 2), 0u, "no bound");
    for (unsigned reactors = 1; reactors <= 64; reactors *= 8) {
        const uint64_t all = 1024 * MIB, taken = budget_of_start(all, reactors) * reactors;
        cr_assert_lt(taken, all - all / BUDGET_KEPT_SHARE);
        cr_assert_gt(taken, all / 2);
    }
    cr_assert_lt(budget_of_start(64 * MIB, 1), 36 * MIB, "the program needs memory, too");
}

/* Frames, what requests need beside them, and fibers are not granted. So they must
 * fit beside all grants. */
Test(budget, what_reactors_have_without_asking_fits_into_what_is_kept)
{
    for (unsigned reactors = 1; reactors <= REACTORS_MAX; reactors *= 2)
        for (uint64_t all = budget_least(reactors); all <= 64 * 1024 * MIB; all *= 2) {
            const uint64_t kept = budget_kept(all, reactors), requests = 2 * budget_of_requests(all, reactors);
            cr_assert_geq(kept, all / BUDGET_KEPT_SHARE);
            cr_assert_leq(kept, all / 8 * 5);
            cr_assert_leq(reactors * requests, kept, "%u reactors", reactors);
            cr_assert_geq(budget_of_requests(all, reactors), MIB, "a row of the most dimensions, and its copy");
        }
    cr_assert_eq(budget_of_requests(0, 4), 0u, "no bound");
    cr_assert_eq(budget_of_requests(64 * MIB, 2), 4 * MIB);
    cr_assert_eq(budget_of_requests(64 * MIB, 8), 1 * MIB);
    cr_assert_eq(budget_of_requests(64 * 1024 * MIB, 4), 64 * 1024 * MIB / 8 / 3 / 4);
}

Test(budget, buffers_and_stacks_become_fewer_with_the_memory)
{
    cr_assert_eq(budget_of_many(0, 8, 1024, 4, 100), 100u, "no bound");
    cr_assert_eq(budget_of_many(1024 * MIB, 8, 1024, 4, 100), 100u);
    cr_assert_eq(budget_of_many(64 * MIB, 8, 32 << 10, 4, 100), 16u);
    cr_assert_eq(budget_of_many(64 * MIB, 64, 32 << 10, 4, 100), 4u);
}

Test(budget, too_little_memory_for_so_many_reactors_is_said_with_the_least)
{
    struct error error;
    cr_assert_eq(budget_check(0, 64, &error), 0, "no bound");
    cr_assert_eq(budget_check(64 * MIB, 8, &error), 0);
    cr_assert_eq(budget_check(512 * MIB, 64, &error), 0);
    cr_assert_eq(budget_check(64 * MIB, 64, &error), -EINVAL);
    cr_assert(strstr(error.text, "64 reactors need at least 512 MiB"), "%s", error.text);
    cr_assert(strstr(error.text, "--reactors 8 or fewer"), "%s", error.text);
    for (unsigned reactors = 1; reactors <= REACTORS_MAX; reactors++) {
        cr_assert_eq(budget_check(budget_least(reactors), reactors, &error), 0);
        cr_assert_geq(budget_reactors_most(budget_least(reactors)), reactors);
    }
    cr_assert_eq(budget_reactors_most(64 * MIB), 8u);
    cr_assert_eq(budget_reactors_most(1), 1u);
}
