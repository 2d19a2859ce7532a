/* fiber.h -- a straight line of code that may wait.
 *
 * A fiber lives and dies on the reactor that started it. Its stack is small (64 KiB; 256 KiB under
 * ASan), pooled, with a guard page: keep arrays off it. Waiting functions of src/reactor suspend
 * the fiber and let others run; between two of them nobody else on this core runs, so state of
 * this core needs no lock. */
#pragma once

#include "reactor/runtime.h"

typedef void (*fiber_fn)(void *arg);
struct fiber;

/* Runs fn(arg) in a new fiber, soon, on this reactor. name must outlive it (a literal). -EAGAIN: at
 * fibers_max; -ENOMEM: no stack. */
MUST_USE int fiber_start(enum fiber_class cls, fiber_fn fn, void *arg, const char *name);
/* The same for what a client asks, of which there may be any number: leaves an eighth of the fibers
 * for the server's own work. */
MUST_USE int fiber_start_client(enum fiber_class cls, fiber_fn fn, void *arg, const char *name);

/* Gives back the memory of stacks that no fiber has used since the last call, but of `kept`, and
 * measures what all have. Meant to be called some times a second where memory is scarce. Pauses. */
void fiber_stacks_trim(uint32_t kept);
#define FIBER_STACKS_KEPT 64 /* enough for what comes and goes on a core that is not busy */

struct fiber *fiber_self(void); /* NULL outside a fiber */
enum fiber_class fiber_class_of(const struct fiber *f);
/* From its next wait on the calling fiber is of class cls, and so are its file operations; returns
 * what it was. For the long part of a request that can wait, like copying files. */
enum fiber_class fiber_become(enum fiber_class cls);

/* How long the calling fiber has held the core so far; its waits do not count. now_ns: what
 * clock_now_ns() has just said, as one look at the clock may serve for more. */
uint64_t fiber_ran_ns(uint64_t now_ns);

/* Gives up the core until everyone else who is ready has had a turn. */
void fiber_yield(void);

/* In every long loop: a load and a compare; true when the slice is used up or more urgent work
 * waits (or, in debug builds and in the simulator, when the seed says so). */
bool fiber_should_yield(void);
static inline void fiber_checkpoint(void)
{
    if (UNLIKELY(fiber_should_yield()))
        fiber_yield();
}

/* fiber_checkpoint() for who wants an address. */
void fiber_pause(void);

/* memcpy() with checkpoints: a hundred megabytes hold nobody up. Both stay as they are
 * meanwhile. */
void fiber_copy(void *to, const void *from, size_t n);

/* The two primitives that everything that waits is made of. A wake before the suspend is
 * remembered, once. Wake only fibers of this reactor. */
void fiber_suspend(void);
void fiber_wake(struct fiber *f);

void fiber_sleep_ns(uint64_t duration_ns);

/* Deadline and cancellation travel with a request: the session makes a context, messages carry it,
 * whoever works for the request asks context_check() at its checkpoints. The creator may set
 * cancelled from its own core at any time. */
struct context {
    uint64_t deadline_ns;   /* on clock_now_ns(); 0: none */
    _Atomic bool cancelled; /* relaxed: a hint that is seen soon */
};

/* 0, -ETIME when the deadline has passed, -ECANCELED when given up. ctx may be NULL. */
int context_check(const struct context *ctx);
void context_cancel(struct context *ctx);
