/* storm.c -- sends more requests of every kind at once than the server has credits, fibers and
 * places for. The server must not deadlock.
 *
 * Many connections send many requests each before they read an answer. Upserts and deletes are of
 * points in sealed segments, so that reactors send each other remote deletes. Creations and drops
 * include drops of the collection that is written to. Other requests are searches, gets, info,
 * snapshots, settings and seals. Each request must be answered, once, without an error that nothing
 * explains. The content of the answers is not checked here. If an answer does not come, the seed
 * fails and the trace lists what all fibers wait for. */
#include "play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIM        4
#define BATCH_MAX  8
#define POINTS     600
#define NAMES      6 /* collections that are created and dropped */
#define FLIGHT_MAX 64
#define MAIN       "storm"

/* A time without any answer that proves a deadlock. A snapshot of 64 logs on a slow disk takes
 * minutes of virtual time. */
#define STILL_NS    ((uint64_t)600000000000)
#define PATIENCE_NS ((uint64_t)86400000000000)

struct storm {
    struct world *world;
    uint64_t random;
    uint32_t flight, each; /* requests that a connection has under way, and that it sends in all */
    uint32_t left;         /* connections that have not ended */
    uint32_t to_come;      /* connections that are not open yet */
    uint64_t answered, refused;
    bool drops_main;
    struct event all_there, done;
};

/* A client with one connection. */
struct storm_client {
    struct storm *storm;
    struct player player; /* its connection, and its name in messages */
    bool asked[FLIGHT_MAX];
};

/* -- requests -- */

static const char *draw_name(struct storm_client *c, char name[32])
{
    snprintf(name, 32, "storm%u", (unsigned)(draw(&c->player.random) % NAMES));
    return name;
}

static Kith__PointIds draw_points(struct storm_client *c, uint64_t *ids)
{
    Kith__PointIds list = KITH__POINT_IDS__INIT;
    uint64_t first = draw(&c->player.random) % POINTS;
    list.n_numbers = 1 + draw(&c->player.random) % BATCH_MAX;
    list.numbers = ids;
    for (uint64_t i = 0; i < list.n_numbers; i++)
        ids[i] = (first + 37 * i) % POINTS; /* 37 and POINTS have no common factor: all differ */
    return list;
}

static void draw_vectors(struct storm_client *c, float *to, uint64_t n)
{
    for (uint64_t i = 0; i < n * DIM; i++)
        to[i] = (float)(draw(&c->player.random) % 1000) / 100;
}

static int send_upsert(struct storm_client *c, uint64_t id, uint32_t deadline_ms)
{
    uint64_t ids[BATCH_MAX];
    float vectors[BATCH_MAX * DIM];
    Kith__PointIds points = draw_points(c, ids);
    Kith__Upsert m = KITH__UPSERT__INIT;
    m.collection = (char *)(uintptr_t)MAIN;
    m.ids = &points;
    draw_vectors(c, vectors, points.n_numbers);
    return client_send(&c->player.client, KITH_OP_UPSERT, id, deadline_ms, &m.base, vectors,
                       points.n_numbers * DIM * sizeof(float));
}

static int send_delete(struct storm_client *c, uint64_t id, uint32_t deadline_ms)
{
    uint64_t ids[BATCH_MAX];
    Kith__PointIds points = draw_points(c, ids);
    Kith__Delete m = KITH__DELETE__INIT;
    m.collection = (char *)(uintptr_t)MAIN;
    m.ids = &points;
    return client_send(&c->player.client, KITH_OP_DELETE, id, deadline_ms, &m.base, NULL, 0);
}

static int send_get(struct storm_client *c, uint64_t id, uint32_t deadline_ms)
{
    uint64_t ids[BATCH_MAX];
    Kith__PointIds points = draw_points(c, ids);
    Kith__Get m = KITH__GET__INIT;
    m.collection = (char *)(uintptr_t)MAIN;
    m.ids = &points;
    m.with_vectors = true;
    return client_send(&c->player.client, KITH_OP_GET, id, deadline_ms, &m.base, NULL, 0);
}

static int send_search(struct storm_client *c, uint64_t id, uint32_t deadline_ms)
{
    float query[DIM];
    Kith__Search m = KITH__SEARCH__INIT;
    m.collection = (char *)(uintptr_t)MAIN;
    m.k = 10;
    draw_vectors(c, query, 1);
    return client_send(&c->player.client, KITH_OP_SEARCH, id, deadline_ms, &m.base, query, sizeof(query));
}

static int send_create(struct storm_client *c, uint64_t id, uint32_t deadline_ms)
{
    char name[32];
    bool again = c->storm->drops_main && draw_one_in(&c->player.random, 3);
    Kith__Collection collection = KITH__COLLECTION__INIT;
    collection.name = again ? (char *)(uintptr_t)MAIN : (char *)(uintptr_t)draw_name(c, name);
    collection.dim = DIM;
    collection.metric = KITH__METRIC__METRIC_L2;
    Kith__CreateCollection m = KITH__CREATE_COLLECTION__INIT;
    m.collection = &collection;
    return client_send(&c->player.client, KITH_OP_CREATE, id, deadline_ms, &m.base, NULL, 0);
}

