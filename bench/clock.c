#include "clock.h"

#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000ull

static uint64_t clock_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

uint64_t clock_wall_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t clock_thread_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

int core_pin(int core)
{
    cpu_set_t set;
    if (core < 0) {
        if (sched_getaffinity(0, sizeof(set), &set) < 0)
            return -1;
        for (int i = 0; i < CPU_SETSIZE; i++)
            if (CPU_ISSET(i, &set))
                core = i;
    }
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    return sched_setaffinity(0, sizeof(set), &set) < 0 ? -1 : core;
}

void progress_start(struct progress *p, const char *what, uint64_t total)
{
    *p = (struct progress){.what = what, .total = total, .terminal = isatty(STDERR_FILENO)};
    p->start_ns = p->last_ns = clock_wall_ns();
}

static void write_line(struct progress *p, uint64_t done)
{
    double seconds = (double)(p->last_ns - p->start_ns) / (double)SECOND_NS;
    fprintf(stderr, "%s%s: %llu of %llu (%.0f %%), %.0f s%s", p->terminal ? "\r" : "", p->what,
            (unsigned long long)done, (unsigned long long)p->total,
            p->total ? 100.0 * (double)done / (double)p->total : 100.0, seconds, p->terminal ? "  " : "\n");
    p->written = true;
}

void progress_at(struct progress *p, uint64_t done)
{
    uint64_t now = clock_wall_ns();
    if (now - p->last_ns < (p->terminal || !p->written ? SECOND_NS : 5 * SECOND_NS))
        return;
    p->last_ns = now;
    write_line(p, done);
}

void progress_end(struct progress *p)
{
    if (!p->written)
        return;
    p->last_ns = clock_wall_ns();
    write_line(p, p->total);
    if (p->terminal)
        fputc('\n', stderr);
}
