/* Tests the performance counters of a core. The simulator has none. A machine may have none, as
 * most virtual machines do; if it has them, they grow with the work. */
#include "reactor/machine/perf.h"
#include "world.h"

#include <string.h>

static void none(void *arg)
{
    uint64_t values[PERF_COUNTERS];
    want_eq(perf_available(), 0);
    want(!perf_read(values));
}

Test(perf, there_are_no_counters_in_the_simulator)
{
    world_run_well(BACKEND_SIM, 2, none, NULL);
}

static void count(void *arg)
{
    uint64_t before[PERF_COUNTERS] = {0}, after[PERF_COUNTERS] = {0};
    volatile uint64_t work = 1;
    unsigned available = perf_available();
    want_eq(perf_available(), available);
    if (!perf_read(before))
        return;
    want(available);
    for (unsigned i = 0; i < 100000; i++)
        work = work * 3 + 1;
    want(perf_read(after));
    want(!(available & 1u << PERF_INSTRUCTIONS) || after[PERF_INSTRUCTIONS] >= before[PERF_INSTRUCTIONS] + 100000);
    want(!(available & 1u << PERF_CYCLES) || after[PERF_CYCLES] > before[PERF_CYCLES]);
}

Test(perf, counters_grow_where_there_are_any)
{
    world_run_well(BACKEND_UV, 2, count, NULL);
}

Test(perf, every_counter_has_a_name_of_its_own)
{
    for (enum perf_counter a = 0; a < PERF_COUNTERS; a++)
        for (enum perf_counter b = 0; b < a; b++)
            cr_assert(strcmp(perf_counter_name(a), perf_counter_name(b)) != 0);
}
