/* storm.c -- more requests of every kind at once than the server has credits, fibers and places
 * for. Nothing may stand still.
 *
 * Many connections send many requests each before they read an answer: upserts and deletes of
 * points that lie in sealed segments, so that reactors tell each other of dead rows; creations
 * and drops, of the collection that is written to as well; searches, reads, information,
 * snapshots, settings, sealing. What the answers say is not checked here but for its kind; that
 * each request is answered, once, is. An answer that does not come fails the seed, and all fibers
 * tell what they wait for. */
#include "play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIM        4
#define BATCH_MAX  8
#define POINTS     600
#define NAMES      6 /* collections that come and go */
#define FLIGHT_MAX 64
#define MAIN       "storm"

/* without any answer on any connection: a snapshot of 64 logs on a slow disk takes minutes */
#define STILL_NS    ((uint64_t)600000000000)
#define PATIENCE_NS ((uint64_t)86400000000000)

struct storm {
    struct world *world;
    uint64_t random;
    uint32_t flight, each; /* requests a connection has under way, and sends in all */
    uint32_t left;         /* connections */
    uint32_t to_come;      /* of them, that are not there yet */
    uint64_t answered, refused;
    bool drops_main;
    struct event all_there, done;
};

/* One connection. */
struct gust {
    struct storm *storm;
    struct player player; /* its connection, and its name in messages */
    bool asked[FLIGHT_MAX];
};

/* -- requests -- */

static const char *draw_name(struct gust *g, char name[32])
{
    snprintf(name, 32, "storm%u", (unsigned)(draw(&g->player.random) % NAMES));
    return name;
}

static Kith__PointIds draw_points(struct gust *g, uint64_t *ids)
{
    Kith__PointIds list = KITH__POINT_IDS__INIT;
    uint64_t first = draw(&g->player.random) % POINTS;
    list.n_numbers = 1 + draw(&g->player.random) % BATCH_MAX;
    list.numbers = ids;
    for (uint64_t i = 0; i < list.n_numbers; i++)
        ids[i] = (first + 37 * i) % POINTS; /* 37 and 600 share no factor: all differ */
    return list;
}

static void draw_vectors(struct gust *g, float *to, uint64_t n)
{
    for (uint64_t i = 0; i < n * DIM; i++)
        to[i] = (float)(draw(&g->player.random) % 1000) / 100;
}

static int send_upsert(struct gust *g, uint64_t id, uint32_t deadline_ms)
{
    uint64_t ids[BATCH_MAX];
    float vectors[BATCH_MAX * DIM];
    Kith__PointIds points = draw_points(g, ids);
    Kith__Upsert m = KITH__UPSERT__INIT;
    m.collection = (char *)(uintptr_t)MAIN;
    m.ids = &points;
    draw_vectors(g, vectors, points.n_numbers);
    return client_send(&g->player.client, KITH_OP_UPSERT, id, deadline_ms, &m.base, vectors,
                       points.n_numbers * DIM * sizeof(float));
}

static int send_delete(struct gust *g, uint64_t id, uint32_t deadline_ms)
{
    uint64_t ids[BATCH_MAX];
    Kith__PointIds points = draw_points(g, ids);
    Kith__Delete m = KITH__DELETE__INIT;
    m.collection = (char *)(uintptr_t)MAIN;
    m.ids = &points;
    return client_send(&g->player.client, KITH_OP_DELETE, id, deadline_ms, &m.base, NULL, 0);
}

static int send_get(struct gust *g, uint64_t id, uint32_t deadline_ms)
{
    uint64_t ids[BATCH_MAX];
    Kith__PointIds points = draw_points(g, ids);
    Kith__Get m = KITH__GET__INIT;
    m.collection = (char *)(uintptr_t)MAIN;
    m.ids = &points;
    m.with_vectors = true;
    return client_send(&g->player.client, KITH_OP_GET, id, deadline_ms, &m.base, NULL, 0);
}

static int send_search(struct gust *g, uint64_t id, uint32_t deadline_ms)
{
    float query[DIM];
    Kith__Search m = KITH__SEARCH__INIT;
    m.collection = (char *)(uintptr_t)MAIN;
    m.k = 10;
    draw_vectors(g, query, 1);
    return client_send(&g->player.client, KITH_OP_SEARCH, id, deadline_ms, &m.base, query, sizeof(query));
}

