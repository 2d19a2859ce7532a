/* test_recent.c -- the values of the last minute are those of a list of all values. */
#include "base/recent.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define COUNT 5000

Test(recent, has_all_of_the_last_minute_and_nothing_older_than_seventy_seconds)
{
    static struct recent r;
    static struct histogram h;
    static uint64_t values[COUNT], at[COUNT];
    uint64_t now = 5;
    srand(4);
    for (unsigned i = 0; i < COUNT; i++) {
        now += (uint64_t)rand() %
               /* now and then a long pause */
               (i % 1000 == 999 ? 200 * 1000000000ull : 100000000ull);
        values[i] = 1000 + (uint64_t)rand() % 1000000;
        at[i] = now;
        recent_add(&r, values[i], now);
        if (i % 50)
            continue;
        uint64_t later = now + (uint64_t)rand() % 80000000000ull, least = 0, most = 0, sum = 0;
        recent_read(&r, later, &h);
        for (unsigned j = 0; j <= i; j++) {
            least += at[j] + 60000000000ull >= later;
            most += at[j] + 70000000000ull >= later;
            sum += at[j] + 70000000000ull >= later ? values[j] : 0;
        }
        cr_assert(h.count >= least && h.count <= most, "%u of %u to %u", (unsigned)h.count, (unsigned)least,
                  (unsigned)most);
        cr_assert(h.sum <= sum);
        cr_assert(h.count == 0 ||
                  (h.min >= 1000 && h.max < 1001000 && histogram_percentile(&h, 50) <= 1001000 * 33 / 32));
    }
}

Test(recent, nothing_was_there_before_the_first)
{
    static struct recent r;
    static struct histogram h;
    recent_read(&r, 0, &h);
    cr_assert_eq(h.count, 0);
    recent_add(&r, 77, 0);
    recent_read(&r, 0, &h);
    cr_assert(h.count == 1 && h.min == 77 && h.max == 77 && h.sum == 77);
    recent_read(&r, (uint64_t)1 << 62, &h);
    cr_assert_eq(h.count, 0);
}
