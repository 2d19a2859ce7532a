/* Tests changes at the pauses of a search. Every checkpoint yields, and rows are so long that a
 * search has many. A point that exists throughout is found once. A point that is deleted meanwhile
 * is not found. */
#include "../columns/one_vector.h"
#include "stores.h"

#include <stdlib.h>
#include <string.h>

#define WIDE   2048
#define POINTS 120u

static struct server server;
static struct shard *shard;
static unsigned overlaps; /* searches during which the change happened */

static void put(uint32_t n)
{
    const struct point_id id = {0, n};
    float *vector = calloc(WIDE, sizeof(*vector)); /* too large for a fiber's stack */
    const struct point_batch batch = {.count = 1, .ids = &id, .vectors = vector};
    struct error e = {0};
    vector[0] = (float)n;
    want_eq(shard_upsert(shard, &batch, &e), 0);
    free(vector);
}

static void open_filled(void)
{
    struct collection_config c = {
        .id = 1, .schema = one_vector(WIDE, METRIC_L2), .durability = DURABILITY_NONE, .name = "test"};
    server_open(&server, 1);
    server.stores[0]->options.growing_bytes_max = 64u << 20;
    create_as(&server, &c);
    shard = store_shard(server.stores[0], c.id);
    for (uint32_t n = 0; n < POINTS; n++)
        put(n);
}

/* A change that happens once a search pauses. */
struct beside {
    void (*act)(uint32_t n);
    uint32_t n;
    bool searching, done;
};

static void act_beside(void *arg)
{
    struct beside *b = arg;
    while (!b->searching)
        fiber_sleep_ns(1000);
    b->act(b->n);
    b->done = true;
}

/* An exact search from the origin, with hits in the order of ids. *ret_met: the change happened
 * before the search ended. */
static int search_beside(struct beside *b, struct point_hit *hits, uint32_t k, bool *ret_met)
{
    static const float origin[WIDE];
    const struct shard_query q = {.vector = origin, .k = k, .exact = true};
    want_eq(fiber_start(CLASS_INTERACTIVE, act_beside, b, "beside"), 0);
    b->searching = true;
    const int n = shard_search(shard, &q, hits);
    *ret_met = b->done;
    while (!b->done)
        fiber_sleep_ns(1000);
    return n;
}

static void run(runtime_boot_fn main, uint64_t seeds)
{
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct sim *sim;
        cr_assert_eq(sim_create(seed, &sim), 0);
        sim_fault_rate(sim, FAULT_PREEMPT, 800000);
        sim_vary_schedules(sim, true); /* turns end while other fibers are ready */
        cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .seed = seed, .sim = sim}, main, NULL), 0);
        sim_destroy(sim);
    }
    cr_assert_gt(overlaps, seeds);
}

/* -- deleted -- */

static void erase_one(uint32_t n)
{
    const struct point_id id = {0, n};
    struct error e = {0};
    uint32_t deleted;
    want_eq(shard_delete(shard, &id, 1, &deleted, &e), 0);
    want_eq(deleted, 1);
}

static void delete_beside(void *arg)
{
    struct point_hit hits[POINTS];
    open_filled();
    shard_freeze(shard);
    work(&server);
    for (uint32_t n = 0; n < 20; n++) {
        struct beside b = {.act = erase_one, .n = n};
        bool met;
        const int found = search_beside(&b, hits, 10, &met);
        overlaps += met;
        for (int i = 0; met && i < found; i++)
            want(hits[i].id.lo != n);
    }
    server_close(&server);
}

Test(search_pauses, a_point_that_is_deleted_meanwhile_is_not_returned)
{
    run(delete_beside, 8);
}

/* -- written again -- */

static void want_all_once(const struct point_hit *hits, int found)
{
    want_eq(found, POINTS);
    for (uint32_t n = 0; n < POINTS; n++)
        want_eq(hits[n].id.lo, n);
}

static void rewrite_beside(void *arg)
{
    struct point_hit hits[2 * POINTS];
    open_filled();
    for (uint32_t n = POINTS - 1; n > POINTS - 30; n--) {
        struct beside b = {.act = put, .n = n};
        bool met;
        want_all_once(hits, search_beside(&b, hits, 2 * POINTS, &met));
        overlaps += met;
    }
    server_close(&server);
}

Test(search_pauses, a_point_that_is_written_again_meanwhile_is_found)
{
    run(rewrite_beside, 8);
}

/* -- moved by a merge -- */

static void compact(uint32_t n)
{
    struct error e = {0};
    if (shard_compact(shard, NULL, &e) < 0)
        world_fail(__FILE__, __LINE__, e.text);
}

static bool is_merging(void)
{
    for (uint32_t i = 0; i < shard->segment_count; i++)
        if (shard->segments[i] && shard->segments[i]->succession.merging)
            return true;
    return false;
}

/* Searches until the compaction has ended, so that some searches run while it replaces a segment.
 * They have the class of the compaction, which would otherwise hardly get a turn beside them. */
static void search_all_the_time(void *arg)
{
    static const float origin[WIDE];
    const struct shard_query q = {.vector = origin, .k = 2 * POINTS, .exact = true};
    struct point_hit hits[2 * POINTS];
    struct beside *b = arg;
    while (!b->done) {
        if (!is_merging()) {
            fiber_sleep_ns(1000);
            continue;
        }
        const uint64_t births = shard->births;
        want_all_once(hits, shard_search(shard, &q, hits));
        overlaps += shard->births != births;
        for (int i = 0; i < 4; i++) /* leaves most turns to the merge */
            fiber_yield();
    }
    b->searching = false;
}

static void merge_beside(void *arg)
{
    struct compaction compaction = {0};
    open_filled();
    compaction_start(&compaction, &server);
    for (uint32_t n = POINTS - 1; n > POINTS - 8; n--) {
        struct beside b = {.act = compact, .searching = true};
        put(n); /* so every old row is dead, and the compaction rewrites all segments */
        want_eq(fiber_start(CLASS_BACKGROUND, search_all_the_time, &b, "search"), 0);
        act_beside(&b);
        while (b.searching)
            fiber_sleep_ns(1000);
    }
    compaction_stop(&compaction);
    server_close(&server);
}

Test(search_pauses, a_point_that_a_merge_moves_meanwhile_is_found_once)
{
    run(merge_beside, 2);
}

/* -- cancelled -- */

static struct context cancelled;

static void cancel(uint32_t n)
{
    context_cancel(&cancelled);
}

static void cancel_beside(void *arg)
{
    static const float origin[WIDE];
    const struct shard_query q = {.vector = origin, .k = 10, .exact = true, .ctx = &cancelled};
    struct point_hit hits[10];
    open_filled();
    for (int i = 0; i < 20; i++) {
        struct beside b = {.act = cancel};
        cancelled = (struct context){0};
        want_eq(fiber_start(CLASS_INTERACTIVE, act_beside, &b, "beside"), 0);
        b.searching = true;
        const int found = shard_search(shard, &q, hits);
        overlaps += found == -ECANCELED;
        want(found == 10 || found == -ECANCELED);
        while (!b.done)
            fiber_sleep_ns(1000);
    }
    server_close(&server);
}

Test(search_pauses, a_search_that_is_cancelled_ends)
{
    run(cancel_beside, 8);
}