static int send_create(struct gust *g, uint64_t id, uint32_t deadline_ms)
{
    char name[32];
    bool again = g->storm->drops_main && draw_one_in(&g->player.random, 3);
    Kith__Collection collection = KITH__COLLECTION__INIT;
    collection.name = again ? (char *)(uintptr_t)MAIN : (char *)(uintptr_t)draw_name(g, name);
    collection.dim = DIM;
    collection.metric = KITH__METRIC__METRIC_L2;
    Kith__CreateCollection m = KITH__CREATE_COLLECTION__INIT;
    m.collection = &collection;
    return client_send(&g->player.client, KITH_OP_CREATE, id, deadline_ms, &m.base, NULL, 0);
}

static int send_drop(struct gust *g, uint64_t id, uint32_t deadline_ms)
{
    char name[32];
    bool main = g->storm->drops_main && draw_one_in(&g->player.random, 8);
    Kith__DropCollection m = KITH__DROP_COLLECTION__INIT;
    m.name = main ? (char *)(uintptr_t)MAIN : (char *)(uintptr_t)draw_name(g, name);
    return client_send(&g->player.client, KITH_OP_DROP, id, deadline_ms, &m.base, NULL, 0);
}

static int send_info(struct gust *g, uint64_t id, uint32_t deadline_ms)
{
    Kith__GetInfo m = KITH__GET_INFO__INIT;
    m.name = (char *)(uintptr_t)MAIN;
    return client_send(&g->player.client, KITH_OP_INFO, id, deadline_ms, &m.base, NULL, 0);
}

static int send_list(struct gust *g, uint64_t id, uint32_t deadline_ms)
{
    Kith__ListCollections m = KITH__LIST_COLLECTIONS__INIT;
    return client_send(&g->player.client, KITH_OP_LIST, id, deadline_ms, &m.base, NULL, 0);
}

static int send_config(struct gust *g, uint64_t id, uint32_t deadline_ms)
{
    Kith__SetConfig m = KITH__SET_CONFIG__INIT;
    m.name = (char *)(uintptr_t) "search.ef";
    m.reset = draw_one_in(&g->player.random, 3);
    m.value = m.reset                             ? (char *)(uintptr_t) ""
              : draw_one_in(&g->player.random, 2) ? (char *)(uintptr_t) "100"
                                                  : (char *)(uintptr_t) "40";
    return client_send(&g->player.client, KITH_OP_CONFIG_SET, id, deadline_ms, &m.base, NULL, 0);
}

static int send_snapshot(struct gust *g, uint64_t id, uint32_t deadline_ms)
{
    Kith__CreateSnapshot make = KITH__CREATE_SNAPSHOT__INIT;
    Kith__DeleteSnapshot remove = KITH__DELETE_SNAPSHOT__INIT;
    make.name = remove.name = (char *)(uintptr_t)(draw_one_in(&g->player.random, 2) ? "storm" : "gust");
    if (draw_one_in(&g->player.random, 2))
        return client_send(&g->player.client, KITH_OP_SNAPSHOT_DELETE, id, deadline_ms, &remove.base, NULL, 0);
    return client_send(&g->player.client, KITH_OP_SNAPSHOT_CREATE, id, deadline_ms, &make.base, NULL, 0);
}

static int send_seal(struct gust *g, uint64_t id, uint32_t deadline_ms)
{
    Kith__Seal seal = KITH__SEAL__INIT;
    Kith__Compact compact = KITH__COMPACT__INIT;
    seal.collection = compact.collection = (char *)(uintptr_t)MAIN;
    if (draw_one_in(&g->player.random, 4))
        return client_send(&g->player.client, KITH_OP_COMPACT, id, deadline_ms, &compact.base, NULL, 0);
    return client_send(&g->player.client, KITH_OP_SEAL, id, deadline_ms, &seal.base, NULL, 0);
}

static const struct {
    unsigned weight;
    int (*send)(struct gust *g, uint64_t id, uint32_t deadline_ms);
} kinds[] = {
    {60, send_upsert}, {20, send_delete}, {10, send_get},   {25, send_search},  {10, send_create}, {8, send_drop},
    {4, send_info},    {2, send_list},    {3, send_config}, {3, send_snapshot}, {3, send_seal},
};

