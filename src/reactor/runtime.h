/* runtime.h -- all reactors of a process, started and stopped together. A reactor is one thread on
 * one core.
 *
 * A reactor owns its back end (io_uring, libuv or the simulator), its fibers, timers, actors and
 * files. No other core touches them. Reactors communicate only by messages (message.h). */
#pragma once

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

#define REACTORS_MAX 256

enum backend_kind { BACKEND_AUTO, BACKEND_URING, BACKEND_UV, BACKEND_SIM };

/* The scheduling class of a fiber, most urgent first. A background fiber runs when no more urgent
 * fiber is ready. WRITE and BACKGROUND also get a minimum share of the core's time, so that their
 * work always ends. */
enum fiber_class { CLASS_INTERACTIVE, CLASS_WRITE, CLASS_BACKGROUND, CLASS_COUNT };

struct runtime_options {
    /* 0: one for each physical core whose time this process may use (topology.h) */
    unsigned reactors;
    /* BACKEND_AUTO: io_uring, or libuv where the kernel refuses io_uring; the choice of libuv is
     * logged */
    enum backend_kind backend;
    /* bind each reactor to a core, and its memory to the NUMA node of that core */
    bool pin;
    /* how long an idle reactor polls before it sleeps; 0 (no polling) suits machines that are
     * shared */
    unsigned spin_us;
    /* how long a fiber may run before fiber_checkpoint() yields; 0: 500 us */
    unsigned slice_us;
    /* a fiber that holds the core for longer is logged with a backtrace; 0: 25 ms */
    unsigned stall_ms;
    uint32_t fibers_max; /* per reactor; a server needs at least 256; 0: 16384 */
    /* [ORDERS]: how many unanswered messages of each order a reactor may have at one other reactor;
     * the sum is at most RING_CREDITS. NULL: half of RING_CREDITS for order 0, the other half
     * shared equally by the other orders. */
    const uint16_t *credits;
    struct sim *sim; /* BACKEND_SIM only: the simulated world to run in (sim.h) */
};

struct runtime;

/* Runs first on every reactor, in a fiber of class INTERACTIVE. */
typedef void (*runtime_boot_fn)(void *arg);

/* The caller owns *ret until runtime_destroy(). Errors: -EINVAL (more than REACTORS_MAX reactors;
 * more reactors than cores are allowed), -ENOSYS (the kernel refuses the chosen back end; `error`
 * names the call that failed), -ENOMEM. */
MUST_USE int runtime_create(const struct runtime_options *options, struct runtime **ret, struct error *error);
void runtime_destroy(struct runtime *rt);

/* Starts the reactors, runs boot(arg) on each, and returns when all have stopped. With BACKEND_SIM
 * all reactors run in the calling thread. If `on_signal` is not NULL, the calling thread takes
 * SIGINT, SIGTERM and SIGHUP. On SIGINT and SIGTERM reactor 0 calls `on_signal` in a fiber; SIGHUP
 * is only logged. */
MUST_USE int runtime_run(struct runtime *rt, runtime_boot_fn boot, runtime_boot_fn on_signal, void *arg);

/* Each reactor ends its loop when all its fibers have ended. The caller first closes listeners and
 * gates and flushes logs. Callable from any fiber. */
void runtime_stop(void);

unsigned reactor_id(void); /* of the calling fiber */
unsigned reactor_count(void);

/* The only source of time and randomness in the server, so that the simulator controls both. */
uint64_t clock_now_ns(void);  /* monotonic */
uint64_t clock_wall_ns(void); /* nanoseconds since 1970 */
uint64_t random_u64(void);    /* seeded in the simulator; elsewhere from the kernel */

/* The share of about the last 10 ms that a reactor gave to fibers of the classes INTERACTIVE and
 * WRITE, per mille (0..1000). Time asleep counts as idle. Any reactor may ask about any other; the
 * answer is up to 1 ms old. */
unsigned runtime_load(unsigned reactor);

/* Settings that may change while a reactor runs. 0 leaves a value as it is. */
struct reactor_tuning {
    unsigned slice_us; /* 50..10000 */
    /* Minimum share of the core's time for a class that has ready fibers: 1..80 each, 90 at most
     * together. */
    unsigned write_percent, background_percent;
};
/* Tunes the calling reactor. -EINVAL when a value or the sum of the shares is out of bounds; then
 * nothing has changed. */
MUST_USE int reactor_tune(const struct reactor_tuning *t);

struct reactor_stats {
    uint64_t busy_ns, idle_ns, class_ns[CLASS_COUNT];
    uint64_t switches, messages_sent, wakes_sent, wakes_saved, stalls, stall_max_ns;
    uint32_t fibers, run_queue, sends_waiting;
    /* resident memory of all stacks, in use or pooled: as measured by the last fiber_stacks_trim(),
     * plus the stacks that got memory since then */
    uint64_t stack_bytes;
    const char *backend; /* "uring", "uv", "sim" */
};
void reactor_stats_read(struct reactor_stats *ret); /* of the calling reactor */

/* CPU time of the whole process since its start, user and system, in nanoseconds. */
uint64_t process_cpu_ns(void);
/* Resident memory of the process in bytes; 0 where the system does not report it. */
uint64_t process_rss_bytes(void);
