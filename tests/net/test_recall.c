/* Tests that a search gets the recall that it asks for, in growing and in sealed segments. A search
 * that asks for none gets that of the server's settings. */
#include "client.h"
#include "harness.h"

#include "reactor/fibers/fiber.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define DIM     24
#define ROWS    6000u
#define QUERIES 60u
#define K       10u

static float *points; /* ROWS rows, then QUERIES queries; the same in every run */

/* Points near a line in many dimensions: neighbours are similar, but not equal. */
static void make_points(void)
{
    uint64_t state = 1;
    points = calloc((size_t)(ROWS + QUERIES) * DIM, sizeof(*points));
    cr_assert(points);
    for (size_t i = 0; i < (size_t)(ROWS + QUERIES) * DIM; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        points[i] = (float)(state >> 40) / (float)(1 + i % DIM);
    }
}

static float *query_at(uint32_t q)
{
    return points + (size_t)(ROWS + q) * DIM;
}

static void fill(struct client *c)
{
    uint64_t ids[ROWS / 10];
    cr_assert_eq(client_create(c, "a", DIM, KITH__METRIC__METRIC_L2), 0);
    for (uint32_t from = 0; from < ROWS; from += ROWS / 10) {
        for (uint32_t i = 0; i < ROWS / 10; i++)
            ids[i] = from + i;
        cr_assert_eq(client_upsert(c, "a", ids, ROWS / 10, points + (size_t)from * DIM, DIM), 0, "%s", c->error);
    }
}

static void seal(struct client *c)
{
    Kith__Seal ask = KITH__SEAL__INIT;
    ask.collection = (char *)(uintptr_t) "a";
    cr_assert_eq(client_call(c, KITH_OP_SEAL, &ask.base, NULL, 0, NULL), 0, "%s", c->error);
    cr_assert_eq(client_call(c, KITH_OP_COMPACT, &ask.base, NULL, 0, NULL), 0, "%s", c->error);
}

/* The recall of searches with the options of c. *ret_found is a hash of all hits. */
static double recall_of(struct client *c, uint64_t *ret_found)
{
    uint32_t found = 0;
    *ret_found = 0;
    for (uint32_t q = 0; q < QUERIES; q++) {
        uint64_t ids[K], truth[K];
        float scores[K], exact[K];
        uint32_t n, m;
        cr_assert_eq(client_search(c, "a", query_at(q), DIM, K, false, ids, scores, &n), 0, "%s", c->error);
        cr_assert_eq(client_search(c, "a", query_at(q), DIM, K, true, truth, exact, &m), 0, "%s", c->error);
        cr_assert_eq(m, K);
        for (uint32_t i = 0; i < n; i++) {
            *ret_found = *ret_found * 31 + ids[i];
            for (uint32_t j = 0; j < m; j++)
                found += ids[i] == truth[j];
        }
    }
    return (double)found / (K * QUERIES);
}

static double recall_asked(struct client *c, float recall, uint64_t *ret_found)
{
    c->recall = recall;
    const double got = recall_of(c, ret_found);
    c->recall = 0;
    return got;
}

static int set(struct client *c, const char *name, const char *value)
{
    Kith__SetConfig ask = KITH__SET_CONFIG__INIT;
    ask.name = (char *)(uintptr_t)name;
    ask.value = (char *)(uintptr_t)value;
    return client_call(c, KITH_OP_CONFIG_SET, &ask.base, NULL, 0, NULL);
}

static void check_asked(struct client *c, const char *when)
{
    static const float wanted[] = {0.8f, 0.9f, 0.98f, 0.99f};
    uint64_t found;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        const double got = recall_asked(c, wanted[i], &found);
        cr_expect_geq(got, wanted[i] - 0.015, "%s: asked for %.2f, got %.3f", when, wanted[i], got);
    }
    cr_expect_eq(recall_asked(c, 1, &found), 1, "%s: exact", when);
}

static void check_settings(struct client *c)
{
    uint64_t low, high, usual, found;
    (void)recall_asked(c, 0.6f, &low);
    (void)recall_asked(c, 0.98f, &high);
    cr_assert_neq(low, high, "both recalls find the same hits: the test shows nothing");
    (void)recall_of(c, &usual);
    cr_assert_eq(usual, high, "a search that asks for no recall must get 0.98");
    cr_assert_eq(set(c, "search.recall", "0.6"), 0, "%s", c->error);
    (void)recall_of(c, &usual);
    cr_assert_eq(usual, low);
    (void)recall_asked(c, 0.98f, &found);
    cr_assert_eq(found, high, "the recall of a search must win over the setting");
    cr_assert_eq(set(c, "search.ef", "1000"), 0, "%s", c->error);
    (void)recall_of(c, &found);
    cr_assert(found != low && found != high, "the setting ef must win over the setting recall");
    (void)recall_asked(c, 0.6f, &found);
    cr_assert_eq(found, low, "the recall of a search must win over the setting ef");
    cr_assert_eq(set(c, "search.recall", "1.5"), CLIENT_REFUSED(ERROR_INVALID_ARGUMENT));
}

