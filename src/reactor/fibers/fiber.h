/* fiber.h -- fibers: threads of control on one core that switch cooperatively.
 *
 * A fiber stays on the reactor that started it. Its stack is small (64 KiB; 256 KiB under ASan),
 * pooled, and has a guard page: keep arrays off it. Waiting functions of src/reactor suspend the
 * fiber and let others run. Between two such calls no other code runs on this core, so the core's
 * state needs no lock. */
#pragma once

#include "reactor/runtime.h"

typedef void (*fiber_fn)(void *arg);
struct fiber;

/* Runs fn(arg) in a new fiber, soon, on this reactor. `name` must outlive the fiber (a literal).
 * -EAGAIN: fibers_max are live; -ENOMEM: no memory for a stack. */
MUST_USE int fiber_start(enum fiber_class cls, fiber_fn fn, void *arg, const char *name);
/* Like fiber_start(), for work that clients cause, which has no natural bound. Leaves an eighth of
 * the fibers, and those reserved for actors, to the server itself. */
MUST_USE int fiber_start_client(enum fiber_class cls, fiber_fn fn, void *arg, const char *name);

/* Gives back the memory of stacks that no fiber has used since the last call, except for `kept` of
 * them. Measures the resident memory of all stacks. Called several times a second where memory is
 * scarce. Pauses. */
void fiber_stacks_trim(uint32_t kept);
#define FIBER_STACKS_KEPT 64 /* enough for the short fibers of a core that is not busy */

struct fiber *fiber_self(void); /* NULL outside a fiber */
enum fiber_class fiber_class_of(const struct fiber *f);
/* Changes the class of the calling fiber from its next wait on; its file operations change at once.
 * Returns the old class. For the long part of a request that may be slow, like copying files. */
enum fiber_class fiber_become(enum fiber_class cls);

/* CPU time of the calling fiber so far, without its waits. now_ns: a fresh value of clock_now_ns(),
 * so that one read of the clock serves several uses. */
uint64_t fiber_ran_ns(uint64_t now_ns);

/* Lets every other ready fiber of the same or a more urgent class run first. */
void fiber_yield(void);

/* Called in every long loop; costs a load and a compare. True when the slice is used up or more
 * urgent work waits, and at random in debug builds and in the simulator. */
bool fiber_should_yield(void);
static inline void fiber_checkpoint(void)
{
    if (UNLIKELY(fiber_should_yield()))
        fiber_yield();
}

/* fiber_checkpoint() as a function with an address. */
void fiber_pause(void);

/* memcpy() with checkpoints, so that other fibers run during a large copy. Neither range may change
 * meanwhile. */
void fiber_copy(void *to, const void *from, size_t n);

/* The two primitives of all waiting functions. One wake before the suspend is remembered. Wake only
 * fibers of this reactor. */
void fiber_suspend(void);
void fiber_wake(struct fiber *f);

void fiber_sleep_ns(uint64_t duration_ns);

/* The deadline and the cancellation of a request. The session makes a context, and messages carry
 * it. Code that works for the request calls context_check() at its checkpoints. The creator may set
 * `cancelled` at any time, on its own core. */
struct context {
    uint64_t deadline_ns;   /* in time of clock_now_ns(); 0: none */
    _Atomic bool cancelled; /* relaxed: other cores see it soon, not at once */
};

/* 0, -ETIME after the deadline, -ECANCELED after context_cancel(). ctx may be NULL. */
int context_check(const struct context *ctx);
void context_cancel(struct context *ctx);
