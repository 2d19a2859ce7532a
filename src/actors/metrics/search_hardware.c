/* search_hardware.c -- reads the core's counters before and after one search in 64. The reading
 * is dropped when another fiber ran between. */
#include "actors/metrics/search_hardware.h"
#include "reactor/runtime.h"

static uint64_t switches(void)
{
    struct reactor_stats s;
    reactor_stats_read(&s);
    return s.switches;
}

void search_hardware_look(struct search_hardware *h, struct search_probe *p)
{
    h->counters = perf_available();
    p->looks = perf_read(p->before);
    p->switches = p->looks ? switches() : 0;
}

void search_hardware_count(struct search_hardware *h, const struct search_probe *p)
{
    uint64_t after[PERF_COUNTERS];
    if (switches() != p->switches || !perf_read(after))
        return;
    h->samples++;
    for (unsigned i = 0; i < PERF_COUNTERS; i++)
        if (h->counters & 1u << i)
            h->counts[i] += after[i] - p->before[i];
}

void search_hardware_add(struct search_hardware *sum, const struct search_hardware *more)
{
    sum->samples += more->samples;
    sum->counters |= more->counters;
    for (unsigned i = 0; i < PERF_COUNTERS; i++)
        sum->counts[i] += more->counts[i];
}
