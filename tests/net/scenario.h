/* scenario.h -- how the tests of the native protocol begin: a client that said hello, and a
 * collection with points. */
#pragma once

#include "client.h"
#include "harness.h"

#include <criterion/criterion.h>

/* A scenario that runs on the simulator with one and with three reactors, and on this machine. */
#define NATIVE_TEST(suite, name)                                                                                       \
    static void name(struct server *s);                                                                                \
    Test(suite, name)                                                                                                  \
    {                                                                                                                  \
        harness_run(BACKEND_SIM, 1, name);                                                                             \
        harness_run(BACKEND_SIM, 3, name);                                                                             \
        harness_run(BACKEND_AUTO, 2, name);                                                                            \
    }                                                                                                                  \
    static void name(struct server *s)

struct client opened(struct server *s);
/* Asserts that the answer rc was the error `code`, that its text contains `word`, and that the
 * connection goes on. */
void expect_refused(struct client *c, int rc, enum error_code code, const char *word);
/* Writes the 4 numbers of point `id`. */
void fill_vector(float *v, uint64_t id);
/* Creates the collection (l2, 4 dimensions) with the points 0 to n - 1. */
void fill_collection(struct client *c, const char *name, uint32_t n);
