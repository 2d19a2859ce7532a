/* world.c -- what happens under one seed.
 *
 * Some rounds on one disk. In each a server starts with one to four reactors; clients first look whether what they know is
 * there, then write, delete and search, each in a collection of its own, over connections of which some come and go. A round
 * ends in order, or the power is cut at a random moment. What was acknowledged must be there in the next round, what was deleted
 * must not, and what was under way may be either. Everything random comes from the seed. */
#include "world.h"
#include "actors/server.h"
#include "base/log.h"
#include "client.h"
#include "gpu/gpu.h"
#include "model.h"
#include "net/front.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITERS_MAX   3
#define BATCH_MAX     24
#define GROWING       (4u << 10) /* bytes of vectors before a segment is sealed, at least: 64 of ours */
#define GROWING_SHIFT 10         /* and up to so many times doubled: each start may have another setting */

struct writer {
    struct world *world;
    uint32_t number;
    char collection[16];
    struct model model;
    uint64_t random;
    struct client client;
};

struct world {
    struct sim *sim;
    struct server *server;
    uint64_t random;
    struct writer writers[WRITERS_MAX];
    uint32_t writer_count, writers_left, operations;
    bool crash;
    struct event done;
    struct world_result *result;
};

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u; /* splitmix64, Steele, Lea & Flood 2014 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void fail(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct writer *w, const char *format, ...)
{
    char *text = w->world->result->failure;
    if (text[0])
        return; /* the first one counts */
    int n = snprintf(text, 400, "round %u, %s: ", w->world->result->rounds, w->collection);
    va_list args;
    va_start(args, format);
    vsnprintf(text + n, 400 - (size_t)n, format, args);
    va_end(args);
}

static bool failed(const struct writer *w)
{
    return w->world->result->failure[0] != 0;
}

/* -- looking -- */

/* Reads every point and settles what is possible. */
static void look_at_points(struct writer *w)
{
    uint64_t ids[MODEL_IDS], found[MODEL_IDS];
    float *vectors = malloc(MODEL_IDS * MODEL_DIM * sizeof *vectors);
    uint32_t n = 0, at = 0;
    for (uint32_t i = 0; i < MODEL_IDS; i++)
        ids[i] = i;
    int rc = client_get(&w->client, w->collection, ids, MODEL_IDS, MODEL_DIM, found, vectors, &n);
    if (rc < 0)
        fail(w, "get failed with %d: %s", rc, w->client.error);
    for (uint32_t i = 0; i < MODEL_IDS && !failed(w); i++) {
        uint32_t version = MODEL_ABSENT;
        if (at < n && found[at] == i)
            version = model_version_of(&w->model, i, vectors + MODEL_DIM * at++);
        if (!model_settle(&w->model, i, version))
            fail(w, "point %u is %s, which no write explains (it may be version %u, of %u choices)", i,
                 version == MODEL_ABSENT ? "missing" : "something else", w->model.points[i].choices[0],
                 w->model.points[i].count);
    }
    free(vectors);
}

static void look_at_count(struct writer *w)
{
    uint64_t count = 0;
    int rc = client_count(&w->client, w->collection, &count);
    if (rc < 0)
        fail(w, "count failed with %d: %s", rc, w->client.error);
    else if (count != model_count(&w->model))
        fail(w, "%" PRIu64 " points are counted, %" PRIu64 " are there", count, model_count(&w->model));
}

