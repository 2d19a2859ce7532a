/* clock.h -- what a benchmark asks of the machine: time, one core, and a line of progress. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

uint64_t clock_wall_ns(void);
uint64_t clock_thread_cpu_ns(void);

/* Keeps this thread on one core: `core`, or the last one it may use when core is negative. Returns the core, or -1. */
int core_pin(int core);

/* Lines on stderr that tell how far something long has come: on a terminal one line that is rewritten, elsewhere a new line
 * every few seconds. Nothing is written before the first second is over. */
struct progress {
    const char *what;
    uint64_t total, start_ns, last_ns;
    bool written, terminal;
};
void progress_start(struct progress *p, const char *what, uint64_t total);
void progress_at(struct progress *p, uint64_t done);
void progress_end(struct progress *p);
