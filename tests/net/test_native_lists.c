/* Tests what all connections share: the memory for large frames, and the list of collections while
 * it changes. */
#include "../columns/one_vector.h"
#include "reactor/sim/sim.h"
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- memory -- */

struct large_upsert {
    uint16_t port;
    bool answered, over;
};

static void upsert_much(void *arg)
{
    struct large_upsert *u = arg;
    struct client c;
    cr_assert_eq(client_open(&c, u->port), 0);
    fill_collection(&c, "much", 10000);
    u->answered = true;
    client_close(&c);
    u->over = true;
}

static void crowded(struct server *s)
{
    struct client c = opened(s);
    struct byte_pool *bound = &s->cores[0]->frames;
    struct byte_claim others = {0};
    uint64_t all = bound->bytes, count = 0;
    struct large_upsert u = {.port = server_port(s, PROTOCOL_NATIVE)};
    fill_collection(&c, "few", 10);
    /* as if other connections held all of the memory */
    cr_assert_eq(byte_pool_begin(bound, &others, BYTES_URGENT, all, 0), 0);
    /* all bytes of that frame have arrived */
    cr_assert_eq(byte_pool_grow(bound, &others, all, 0), 0);
    cr_assert_eq(fiber_start(CLASS_INTERACTIVE, upsert_much, &u, "client"), 0);
    fiber_sleep_ns(5000000000);
    cr_assert(!u.answered, "a large request must wait for memory");
    cr_assert_eq(client_count(&c, "few", &count), 0);
    cr_assert_eq(count, 10, "a small request must not wait");
    byte_pool_end(bound, &others);
    while (!u.over)
        fiber_sleep_ns(1000000);
    cr_assert_eq(client_count(&c, "much", &count), 0);
    cr_assert_eq(count, 10000);
    for (unsigned r = 0; r < BYTE_RANKS; r++)
        cr_assert_eq(bound->held[r], 0, "all memory must be given back");
    client_close(&c);
}

Test(native_lists, large_requests_of_all_connections_share_a_bound)
{
    harness_run(BACKEND_SIM, 1, crowded);
}

/* -- lists -- */

#define LISTED 200

struct churn {
    struct core *core;
    bool stop, over;
};

/* Adds and removes collections whose names are between the others, also while a list is made. A
 * client could not do that: no simulated time passes while a list is made. */
static void churn_run(void *arg)
{
    struct churn *u = arg;
    struct replica *r = &u->core->collections;
    struct collection_config config = {.id = 1000000, .schema = one_vector(4, METRIC_L2)};
    for (unsigned i = 0; !u->stop; i++) {
        snprintf(config.name, sizeof(config.name), "k%03ux", i * 77 % LISTED);
        cr_assert_eq(replica_add(r, &config, NULL), 0);
        struct collection_entry *e = replica_find_id(r, config.id);
        e->published = true;
        fiber_yield();
        replica_remove(r, e);
        replica_destroy(e);
        if (i % 16 == 0)
            fiber_sleep_ns(1000);
        else
            fiber_yield();
    }
    u->over = true;
}

/* Asserts that the list has every lasting collection once, in the order of names. */
static void expect_listed(struct client *c)
{
    Kith__ListCollections ask = KITH__LIST_COLLECTIONS__INIT;
    struct client_reply r;
    char name[16];
    size_t n = 0;
    cr_assert_eq(client_call(c, KITH_OP_LIST, &ask.base, NULL, 0, &r), 0);
    Kith__CollectionList *list = kith__collection_list__unpack(NULL, r.header.meta_bytes, r.meta);
    cr_assert_not_null(list);
    for (size_t i = 0; i < list->n_collections; i++) {
        cr_assert(i == 0 || strcmp(list->collections[i - 1]->name, list->collections[i]->name) < 0);
        snprintf(name, sizeof(name), "k%03zu", n);
        n += strcmp(list->collections[i]->name, name) == 0;
    }
    cr_assert_eq(n, LISTED);
    kith__collection_list__free_unpacked(list, NULL);
    client_reply_fini(&r);
}

static void listed(struct server *s)
{
    struct churn u = {.core = s->cores[0]};
    struct client c = opened(s);
    char name[16];
    sim_fault_rate(s->options.runtime.sim, FAULT_PREEMPT, 300000);
    for (unsigned i = 0; i < LISTED; i++) {
        snprintf(name, sizeof(name), "k%03u", i);
        cr_assert_eq(client_create(&c, name, 4, KITH__METRIC__METRIC_L2), 0);
    }
    cr_assert_eq(fiber_start(CLASS_INTERACTIVE, churn_run, &u, "churn"), 0);
    for (unsigned i = 0; i < 20; i++)
        expect_listed(&c);
    u.stop = true;
    while (!u.over)
        fiber_sleep_ns(1000000);
    client_close(&c);
}

Test(native_lists, a_list_is_whole_though_collections_come_and_go_meanwhile)
{
    harness_run(BACKEND_SIM, 1, listed);
}
