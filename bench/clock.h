/* clock.h -- what a benchmark asks of the machine: time, one core, and a line of progress. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t clock_wall_ns(void);
uint64_t clock_thread_cpu_ns(void);
uint64_t clock_process_cpu_ns(void);

/* Keeps this thread on one core: `core`, or the last one it may use when core is negative.
 * Returns the core, or -1. */
int core_pin(int core);
void core_unpin(void);     /* back to the cores that were allowed before the first core_pin() */
unsigned core_count(void); /* how many those are */

/* "AMD EPYC (family 25, model 17), 2 cores, 32 MiB L3", as far as the kernel tells. */
void machine_describe(char *ret, size_t room);

/* Lines on stderr that tell how far something long has come: on a terminal one line that
 * is rewritten, elsewhere a new line every few seconds. Nothing is written before the
 * first second is over. */
struct progress {
    const char *what;
    uint64_t total, start_ns, last_ns, last_done;
    bool written, terminal;
};
void progress_start(struct progress *p, const char *what, uint64_t total);
void progress_at(struct progress *p, uint64_t done);
void progress_end(struct progress *p);