static void check_info(struct client *c)
{
    Kith__GetInfo ask = KITH__GET_INFO__INIT;
    struct client_reply r;
    ask.name = (char *)(uintptr_t) "a";
    ask.with_segments = true;
    cr_assert_eq(client_call(c, KITH_OP_INFO, &ask.base, NULL, 0, &r), 0, "%s", c->error);
    Kith__Info *info = kith__info__unpack(NULL, r.header.meta_bytes, r.meta);
    cr_assert(info && info->n_segments > 0);
    for (size_t i = 0; i < info->n_segments; i++) {
        const Kith__Segment *s = info->segments[i];
        cr_assert_gt(s->n_recall_10, 2);
        cr_assert_gt(s->n_recall_100, 1);
        cr_assert(s->recall_scan && s->recall_scan->ef == s->rows);
        for (size_t j = 1; j < s->n_recall_10; j++) {
            cr_assert_gt(s->recall_10[j]->ef, s->recall_10[j - 1]->ef);
            cr_assert_geq(s->recall_10[j]->recall, s->recall_10[j - 1]->recall);
            cr_assert_leq(s->recall_10[j]->floor, s->recall_10[j]->recall);
            cr_assert_gt(s->recall_10[j]->distances, 0);
        }
    }
    kith__info__free_unpacked(info, NULL);
    client_reply_fini(&r);
}

/* The server repeats searches exactly, one after the other, to measure its recall. */
static void check_watch(struct server *s, struct client *c)
{
    uint64_t samples = 0, wanted = 0, found = 0, ignored;
    cr_assert_eq(set(c, "search.recall_sample", "1"), 0, "%s", c->error);
    cr_assert_eq(set(c, "search.recall", "0.98"), 0, "%s", c->error);
    cr_assert_eq(set(c, "search.ef", "auto"), 0, "%s", c->error);
    for (int round = 0; round < 5; round++) {
        (void)recall_of(c, &ignored);
        fiber_sleep_ns(2000000000);
    }
    for (unsigned r = 0; r < s->cores[0]->reactors; r++) {
        samples += s->cores[r]->metrics.recall_samples;
        wanted += s->cores[r]->metrics.recall_wanted;
        found += s->cores[r]->metrics.recall_found;
    }
    cr_assert_gt(samples, 1);
    cr_assert_eq(wanted, samples * K);
    cr_assert(found <= wanted && found * 100 >= wanted * 80, "%lu of %lu", (unsigned long)found, (unsigned long)wanted);
    cr_assert_eq(set(c, "search.recall_sample", "off"), 0, "%s", c->error);
    for (unsigned r = 0; r < s->cores[0]->reactors; r++)
        cr_assert_eq(s->cores[r]->settings.search_recall_sample, 0);
}

/* -- queries that are harder than those with which a segment was measured -- */

#define CENTRES 100u

static uint64_t dice = 7;

static float random_unit(void)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (float)(dice >> 40) / (float)(1 << 23) - 1;
}

/* Rows in tight clusters, with few links. */
static void fill_clusters(struct client *c)
{
    Kith__Collection collection = KITH__COLLECTION__INIT;
    Kith__CreateCollection create = KITH__CREATE_COLLECTION__INIT;
    uint64_t ids[ROWS / 10];
    collection.name = (char *)(uintptr_t) "a";
    collection.dim = DIM;
    collection.metric = KITH__METRIC__METRIC_L2;
    collection.m = 4;
    collection.ef_construct = 20;
    create.collection = &collection;
    cr_assert_eq(client_call(c, KITH_OP_CREATE, &create.base, NULL, 0, NULL), 0, "%s", c->error);
    for (uint32_t i = 0; i < ROWS * DIM; i++) /* the first CENTRES rows are the centres */
        points[i] = i < CENTRES * DIM ? random_unit() : points[i % (CENTRES * DIM)] + 1e-3f * random_unit();
    for (uint32_t from = 0; from < ROWS; from += ROWS / 10) {
        for (uint32_t i = 0; i < ROWS / 10; i++)
            ids[i] = from + i;
        cr_assert_eq(client_upsert(c, "a", ids, ROWS / 10, points + (size_t)from * DIM, DIM), 0, "%s", c->error);
    }
}

/* The mean recall of random queries, which lie between the clusters. Between the rounds the server
 * has time to measure live queries. */
static double recall_between_clusters(struct client *c, uint32_t rounds)
{
    double sum = 0;
    uint64_t found;
    for (uint32_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < (size_t)QUERIES * DIM; i++)
            query_at(0)[i] = random_unit();
        sum += recall_of(c, &found);
        fiber_sleep_ns(200000000);
    }
    return sum / rounds;
}

static void ask_otherwise(struct server *s)
{
    struct client c;
    make_points();
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(set(&c, "search.recall_sample", "5"), 0, "%s", c.error);
    fill_clusters(&c);
    seal(&c);
    const double at_first = recall_between_clusters(&c, 1);
    (void)recall_between_clusters(&c, 40);
    const double later = recall_between_clusters(&c, 4);
    cr_expect_lt(at_first, 0.95, "%f", at_first);
    cr_expect_geq(later, 0.98, "%f", later);
    client_close(&c);
    free(points);
}

Test(recall, of_queries_that_no_segment_was_measured_with_is_learnt)
{
    harness_run(BACKEND_SIM, 1, ask_otherwise);
}

static void ask(struct server *s)
{
    struct client c;
    make_points();
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    fill(&c);
    check_asked(&c, "growing");
    seal(&c);
    check_asked(&c, "sealed");
    check_info(&c);
    check_settings(&c);
    check_watch(s, &c);
    client_close(&c);
    free(points);
}

Test(recall, is_what_was_asked_for)
{
    harness_run(BACKEND_SIM, 1, ask);
    harness_run(BACKEND_SIM, 3, ask);
}