static int by_float(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static void check_hits(struct writer *w, const float *query, bool exact, uint32_t k, const uint64_t *ids,
                       const float *scores, uint32_t n)
{
    float all[MODEL_IDS], v[MODEL_DIM];
    uint32_t count = 0;
    for (uint32_t i = 0; i < MODEL_IDS; i++)
        if (w->model.points[i].choices[0] != MODEL_ABSENT) {
            model_vector(i, w->model.points[i].choices[0], v);
            all[count++] = model_distance(query, v);
        }
    qsort(all, count, sizeof *all, by_float);
    uint32_t want = count < k ? count : k;
    if (exact && n != want)
        fail(w, "an exact search for %u found %u of %u points", k, n, count);
    for (uint32_t i = 0; i < n && !failed(w); i++) {
        if (ids[i] >= MODEL_IDS || w->model.points[ids[i]].choices[0] == MODEL_ABSENT) {
            fail(w, "a search found point %" PRIu64 ", which is not there", ids[i]);
            return;
        }
        model_vector(ids[i], w->model.points[ids[i]].choices[0], v);
        if (model_distance(query, v) != scores[i])
            fail(w, "point %" PRIu64 " has score %g instead of %g", ids[i], (double)scores[i],
                 (double)model_distance(query, v));
        if (exact && !failed(w) && scores[i] != all[i])
            fail(w, "hit %u of an exact search is at %g, the model's at %g", i, (double)scores[i], (double)all[i]);
        for (uint32_t j = 0; j < i; j++)
            if (ids[j] == ids[i])
                fail(w, "point %" PRIu64 " was found twice", ids[i]);
    }
}

static void search(struct writer *w)
{
    float query[MODEL_DIM], scores[MODEL_IDS];
    uint64_t ids[MODEL_IDS];
    uint32_t n = 0, k = 1 + (uint32_t)(draw(&w->random) % MODEL_IDS);
    bool exact = draw(&w->random) % 4 != 0;
    model_vector(draw(&w->random) % MODEL_IDS, (uint32_t)(draw(&w->random) % 50), query);
    int rc = client_search(&w->client, w->collection, query, MODEL_DIM, k, exact, ids, scores, &n);
    if (rc < 0)
        fail(w, "search failed with %d: %s", rc, w->client.error);
    else
        check_hits(w, query, exact, k, ids, scores, n);
    w->world->result->searches++;
}

/* -- writing -- */

static uint32_t draw_ids(struct writer *w, uint64_t *ids)
{
    uint32_t n = 1 + (uint32_t)(draw(&w->random) % BATCH_MAX);
    uint64_t id = draw(&w->random) % MODEL_IDS;
    for (uint32_t i = 0; i < n; i++, id = (id + 5) % MODEL_IDS) /* 5 and 96 share no factor: all differ */
        ids[i] = id;
    return n;
}

static void upsert(struct writer *w)
{
    uint64_t ids[BATCH_MAX];
    float vectors[BATCH_MAX * MODEL_DIM] = {0};
    uint32_t n = draw_ids(w, ids), version = w->model.next_version++;
    for (uint32_t i = 0; i < n; i++) {
        model_begin(&w->model, ids[i], version);
        model_vector(ids[i], version, vectors + i * MODEL_DIM);
    }
    int rc = client_upsert(&w->client, w->collection, ids, n, vectors, MODEL_DIM);
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        (void)model_settle(&w->model, ids[i], version);
    if (rc < 0)
        fail(w, "upsert failed with %d: %s", rc, w->client.error);
    w->world->result->acknowledged += rc == 0;
}

static void delete (struct writer *w)
{
    uint64_t ids[BATCH_MAX], deleted = 0, there = 0;
    uint32_t n = draw_ids(w, ids);
    for (uint32_t i = 0; i < n; i++) {
        there += w->model.points[ids[i]].choices[0] != MODEL_ABSENT;
        model_begin(&w->model, ids[i], MODEL_ABSENT);
    }
    int rc = client_delete(&w->client, w->collection, ids, n, &deleted);
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        (void)model_settle(&w->model, ids[i], MODEL_ABSENT);
    if (rc < 0)
        fail(w, "delete failed with %d: %s", rc, w->client.error);
    else if (deleted != there)
        fail(w, "a delete took %" PRIu64 " points, %" PRIu64 " were there", deleted, there);
    w->world->result->acknowledged += rc == 0;
}

/* -- a writer's round -- */

static bool prepare(struct writer *w)
{
    int rc = client_open(&w->client, w->world->server->port);
    if (rc == 0) {
        rc = client_create(&w->client, w->collection, MODEL_DIM, KITH__METRIC__METRIC_L2);
        if (rc == CLIENT_REFUSED(ERROR_ALREADY_EXISTS))
            rc = 0;
        else if (rc == 0 && w->model.created)
            fail(w, "the collection was gone");
    }
    if (rc < 0)
        fail(w, "could not begin, %d: %s", rc, w->client.error);
    w->model.created = true;
    return !failed(w);
}

static void operate(struct writer *w)
{
    uint64_t what = draw(&w->random) % 20;
    if (what < 9)
        upsert(w);
    else if (what < 12)
        delete (w);
    else if (what < 18)
        search(w);
    else if (what == 18)
        look_at_count(w);
    else { /* another connection, most often on another reactor, sees the same */
        client_close(&w->client);
        if (client_open(&w->client, w->world->server->port) < 0)
            fail(w, "could not connect again");
    }
    if (draw(&w->random) % 8 == 0)
        fiber_sleep_ns(draw(&w->random) % 50000000);
}

static void writer_run(void *arg)
{
    struct writer *w = arg;
    if (prepare(w)) {
        look_at_points(w);
        look_at_count(w);
        for (uint32_t i = 0; i < w->world->operations && !failed(w); i++)
            operate(w);
        if (!failed(w)) {
            look_at_points(w);
            look_at_count(w);
            search(w);
        }
    }
    client_close(&w->client);
    w->world->writers_left--;
    event_notify_all(&w->world->done);
}

static void bomb(void *arg)
{
    struct world *world = arg;
    fiber_sleep_ns(draw(&world->random) % 400000000);
    if (world->writers_left > 0)
        sim_crash(world->sim);
}

static void on_ready(struct server *s, void *arg)
{
    struct world *world = arg;
    world->writers_left = world->writer_count;
    world->done = (struct event){0};
    for (uint32_t i = 0; i < world->writer_count; i++)
        check(fiber_start(CLASS_INTERACTIVE, writer_run, &world->writers[i], "writer") == 0);
    if (world->crash)
        check(fiber_start(CLASS_INTERACTIVE, bomb, world, "bomb") == 0);
    while (world->writers_left > 0)
        event_wait(&world->done);
    server_stop(s);
}

/* -- rounds -- */

static void round_run(struct world *world)
{
    struct world_result *r = world->result;
    uint32_t reactors = 1 + (uint32_t)(draw(&world->random) % 4);
    world->crash = draw(&world->random) % 3 != 0;
    world->operations = 10 + (uint32_t)(draw(&world->random) % 60);
    uint64_t growing = (uint64_t)GROWING << draw(&world->random) % (GROWING_SHIFT + 1);
    struct server_options options = {
        .data = "data",
        .host = "127.0.0.1",
        .http_host = "127.0.0.1",
        .growing_bytes = growing,
        .runtime = {.backend = BACKEND_SIM, .reactors = reactors, .sim = world->sim},
        .front = &net_front,
        .gpu = &gpu_none,
        .on_ready = on_ready,
        .arg = world,
    };
    struct error error = {0};
    check(server_create(&options, &world->server) == 0);
    int rc = server_run(world->server, &error);
    if (rc == -EOWNERDEAD)
        r->crashes++;
    else if (rc < 0 && !r->failure[0])
        snprintf(r->failure, sizeof r->failure, "round %u: the server did not start or stop: %.300s", r->rounds,
                 error.text);
    server_destroy(world->server);
    r->rounds++;
}

static void print_line(const char *text, void *arg)
{
    puts(text);
}

static void log_to_trace(enum log_level level, const char *line, void *arg)
{
    if (arg)
        printf("log: %s\n", line);
}

void world_run(uint64_t seed, int trace, struct world_result *ret)
{
    memset(ret, 0, sizeof *ret);
    struct world *world = calloc(1, sizeof *world);
    check(world && sim_create(seed, &world->sim) == 0);
    world->result = ret;
    world->random = seed;
    log_set_sink(log_to_trace, trace ? world : NULL);
    if (trace)
        sim_trace_to(world->sim, print_line, NULL);
    world->writer_count = 1 + (uint32_t)(draw(&world->random) % WRITERS_MAX);
    for (uint32_t i = 0; i < world->writer_count; i++) {
        struct writer *w = &world->writers[i];
        w->world = world;
        w->number = i;
        w->random = draw(&world->random);
        snprintf(w->collection, sizeof w->collection, "points%u", i);
        model_init(&w->model);
    }
    uint32_t rounds = 2 + (uint32_t)(draw(&world->random) % 4);
    for (uint32_t i = 0; i < rounds && !ret->failure[0]; i++)
        round_run(world);
    ret->trace_hash = sim_trace_hash(world->sim);
    ret->trace_events = sim_trace_events(world->sim);
    sim_destroy(world->sim);
    free(world);
}
