/* runtime.h -- all the reactors of a process: one thread on one core each, started
 * and stopped together.
 *
 * A reactor owns its back end (io_uring, libuv or the simulator), its fibers, timers, actors and
 * files; nothing in it is touched by another core. Reactors talk through messages (message.h)
 * only. */
#pragma once

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

#define REACTORS_MAX 256

enum backend_kind { BACKEND_AUTO, BACKEND_URING, BACKEND_UV, BACKEND_SIM };

/* Time is given out by class: interactive first, then write; background runs when both are idle,
 * plus a floor share so that it always ends. */
enum fiber_class { CLASS_INTERACTIVE, CLASS_WRITE, CLASS_BACKGROUND, CLASS_COUNT };

struct runtime_options {
    /* 0: one per physical core that this process may keep busy (topology.h) */
    unsigned reactors;
    /* BACKEND_AUTO: io_uring, or libuv where io_uring is refused (logged) */
    enum backend_kind backend;
    /* bind each reactor to its core and its memory to that core's NUMA node */
    bool pin;
    /* how long an idle reactor polls before it sleeps; 0 on shared machines */
    unsigned spin_us;
    /* how long a fiber may run before fiber_checkpoint() yields; 0: 500 */
    unsigned slice_us;
    /* a fiber that holds the core longer is reported with a backtrace; 0: 25 */
    unsigned stall_ms;
    uint32_t fibers_max; /* per reactor; a server wants at least 256; 0: 16384 */
    /* [ORDERS]: of how many messages of each order a reactor may await the answer of another one;
     * RING_CREDITS together at most. NULL: half of them for order 0, the others for the rest. */
    const uint16_t *credits;
    struct sim *sim; /* BACKEND_SIM only: the world to run in (sim.h) */
};

struct runtime;

/* What a reactor does first: runs as a fiber of class INTERACTIVE on every reactor. */
typedef void (*runtime_boot_fn)(void *arg);

/* Owns *ret until runtime_destroy(). Errors: -EINVAL (more reactors than cores allowed is
 * fine; than REACTORS_MAX is not), -ENOSYS (the forced back end is refused; the sentence
 * says by what), -ENOMEM. */
MUST_USE int runtime_create(const struct runtime_options *options, struct runtime **ret, struct error *error);
void runtime_destroy(struct runtime *rt);

/* Starts the reactors, runs boot(arg) on each, and returns when all have stopped. BACKEND_SIM runs
 * them all in the calling thread. SIGHUP is only logged; SIGINT and SIGTERM are taken by the
 * calling thread and call `on_signal` on reactor 0 in a fiber (NULL: signals are left alone). */
MUST_USE int runtime_run(struct runtime *rt, runtime_boot_fn boot, runtime_boot_fn on_signal, void *arg);

/* Asks every reactor to end its loop once its fibers have ended; orderly stop is the caller's
 * business before that (close listeners, close gates, flush logs). Callable from a fiber. */
void runtime_stop(void);

unsigned reactor_id(void); /* of the calling fiber */
unsigned reactor_count(void);

/* Time and randomness: the only source of both for the whole server, so that the
 * simulator owns them. */
uint64_t clock_now_ns(void);  /* monotonic */
uint64_t clock_wall_ns(void); /* since 1970 */
uint64_t random_u64(void);    /* seeded in the simulator, from the kernel otherwise */

/* How busy that reactor is with what somebody waits for: per mille (0..1000) of about the last 10
 * ms that it gave to fibers of the classes INTERACTIVE and WRITE. Asleep is idle. Any reactor may
 * ask about any other; the answer is up to 1 ms old. */
unsigned runtime_load(unsigned reactor);

/* What may change while a reactor runs. 0 leaves a value as it is. */
struct reactor_tuning {
    unsigned slice_us; /* 50..10000 */
    /* Of the core's time, at least so much for a class that has something to do;
     * 1..80 each, 90 together. */
    unsigned write_percent, background_percent;
};
/* Tunes the calling reactor. -EINVAL, and nothing changed, when a value or the sum of the
 * shares is out of bounds. */
MUST_USE int reactor_tune(const struct reactor_tuning *t);

struct reactor_stats {
    uint64_t busy_ns, idle_ns, class_ns[CLASS_COUNT];
    uint64_t switches, messages_sent, wakes_sent, wakes_saved, stalls, stall_max_ns;
    uint32_t fibers, run_queue, sends_waiting;
    uint64_t
        /* memory of stacks, in use or kept for the next fibers: as it was when they were trimmed
         * last, and all of those that have come since (fiber_stacks_trim()) */
        stack_bytes;
    const char *backend; /* "uring", "uv", "sim" */
};
void reactor_stats_read(struct reactor_stats *ret); /* of the calling reactor */

/* CPU time of the whole process so far, user and system, in nanoseconds. */
uint64_t process_cpu_ns(void);
/* Resident memory of the process in bytes; 0 where the system does not say. */
uint64_t process_rss_bytes(void);