static int send_drop(struct storm_client *c, uint64_t id, uint32_t deadline_ms)
{
    char name[32];
    bool main = c->storm->drops_main && draw_one_in(&c->player.random, 8);
    Kith__DropCollection m = KITH__DROP_COLLECTION__INIT;
    m.name = main ? (char *)(uintptr_t)MAIN : (char *)(uintptr_t)draw_name(c, name);
    return client_send(&c->player.client, KITH_OP_DROP, id, deadline_ms, &m.base, NULL, 0);
}

static int send_info(struct storm_client *c, uint64_t id, uint32_t deadline_ms)
{
    Kith__GetInfo m = KITH__GET_INFO__INIT;
    m.name = (char *)(uintptr_t)MAIN;
    return client_send(&c->player.client, KITH_OP_INFO, id, deadline_ms, &m.base, NULL, 0);
}

static int send_list(struct storm_client *c, uint64_t id, uint32_t deadline_ms)
{
    Kith__ListCollections m = KITH__LIST_COLLECTIONS__INIT;
    return client_send(&c->player.client, KITH_OP_LIST, id, deadline_ms, &m.base, NULL, 0);
}

static int send_config(struct storm_client *c, uint64_t id, uint32_t deadline_ms)
{
    Kith__SetConfig m = KITH__SET_CONFIG__INIT;
    m.name = (char *)(uintptr_t) "search.ef";
    m.reset = draw_one_in(&c->player.random, 3);
    m.value = m.reset                             ? (char *)(uintptr_t) ""
              : draw_one_in(&c->player.random, 2) ? (char *)(uintptr_t) "100"
                                                  : (char *)(uintptr_t) "40";
    return client_send(&c->player.client, KITH_OP_CONFIG_SET, id, deadline_ms, &m.base, NULL, 0);
}

static int send_snapshot(struct storm_client *c, uint64_t id, uint32_t deadline_ms)
{
    Kith__CreateSnapshot make = KITH__CREATE_SNAPSHOT__INIT;
    Kith__DeleteSnapshot remove = KITH__DELETE_SNAPSHOT__INIT;
    make.name = remove.name = (char *)(uintptr_t)(draw_one_in(&c->player.random, 2) ? "storm" : "copy");
    if (draw_one_in(&c->player.random, 2))
        return client_send(&c->player.client, KITH_OP_SNAPSHOT_DELETE, id, deadline_ms, &remove.base, NULL, 0);
    return client_send(&c->player.client, KITH_OP_SNAPSHOT_CREATE, id, deadline_ms, &make.base, NULL, 0);
}

static int send_seal(struct storm_client *c, uint64_t id, uint32_t deadline_ms)
{
    Kith__Seal seal = KITH__SEAL__INIT;
    Kith__Compact compact = KITH__COMPACT__INIT;
    seal.collection = compact.collection = (char *)(uintptr_t)MAIN;
    if (draw_one_in(&c->player.random, 4))
        return client_send(&c->player.client, KITH_OP_COMPACT, id, deadline_ms, &compact.base, NULL, 0);
    return client_send(&c->player.client, KITH_OP_SEAL, id, deadline_ms, &seal.base, NULL, 0);
}

static const struct {
    unsigned weight;
    int (*send)(struct storm_client *c, uint64_t id, uint32_t deadline_ms);
} kinds[] = {
    {60, send_upsert}, {20, send_delete}, {10, send_get},   {25, send_search},  {10, send_create}, {8, send_drop},
    {4, send_info},    {2, send_list},    {3, send_config}, {3, send_snapshot}, {3, send_seal},
};

static int send_one(struct storm_client *c, uint64_t id)
{
    uint64_t sum = 0, at = 0;
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
        sum += kinds[i].weight;
    uint64_t what = draw(&c->player.random) % sum;
    unsigned kind = 0;
    while (what >= (at += kinds[kind].weight))
        kind++;
    c->asked[id] = true;
    return kinds[kind].send(c, id, draw_one_in(&c->player.random, 10) ? 50 : 0);
}

/* -- answers -- */

/* Whether a busy server may answer so while collections and snapshots are created and dropped. */
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

/* The server is deadlocked. The seed ends by a power cut, because the server would not stop. */
static void is_deadlocked(struct storm *s)
{
    struct world *w = s->world;
    tell(w, "storm", "%u connections get no more answers", s->left);
    sim_describe_waits(w->sim, tell_wait, w);
    fail(w, "storm", "%u connections get no more answers; --seed prints what each fiber waits for", s->left);
    sim_crash(w->sim);
}

/* Receives an answer and judges it. Returns 0 for an allowed answer, or a code of client.h. *ret is
 * the id of its request. */
