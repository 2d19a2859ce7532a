/* perf.c -- one group of counters for each thread, read together, so that their ratios belong to
 * the same time. */
#include "reactor/machine/perf.h"
#include "reactor/reactor.h"

#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    uint64_t config;
} counters[PERF_COUNTERS] = {
    [PERF_CYCLES] = {"cycles", PERF_COUNT_HW_CPU_CYCLES},
    [PERF_INSTRUCTIONS] = {"instructions", PERF_COUNT_HW_INSTRUCTIONS},
    [PERF_CACHE_MISSES] = {"cache_misses", PERF_COUNT_HW_CACHE_MISSES},
    [PERF_BRANCH_MISSES] = {"branch_misses", PERF_COUNT_HW_BRANCH_MISSES},
};

const char *perf_counter_name(enum perf_counter c)
{
    return counters[c].name;
}

/* Opens a counter in the group of `leader` (-1: a new group). */
static int open_one(uint64_t config, int leader)
{
    struct perf_event_attr a = {
        .type = PERF_TYPE_HARDWARE,
        .size = sizeof(a),
        .config = config,
        .exclude_kernel = 1,
        .exclude_hv = 1,
        .read_format = PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
    };
    return (int)syscall(SYS_perf_event_open, &a, 0, -1, leader, PERF_FLAG_FD_CLOEXEC);
}

static void perf_open(struct reactor *r)
{
    struct perf *p = &r->perf;
    p->tried = true;
    if (r->rt->options.backend == BACKEND_SIM)
        return;
    for (unsigned i = 0; i < PERF_COUNTERS; i++) {
        int fd = open_one(counters[i].config, p->count ? p->fds[0] : -1);
        if (fd < 0)
            continue;
        p->fds[p->count++] = fd;
        p->available |= 1u << i;
    }
}

void perf_close(struct reactor *r)
{
    for (unsigned i = 0; i < r->perf.count; i++)
        close(r->perf.fds[i]);
    r->perf = (struct perf){0};
}

unsigned perf_available(void)
{
    struct reactor *r = reactor_here();
    if (!r->perf.tried)
        perf_open(r);
    return r->perf.available;
}

bool perf_read(uint64_t values[PERF_COUNTERS])
{
    struct {
        uint64_t count, enabled_ns, running_ns, values[PERF_COUNTERS];
    } group;
    unsigned available = perf_available(), at = 0;
    if (!available || read(reactor_here()->perf.fds[0], &group, sizeof(group)) < (ssize_t)(3 * sizeof(uint64_t)))
        return false;
    if (group.count != reactor_here()->perf.count || group.running_ns < group.enabled_ns)
        return false;
    for (unsigned i = 0; i < PERF_COUNTERS; i++)
        if (available & 1u << i)
            values[i] = group.values[at++];
    return true;
}
