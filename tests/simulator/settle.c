/* settle.c -- liveness: once the faults have ended, all background work ends within a bound of
 * virtual time. */
#include "play.h"

#include <stdlib.h>

/* The number of rows that are in no graph yet. UINT64_MAX: the server gave no answer. */
static uint64_t backlog(struct metrics_sample *samples)
{
    struct arena arena = {0};
    uint64_t rows = 0;
    if (server_measure(samples, &arena) < 0)
        rows = UINT64_MAX;
    arena_fini(&arena);
    for (unsigned r = 0; rows != UINT64_MAX && r < reactor_count(); r++)
        rows += samples[r].store.growing_backlog_rows;
    return rows;
}

void settle_work(struct world *w)
{
    uint64_t deadline_ns = clock_now_ns() + SETTLE_NS, rows;
    struct metrics_sample *samples = calloc(reactor_count(), sizeof(*samples));
    check(samples);
    while ((rows = backlog(samples)) > 0 && clock_now_ns() < deadline_ns)
        fiber_sleep_ns(10000000);
    free(samples);
    if (rows > 0)
        fail(w, "server", "no more faults happen, but %" PRIu64 " rows are still in no graph", rows);
}