static int send_one(struct gust *g, uint64_t id)
{
    uint64_t sum = 0, at = 0;
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
        sum += kinds[i].weight;
    uint64_t what = draw(&g->player.random) % sum;
    unsigned kind = 0;
    while (what >= (at += kinds[kind].weight))
        kind++;
    g->asked[id] = true;
    return kinds[kind].send(g, id, draw_one_in(&g->player.random, 10) ? 50 : 0);
}

/* -- answers -- */

/* What a server may say that has too much to do, of collections and snapshots that come and go. */
static bool is_usual(int rc)
{
    static const enum error_code usual[] = {ERROR_NOT_FOUND, ERROR_ALREADY_EXISTS, ERROR_RESOURCE_EXHAUSTED,
                                            ERROR_DEADLINE_EXCEEDED, ERROR_CANCELLED};
    for (unsigned i = 0; i < ARRAY_LEN(usual); i++)
        if (rc == CLIENT_REFUSED(usual[i]))
            return true;
    return rc == 0;
}

static void tell_wait(const char *text, void *arg)
{
    tell(arg, "waits", "%s", text);
}

/* Nothing more can be expected of this run: the server would not stop either. */
static void stands_still(struct storm *s)
{
    struct world *w = s->world;
    tell(w, "storm", "no answer comes any more on %u connections", s->left);
    sim_describe_waits(w->sim, tell_wait, w);
    fail(w, "storm", "no answer comes any more on %u connections; --seed tells who waits for what", s->left);
    sim_crash(w->sim);
}

/* As client.h says; 0: an answer that is as it may be. *ret: the place of its request. */
static int receive_one(struct gust *g, uint64_t *ret)
{
    struct client_reply r = {0};
    int rc = client_receive(&g->player.client, &r);
    uint64_t id = r.header.request_id;
    client_reply_fini(&r);
    if (rc < 0 && rc > -1000)
        return rc;
    if (id >= FLIGHT_MAX || !g->asked[id]) {
        fail(g->player.world, g->player.name, "request %" PRIu64 " of a storm was answered twice or never asked", id);
        return -EPROTO;
    }
    g->asked[id] = false;
    g->storm->answered++;
    g->storm->refused += rc != 0;
    *ret = id;
    if (is_usual(rc))
        return 0;
    tell(g->player.world, g->player.name, "an answer: %s", outcome(&g->player, rc));
    return explained(g->player.world, ACTION_MAINTAIN, rc) || explained(g->player.world, ACTION_READ, rc) ? 0 : rc;
}

static int blow(struct gust *g)
{
    struct storm *s = g->storm;
    uint32_t sent = 0, under_way = 0;
    int rc = 0;
    for (; rc == 0 && sent < s->flight && sent < s->each; sent++, under_way++)
        rc = send_one(g, sent);
    while (rc == 0 && under_way > 0) {
        uint64_t id = 0;
        rc = receive_one(g, &id);
        under_way--;
        if (rc == 0 && sent < s->each && (rc = send_one(g, id)) == 0) {
            sent++;
            under_way++;
        }
    }
    return rc;
}

static void gust_run(void *arg)
{
    struct gust *g = arg;
    struct world *w = g->player.world;
    int rc = 0;
    bool connected = player_connect(&g->player);
    if (--g->storm->to_come > 0) /* where fibers are few a later one would find none */
        event_wait(&g->storm->all_there);
    event_notify_all(&g->storm->all_there);
    if (connected) {
        /* others may be served first, as long as somebody is */
        g->player.client.timeout_ns = PATIENCE_NS;
        rc = blow(g);
    }
    if (rc != 0 && !explained(w, ACTION_READ, rc))
        fail(w, g->player.name, "in a storm: %s", outcome(&g->player, rc));
    client_close(&g->player.client);
    g->storm->left--;
    event_notify_all(&g->storm->done);
}

/* -- before and after -- */

