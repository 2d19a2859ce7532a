/* clock.h -- time, binding to one core, and a line of progress, for benchmarks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t clock_wall_ns(void);
uint64_t clock_thread_cpu_ns(void);
uint64_t clock_process_cpu_ns(void);

/* Binds this thread to one core: `core`, or the last one allowed if core is negative. Returns the
 * core, or -1. */
int core_pin(int core);
void core_unpin(void);     /* back to the cores allowed before the first core_pin() */
unsigned core_count(void); /* the number of those cores */

/* "AMD EPYC (family 25, model 17), 2 cores, 32 MiB L3", as far as the kernel reports it. */
void machine_describe(char *ret, size_t room);

/* Progress of a long operation on stderr: on a terminal one line that is rewritten, elsewhere a new
 * line every few seconds. Nothing is printed in the first second. */
struct progress {
    const char *what;
    uint64_t total, start_ns, last_ns, last_done;
    bool written, terminal;
};
void progress_start(struct progress *p, const char *what, uint64_t total);
void progress_at(struct progress *p, uint64_t done);
void progress_end(struct progress *p);