static int receive_one(struct storm_client *c, uint64_t *ret)
{
    struct client_reply r = {0};
    int rc = client_receive(&c->player.client, &r);
    uint64_t id = r.header.request_id;
    client_reply_fini(&r);
    if (rc < 0 && rc > -1000)
        return rc;
    if (id >= FLIGHT_MAX || !c->asked[id]) {
        fail(c->player.world, c->player.name, "request %" PRIu64 " of a storm was answered twice or never sent", id);
        return -EPROTO;
    }
    c->asked[id] = false;
    c->storm->answered++;
    c->storm->refused += rc != 0;
    *ret = id;
    if (is_usual(rc))
        return 0;
    tell(c->player.world, c->player.name, "an answer: %s", outcome(&c->player, rc));
    return explained(c->player.world, ACTION_MAINTAIN, rc) || explained(c->player.world, ACTION_READ, rc) ? 0 : rc;
}

static int send_all(struct storm_client *c)
{
    struct storm *s = c->storm;
    uint32_t sent = 0, under_way = 0;
    int rc = 0;
    for (; rc == 0 && sent < s->flight && sent < s->each; sent++, under_way++)
        rc = send_one(c, sent);
    while (rc == 0 && under_way > 0) {
        uint64_t id = 0;
        rc = receive_one(c, &id);
        under_way--;
        if (rc == 0 && sent < s->each && (rc = send_one(c, id)) == 0) {
            sent++;
            under_way++;
        }
    }
    return rc;
}

static void storm_client_run(void *arg)
{
    struct storm_client *c = arg;
    struct world *w = c->player.world;
    int rc = 0;
    bool connected = player_connect(&c->player);
    /* with few fibers, requests would leave none for later connections */
    if (--c->storm->to_come > 0)
        event_wait(&c->storm->all_there);
    event_notify_all(&c->storm->all_there);
    if (connected) {
        /* other connections may be served first: only a deadlock of all is a failure */
        c->player.client.timeout_ns = PATIENCE_NS;
        rc = send_all(c);
    }
    if (rc != 0 && !explained(w, ACTION_READ, rc))
        fail(w, c->player.name, "in a storm: %s", outcome(&c->player, rc));
    client_close(&c->player.client);
    c->storm->left--;
    event_notify_all(&c->storm->done);
}

/* -- before and after -- */

/* Writes points and seals them, so that the next writes of them need remote deletes. */
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
        fail(p->world, "storm", "its points cannot be written and sealed: %s", outcome(p, rc));
    return rc == 0;
}

/* A snapshot that was made during the storm must pass verification. */
static void verify_snapshot(struct player *p, const char *name)
{
    Kith__VerifySnapshot ask = KITH__VERIFY_SNAPSHOT__INIT;
    ask.name = (char *)(uintptr_t)name;
    for (bool finished = false; !finished;) {
        struct client_reply r;
        int rc = client_call(&p->client, KITH_OP_SNAPSHOT_VERIFY, &ask.base, NULL, 0, &r);
        if (rc < 0) {
            if (rc != CLIENT_REFUSED(ERROR_NOT_FOUND) && !explained(p->world, ACTION_VERIFY, rc))
                fail(p->world, "storm", "the snapshot %s fails verification: %s", name, outcome(p, rc));
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

static void drop_all(struct player *p)
{
    char name[32];
    verify_snapshot(p, "storm");
    verify_snapshot(p, "copy");
    for (unsigned i = 0; i <= NAMES; i++) {
        snprintf(name, sizeof(name), i < NAMES ? "storm%u" : MAIN, i);
        int rc = client_drop(&p->client, name);
        if (rc < 0 && rc != CLIENT_REFUSED(ERROR_NOT_FOUND) && !explained(p->world, ACTION_WRITE, rc))
            fail(p->world, "storm", "%s cannot be dropped: %s", name, outcome(p, rc));
    }
}

static void run_clients(struct storm *s, uint32_t connections)
{
    struct storm_client *clients = calloc(connections, sizeof(*clients));
    check(clients);
    s->left = s->to_come = connections;
    for (uint32_t i = 0; i < connections; i++) {
        struct storm_client *c = &clients[i];
        c->storm = s;
        c->player.world = s->world;
        c->player.random = draw(&s->random);
        snprintf(c->player.name, sizeof(c->player.name), "storm client %u", i);
        check(fiber_start(CLASS_INTERACTIVE, storm_client_run, c, "storm client") == 0);
    }
    for (uint64_t answered = 0; s->left > 0; answered = s->answered)
        if (event_wait_until(&s->done, clock_now_ns() + STILL_NS) < 0 && s->answered == answered)
            is_deadlocked(s);
    free(clients);
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
        run_clients(&s, connections);
    if (!failed(w))
        drop_all(p);
    client_close(&p->client);
    free(p);
    tell(w, "storm", "%" PRIu64 " answers, %" PRIu64 " of them refusals", s.answered, s.refused);
    w->result->storms++;
    w->result->storm_answers += s.answered;
}
