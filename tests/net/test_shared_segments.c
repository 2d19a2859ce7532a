/* Tests that all reactors search the sealed segments of each other. Every fan-out finds the same
 * points, also while points are written again, deleted, sealed and merged. */
#include "client.h"
#include "harness.h"

#include "reactor/fibers/fiber.h"
#include "reactor/sim/sim.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define DIM     2048 /* large enough for a search to pause */
#define POINTS  60u
#define ROUNDS  60
#define WRITERS 8

#define SHARED_TEST(name)                                                                                              \
    static void name(struct server *s);                                                                                \
    Test(shared_segments, name)                                                                                        \
    {                                                                                                                  \
        harness_run(BACKEND_SIM, 1, name);                                                                             \
        harness_run(BACKEND_SIM, 4, name);                                                                             \
        harness_run(BACKEND_AUTO, 2, name);                                                                            \
    }                                                                                                                  \
    static void name(struct server *s)

static void order(struct client *c, uint16_t op)
{
    Kith__Seal ask = KITH__SEAL__INIT;
    ask.collection = (char *)"a";
    cr_assert_eq(client_call(c, op, &ask.base, NULL, 0, NULL), 0, "%s", c->error);
}

static float *vector(uint64_t n)
{
    float *v = calloc(DIM, sizeof(*v)); /* too large for the stack of a fiber */
    cr_assert(v);
    v[0] = (float)n;
    return v;
}

static void write_all(struct client *c, uint32_t from, uint32_t step)
{
    for (uint32_t i = from; i < POINTS; i += step) {
        uint64_t id = i;
        float *v = vector(i);
        cr_assert_eq(client_upsert(c, "a", &id, 1, v, DIM), 0, "%s", c->error);
        free(v);
    }
}

/* Asserts that an exact search finds all points but the first `gone`, which are deleted. */
static void find_all(struct client *c, uint32_t gone)
{
    float *query = vector(random_u64() % POINTS);
    uint64_t ids[2 * POINTS], seen = 0;
    float scores[2 * POINTS];
    uint32_t n;
    for (c->fan_out = 0; c->fan_out < 4; c->fan_out++) {
        cr_assert_eq(client_search(c, "a", query, DIM, 2 * POINTS, true, ids, scores, &n), 0, "%s", c->error);
        cr_assert_eq(n, POINTS - gone, "fan_out %u: %u of %u", c->fan_out, n, POINTS - gone);
        seen = 0;
        for (uint32_t i = 0; i < n; i++)
            seen |= (uint64_t)1 << ids[i];
        cr_assert_eq(seen, (((uint64_t)1 << POINTS) - 1) & ~(((uint64_t)1 << gone) - 1));
    }
    free(query);
}

static struct client prepared(struct server *s)
{
    struct client c;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_create(&c, "a", DIM, KITH__METRIC__METRIC_L2), 0, "%s", c.error);
    write_all(&c, 0, 1);
    return c;
}

SHARED_TEST(what_is_sealed_and_merged_is_found_by_every_fan_out)
{
    struct client c = prepared(s);
    find_all(&c, 0);
    for (int i = 0; i < 4; i++) {
        order(&c, KITH_OP_SEAL);
        find_all(&c, 0);
        write_all(&c, (uint32_t)i, 3);
        find_all(&c, 0);
    }
    order(&c, KITH_OP_COMPACT);
    find_all(&c, 0);
    for (uint32_t i = 0; i < 9; i++) {
        uint64_t id = i, deleted;
        cr_assert_eq(client_delete(&c, "a", &id, 1, &deleted), 0, "%s", c.error);
        cr_assert_eq(deleted, 1);
        find_all(&c, i + 1);
    }
    order(&c, KITH_OP_COMPACT);
    find_all(&c, 9);
    client_close(&c);
}

struct writer {
    struct server *server;
    bool stop;
    unsigned running;
    void (*work)(struct client *c);
};

static void writer_run(void *arg)
{
    struct writer *w = arg;
    struct client c;
    cr_assert_eq(client_open(&c, server_port(w->server, PROTOCOL_NATIVE)), 0);
    while (!w->stop)
        w->work(&c);
    client_close(&c);
    w->running--;
}

static void rewrite(struct client *c)
{
    write_all(c, (uint32_t)(random_u64() % 7), 5);
}

static void rewrite_seal_and_merge(struct client *c)
{
    rewrite(c);
    order(c, random_u64() % 3 ? KITH_OP_SEAL : KITH_OP_COMPACT);
}

/* Searches while writers work. A point that is written again moves from a sealed segment, which any
 * reactor may search, to a growing segment of its owner. No search may miss it. */
static void search_beside(struct server *s, void (*work)(struct client *c))
{
    struct client c = prepared(s);
    struct writer w = {.server = s, .work = work};
    order(&c, KITH_OP_SEAL);
    if (harness_sim) { /* searches pause often, and messages of writers arrive late */
        sim_fault_rate(harness_sim, FAULT_PREEMPT, 700000);
        sim_fault_rate(harness_sim, FAULT_STALL, 20000);
        sim_fault_rate(harness_sim, FAULT_LATE_MESSAGE, 300000);
    }
    for (; w.running < WRITERS; w.running++)
        cr_assert_eq(fiber_start(CLASS_WRITE, writer_run, &w, "writer"), 0);
    for (int i = 0; i < ROUNDS; i++)
        find_all(&c, 0);
    w.stop = true;
    while (w.running)
        fiber_sleep_ns(1000000);
    client_close(&c);
}

SHARED_TEST(no_point_is_missed_while_it_is_written_again)
{
    search_beside(s, rewrite);
}

SHARED_TEST(no_point_is_missed_while_segments_are_sealed_and_merged)
{
    search_beside(s, rewrite_seal_and_merge);
}