/* Points in a sealed segment, so that what is written next is told to all reactors. */
static bool prepare(struct player *p)
{
    float *vectors = calloc(POINTS * DIM, sizeof(*vectors));
    uint64_t *ids = calloc(POINTS, sizeof(*ids));
    check(vectors && ids);
    for (unsigned i = 0; i < POINTS; i++) {
        ids[i] = i;
        vectors[i * DIM] = (float)i;
    }
    int rc = client_create(&p->client, MAIN, DIM, KITH__METRIC__METRIC_L2);
    if (rc == 0 || rc == CLIENT_REFUSED(ERROR_ALREADY_EXISTS))
        rc = client_upsert(&p->client, MAIN, ids, POINTS, vectors, DIM);
    if (rc == 0)
        rc = call_seal(&p->client, MAIN);
    free(vectors);
    free(ids);
    if (rc < 0 && !explained(p->world, ACTION_MAINTAIN, rc))
        fail(p->world, "storm", "it cannot begin: %s", outcome(p, rc));
    return rc == 0;
}

/* A snapshot that was taken meanwhile is whole. */
static void verify_snapshot(struct player *p, const char *name)
{
    Kith__VerifySnapshot ask = KITH__VERIFY_SNAPSHOT__INIT;
    ask.name = (char *)(uintptr_t)name;
    for (bool finished = false; !finished;) {
        struct client_reply r;
        int rc = client_call(&p->client, KITH_OP_SNAPSHOT_VERIFY, &ask.base, NULL, 0, &r);
        if (rc < 0) {
            if (rc != CLIENT_REFUSED(ERROR_NOT_FOUND) && !explained(p->world, ACTION_VERIFY, rc))
                fail(p->world, "storm", "the snapshot %s is not whole: %s", name, outcome(p, rc));
            return;
        }
        Kith__SnapshotVerified *v = kith__snapshot_verified__unpack(NULL, r.header.meta_bytes, r.meta);
        check(v);
        finished = v->finished;
        ask.next = v->next;
        kith__snapshot_verified__free_unpacked(v, NULL);
        client_reply_fini(&r);
    }
}

static void compact_all(struct player *p)
{
    char name[32];
    verify_snapshot(p, "storm");
    verify_snapshot(p, "gust");
    for (unsigned i = 0; i <= NAMES; i++) {
        snprintf(name, sizeof(name), i < NAMES ? "storm%u" : MAIN, i);
        int rc = client_drop(&p->client, name);
        if (rc < 0 && rc != CLIENT_REFUSED(ERROR_NOT_FOUND) && !explained(p->world, ACTION_WRITE, rc))
            fail(p->world, "storm", "%s cannot be dropped: %s", name, outcome(p, rc));
    }
}

static void blow_all(struct storm *s, uint32_t connections)
{
    struct gust *gusts = calloc(connections, sizeof(*gusts));
    check(gusts);
    s->left = s->to_come = connections;
    for (uint32_t i = 0; i < connections; i++) {
        struct gust *g = &gusts[i];
        g->storm = s;
        g->player.world = s->world;
        g->player.random = draw(&s->random);
        snprintf(g->player.name, sizeof(g->player.name), "gust %u", i);
        check(fiber_start(CLASS_INTERACTIVE, gust_run, g, "gust") == 0);
    }
    for (uint64_t answered = 0; s->left > 0; answered = s->answered)
        if (event_wait_until(&s->done, clock_now_ns() + STILL_NS) < 0 && s->answered == answered)
            stands_still(s);
    free(gusts);
}

void storm(struct world *w)
{
    struct storm s = {.world = w, .random = w->plan.storm};
    struct player *p = calloc(1, sizeof(*p)); /* too large for a fiber's stack */
    check(p);
    p->world = w;
    p->random = draw(&s.random);
    uint32_t connections = 8 + (uint32_t)(draw(&s.random) % 57);
    s.flight = 4 + (uint32_t)(draw(&s.random) % (FLIGHT_MAX - 3));
    s.each = w->reactors > 8 ? 8 + (uint32_t)(draw(&s.random) % 8) : s.flight + (uint32_t)(draw(&s.random) % 40);
    s.drops_main = draw_one_in(&s.random, 2);
    tell(w, "storm", "%u connections, each %u of %u requests at once", connections, s.flight, s.each);
    if (player_connect(p) && prepare(p))
        blow_all(&s, connections);
    if (!failed(w))
        compact_all(p);
    client_close(&p->client);
    free(p);
    tell(w, "storm", "%" PRIu64 " answers, %" PRIu64 " of them refusals", s.answered, s.refused);
    w->result->storms++;
    w->result->storm_answers += s.answered;
}
