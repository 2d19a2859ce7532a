/* Tests that points with equal distances come in the order of their ids, numbers first: in every
 * kind of segment, for every k, in exact and in approximate searches. */
#include "stores.h"

#include <stdlib.h>

#define POINTS 300
#define GROUPS 3

static struct server server;
static struct collection_config config;

/* The id of point n, a number or a UUID. The order of ids is not the order of writing. */
static struct point_id name(uint32_t n)
{
    const uint64_t mixed = n * 7919 % 10007;
    return n % 3 ? (struct point_id){0, mixed} : (struct point_id){mixed << 32 | 1, n};
}

static void write_all(bool in_one)
{
    for (uint32_t n = 0; n < POINTS; n++) {
        const struct point_id id = name(n);
        const float vector[DIM] = {(float)(n % GROUPS), 1, 2};
        const struct point_batch batch = {.count = 1, .ids = &id, .vectors = vector};
        struct error e = {0};
        want_eq(shard_upsert(owner(&server, &config, id), &batch, &e), 0);
        if (n % 40 == 39 && !in_one)
            work(&server);
    }
}

static bool comes_before(const struct point_hit *a, const struct point_hit *b)
{
    if (a->distance != b->distance)
        return a->distance < b->distance;
    return a->id.hi != b->id.hi ? a->id.hi < b->id.hi : a->id.lo < b->id.lo;
}

/* Asserts that the hits are the first k of all points. */
static void want_first(const struct point_hit *hits, int n, uint32_t k, const float *query)
{
    want_eq(n, k);
    for (uint32_t i = 0; i < k; i++) {
        uint32_t before = 0;
        for (uint32_t p = 0; p < POINTS; p++) {
            const float away = (float)(p % GROUPS) - query[0];
            const struct point_hit other = {name(p), away * away};
            before += comes_before(&other, &hits[i]);
        }
        want_eq(before, i);
    }
}

static void search_all(void)
{
    static const uint32_t wanted[] = {1, 7, 50, 150};
    struct point_hit hits[150];
    for (unsigned i = 0; i < 2 * ARRAY_LEN(wanted); i++) {
        const float vector[DIM] = {(float)(i % GROUPS), 1, 2};
        const struct shard_query query = {.vector = vector, .k = wanted[i / 2], .exact = i % 2};
        const int n = shard_search(store_shard(server.stores[0], config.id), &query, hits);
        want_first(hits, n, wanted[i / 2], vector);
    }
}

static void by_id(void *arg)
{
    server_open(&server, 1);
    config = create(&server);
    const bool in_one = *(bool *)arg;
    if (in_one) {
        const struct store_tuning tuning = {.growing_bytes_max = 1 << 20};
        /* all points in one growing segment, with codes and a graph */
        store_tune(server.stores[0], &tuning);
    }
    write_all(in_one);
    search_all();
    work(&server);
    search_all();
    shard_freeze(store_shard(server.stores[0], config.id));
    work(&server);
    search_all();
    while (store_maintain(server.stores[0]) > 0)
        ;
    search_all();
    server_close(&server);
    server_open(&server, 1);
    search_all();
    server_close(&server);
}

Test(ties, come_by_id_from_many_segments)
{
    world_run_well(BACKEND_SIM, 1, by_id, &(bool){false});
}

Test(ties, come_by_id_from_one_segment)
{
    world_run_well(BACKEND_SIM, 1, by_id, &(bool){true});
}
