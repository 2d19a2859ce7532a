/* world.h -- runs a function in fibers, on each of the three back ends.
 *
 * A fiber asserts with want(). Criterion's own assertions leave a test by longjmp(), which must not
 * happen on the stack of a fiber or on the thread of a reactor. A want() that does not hold prints
 * itself and ends the process of the test. */
#pragma once

#include "base/memory.h"
#include "reactor/fibers/fiber.h"
#include "reactor/sim/sim.h"
#include <criterion/criterion.h>
#include <errno.h>

#define want(x)                                                                                                        \
    do {                                                                                                               \
        if (!(x))                                                                                                      \
            world_fail(__FILE__, __LINE__, #x);                                                                        \
    } while (0)
#define want_eq(a, b)                                                                                                  \
    do {                                                                                                               \
        long long want_a = (long long)(a), want_b = (long long)(b);                                                    \
        if (want_a != want_b)                                                                                          \
            world_fail_eq(__FILE__, __LINE__, #a, want_a, want_b);                                                     \
    } while (0)
void world_fail(const char *file, int line, const char *what) __attribute__((noreturn));
void world_fail_eq(const char *file, int line, const char *what, long long is, long long wanted)
    __attribute__((noreturn));

struct world {
    enum backend_kind backend;
    unsigned reactors;   /* 0: 1 */
    uint32_t fibers_max; /* 0: 64 */
    uint64_t seed;       /* simulator only */
    struct sim *sim;     /* simulator: this one, which the caller owns; NULL: a new one from seed */
    bool never_stops;    /* nobody calls runtime_stop() */
};

/* Runs main(arg) as the boot fiber of every reactor. Reactor 0 calls runtime_stop() after its
 * main() has returned. Returns what runtime_run() returns. */
int world_run(const struct world *w, runtime_boot_fn main, void *arg);

/* An empty folder for files: on disk, or in the file system of the simulator. Call it in a fiber.
 * world_run() removes the folder at its end. */
const char *world_folder(void);

/* Skips the running test when this machine refuses the back end. */
void world_require(enum backend_kind backend);

#define SECONDS(n) ((uint64_t)(n)*1000000000u)
#define MILLIS(n)  ((uint64_t)(n)*1000000u)

/* A test body that runs once on each back end, which it finds in `backend`. */
#define EVERYWHERE(suite, name)                                                                                        \
    static void suite##_##name##_on(enum backend_kind backend);                                                        \
    Test(suite, name##_uring)                                                                                          \
    {                                                                                                                  \
        world_require(BACKEND_URING);                                                                                  \
        suite##_##name##_on(BACKEND_URING);                                                                            \
    }                                                                                                                  \
    Test(suite, name##_uv)                                                                                             \
    {                                                                                                                  \
        suite##_##name##_on(BACKEND_UV);                                                                               \
    }                                                                                                                  \
    Test(suite, name##_sim)                                                                                            \
    {                                                                                                                  \
        suite##_##name##_on(BACKEND_SIM);                                                                              \
    }                                                                                                                  \
    static void suite##_##name##_on(enum backend_kind backend)

/* Likewise, where time and cores must be real ones. */
#define ON_REAL_BACKENDS(suite, name)                                                                                  \
    static void suite##_##name##_on(enum backend_kind backend);                                                        \
    Test(suite, name##_uring)                                                                                          \
    {                                                                                                                  \
        world_require(BACKEND_URING);                                                                                  \
        suite##_##name##_on(BACKEND_URING);                                                                            \
    }                                                                                                                  \
    Test(suite, name##_uv)                                                                                             \
    {                                                                                                                  \
        suite##_##name##_on(BACKEND_UV);                                                                               \
    }                                                                                                                  \
    static void suite##_##name##_on(enum backend_kind backend)

/* Runs main() on that back end with n reactors, and asserts that the run ended without an error. */
#define world_run_well(kind, n, main, arg)                                                                             \
    cr_assert_eq(world_run(&(struct world){.backend = (kind), .reactors = (n), .seed = 1}, main, arg), 0)
