/* many.c -- hundreds of small collections are created and dropped, over restarts.
 *
 * Each collection has one client that creates it, writes some points, searches and drops it again.
 * Point i of collection c in its n-th life has the vector (n, i, c, 0). So the score shows a point
 * of another life or of another collection. After a start and before the end, the list of
 * collections and their statistics are compared with what the clients know. The power may be cut at
 * any moment. A request that was under way then may have been done or not. */
#include "play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX     "many"
#define CLIENTS    6
#define DIM        4
#define POINTS_MAX 20
#define BATCH      4

struct many_collection {
    /* creations and drops, as requested and as acknowledged; odd while the collection exists */
    uint32_t begun, known;
    uint32_t points_begun, points_known; /* points of this life, requested and acknowledged */
    bool damaged;
    bool torn; /* only some reactors have their part of an upsert: which points exist is unknown */
};

struct many {
    struct world *world;
    uint64_t random;
    uint32_t count, left; /* collections; clients that work */
    struct many_collection *collections;
    struct event done;
};

struct many_client {
    struct many *many;
    struct player player; /* its connection, and its name in messages */
    uint32_t number;
};

static bool is_there(const struct many_collection *c)
{
    return c->known % 2 == 1;
}

/* Whether every request about the collection was acknowledged. If not, the next look decides. */
static bool is_certain(const struct many_collection *c)
{
    return c->known == c->begun && c->points_known == c->points_begun && !c->damaged;
}

static char *name_of(uint32_t number, char name[16])
{
    snprintf(name, 16, PREFIX "%u", number);
    return name;
}

static void set_vector(const struct many *m, uint32_t number, uint32_t point, float *ret)
{
    ret[0] = (float)m->collections[number].begun;
    ret[1] = (float)point;
    ret[2] = (float)number;
    ret[3] = 0;
}

/* -- what a client does with a collection -- */

static int create(struct many_client *c, uint32_t number)
{
    struct many_collection *it = &c->many->collections[number];
    char name[16];
    it->begun++;
    it->points_begun = it->points_known = 0;
    int rc = client_create(&c->player.client, name_of(number, name), DIM, KITH__METRIC__METRIC_L2);
    if (rc == 0)
        it->known = it->begun;
    return rc;
}

static int drop(struct many_client *c, uint32_t number)
{
    struct many_collection *it = &c->many->collections[number];
    char name[16];
    it->begun++;
    int rc = client_drop(&c->player.client, name_of(number, name));
    if (rc == 0)
        *it = (struct many_collection){.begun = it->begun, .known = it->begun};
    return rc;
}

static int upsert(struct many_client *c, uint32_t number)
{
    struct many_collection *it = &c->many->collections[number];
    uint64_t ids[BATCH];
    float vectors[BATCH * DIM];
    char name[16];
    uint32_t n = 0;
    for (uint64_t most = 1 + draw(&c->player.random) % BATCH; n < most && it->points_begun < POINTS_MAX; n++) {
        set_vector(c->many, number, it->points_begun, vectors + (size_t)n * DIM);
        ids[n] = it->points_begun++;
    }
    int rc = n ? client_upsert(&c->player.client, name_of(number, name), ids, n, vectors, DIM) : 0;
    if (rc == 0)
        it->points_known = it->points_begun;
    return rc;
}

/* An exact search must find all points, each with its score, and nothing else. */
static int search(struct many_client *c, uint32_t number)
{
    const struct many_collection *it = &c->many->collections[number];
    struct world *w = c->many->world;
    uint64_t ids[POINTS_MAX + 1];
    float query[DIM], scores[POINTS_MAX + 1];
    char name[16];
    uint32_t n = 0, at = (uint32_t)(draw(&c->player.random) % POINTS_MAX), met = 0;
    set_vector(c->many, number, at, query);
    int rc = client_search(&c->player.client, name_of(number, name), query, DIM, POINTS_MAX + 1, true, ids, scores, &n);
    for (uint32_t i = 0; rc == 0 && i < n && !failed(w); i++) {
        const float apart = (float)at - (float)ids[i];
        if (ids[i] >= it->points_known || met & 1u << ids[i] || scores[i] != apart * apart)
            fail(w, c->player.name,
                 "%s: point %" PRIu64 " with the score %g is none of the %u points, or was found twice", name, ids[i],
                 (double)scores[i], it->points_known);
        else
            met |= 1u << ids[i];
    }
    if (rc == 0 && n != it->points_known)
        fail(w, c->player.name, "%s: a search found %u of %u points", name, n, it->points_known);
    return rc;
}

static int maintain(struct many_client *c, uint32_t number)
{
    char name[16];
    return draw_one_in(&c->player.random, 3) ? call_compact(&c->player.client, name_of(number, name))
                                             : call_seal(&c->player.client, name_of(number, name));
}

static const struct {
    const char *name;
    unsigned weight;
    int (*run)(struct many_client *c, uint32_t number);
} operations[] = {{"upsert", 10, upsert}, {"search", 5, search}, {"drop", 3, drop}, {"seal or compact", 2, maintain}};

static void operate(struct many_client *c, uint32_t number)
{
    struct world *w = c->many->world;
    const bool there = is_there(&c->many->collections[number]);
    unsigned sum = 0, at = 0, kind = 0;
    for (unsigned i = 0; i < ARRAY_LEN(operations); i++)
        sum += operations[i].weight;
    const uint64_t what = draw(&c->player.random) % sum;
    while (what >= (at += operations[kind].weight))
        kind++;
    const bool torn = c->many->collections[number].torn;
    int rc = torn ? drop(c, number) : there ? operations[kind].run(c, number) : create(c, number);
    w->result->many++;
    if (rc == 0)
        return;
    const char *name = torn ? "drop" : there ? operations[kind].name : "create";
    tell(w, c->player.name, "%s of " PREFIX "%u: %s", name, number, outcome(&c->player, rc));
    if (!explained(w, ACTION_WRITE, rc) && !explained(w, ACTION_READ, rc) && !explained(w, ACTION_MAINTAIN, rc))
        fail(w, c->player.name, "%s of " PREFIX "%u: %s", name, number, outcome(&c->player, rc));
    if (rc > -1000)
        (void)player_connect(&c->player);
}

static void client_run(void *arg)
{
    struct many_client *c = arg;
    struct many *m = c->many;
    bool connected = player_connect(&c->player);
    for (uint32_t i = 0; connected && i < 2 * m->count / CLIENTS && !failed(m->world); i++) {
        uint32_t number = (uint32_t)(draw(&c->player.random) % (m->count / CLIENTS)) * CLIENTS + c->number;
        if (is_certain(&m->collections[number]))
            operate(c, number);
    }
    client_close(&c->player.client);
    m->left--;
    event_notify_all(&m->done);
}

static void run_all(struct many *m)
{
    struct many_client *clients = calloc(CLIENTS, sizeof(*clients));
    check(clients);
    m->done = (struct event){0}; /* fibers that waited at a power cut no longer exist */
    m->left = CLIENTS;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct many_client *c = &clients[i];
        c->many = m;
        c->number = i;
        c->player.world = m->world;
        c->player.random = draw(&m->random);
        snprintf(c->player.name, sizeof(c->player.name), PREFIX " %u", i);
        check(fiber_start(CLASS_INTERACTIVE, client_run, c, PREFIX) == 0);
    }
    while (m->left > 0)
        event_wait(&m->done);
    free(clients);
}

/* -- looking -- */

/* Compares a collection with its statistics, NULL if it has none. What was uncertain about the
 * collection is known then. */
static void settle(struct many *m, uint32_t number, const Kith__CollectionStats *s)
{
    struct many_collection *c = &m->collections[number];
    const bool there = s != NULL;
    if ((c->known % 2 == 1) != there && (c->begun % 2 == 1) != there) {
        fail(m->world, PREFIX, PREFIX "%u %s", number,
             there ? "exists, though it was dropped" : "is missing, though it was not dropped");
        return;
    }
    if ((c->known % 2 == 1) != there) { /* the newest creation or drop was done */
        c->known = c->begun;
        c->points_known = 0;
    }
    c->begun = c->known;
    if (!there) {
        c->points_known = c->points_begun = 0;
        c->torn = false;
    }
    c->damaged = there && s->damaged;
    if (c->damaged && !explained_code(m->world, ACTION_READ, ERROR_CORRUPT))
        fail(m->world, PREFIX, PREFIX "%u is damaged", number);
    if (!there || c->damaged)
        return;
    if (s->points < c->points_known || s->points > c->points_begun)
        fail(m->world, PREFIX, PREFIX "%u has %" PRIu64 " points, not %u to %u", number, s->points, c->points_known,
             c->points_begun);
    c->torn |= s->points > c->points_known && s->points < c->points_begun;
    c->points_known = c->points_begun = (uint32_t)s->points;
}

static uint32_t number_of(const struct many *m, const char *name)
{
    unsigned number;
    return sscanf(name, PREFIX "%u", &number) == 1 && number < m->count ? number : UINT32_MAX;
}

/* The list of collections and the statistics must name the same collections. */
static void compare_list(struct many *m, struct player *p, const Kith__Stats *stats)
{
    Kith__ListCollections ask = KITH__LIST_COLLECTIONS__INIT;
    struct client_reply r = {0};
    int rc = client_call(&p->client, KITH_OP_LIST, &ask.base, NULL, 0, &r);
    if (rc < 0) {
        fail(m->world, PREFIX, "the list is refused: %s", outcome(p, rc));
        return;
    }
    Kith__CollectionList *list = kith__collection_list__unpack(NULL, r.header.meta_bytes, r.meta);
    client_reply_fini(&r);
    check(list);
    bool same = list->n_collections == stats->n_collections;
    for (size_t i = 0; same && i < stats->n_collections; i++)
        same = strcmp(list->collections[i]->name, stats->collections[i]->name) == 0;
    if (!same)
        fail(m->world, PREFIX, "the list has %zu collections, the statistics have %zu, or their names differ",
             list->n_collections, stats->n_collections);
    kith__collection_list__free_unpacked(list, NULL);
}

static void look(struct many *m, struct player *p)
{
    Kith__GetStats ask = KITH__GET_STATS__INIT;
    struct client_reply r = {0};
    ask.with_collections = true;
    int rc = client_call(&p->client, KITH_OP_STATS, &ask.base, NULL, 0, &r);
    if (rc < 0) {
        fail(m->world, PREFIX, "the statistics are refused: %s", outcome(p, rc));
        return;
    }
    Kith__Stats *stats = kith__stats__unpack(NULL, r.header.meta_bytes, r.meta);
    client_reply_fini(&r);
    const Kith__CollectionStats **found = calloc(m->count, sizeof(*found));
    check(stats && found);
    for (size_t i = 0; i < stats->n_collections; i++) {
        uint32_t number = number_of(m, stats->collections[i]->name);
        if (number < m->count)
            found[number] = stats->collections[i];
    }
    for (uint32_t i = 0; i < m->count && !failed(m->world); i++)
        settle(m, i, found[i]);
    if (!failed(m->world))
        compare_list(m, p, stats);
    free(found);
    kith__stats__free_unpacked(stats, NULL);
}

/* -- a round -- */

static struct many *many_create(struct world *w)
{
    struct many *m = calloc(1, sizeof(*m));
    check(m);
    m->world = w;
    m->random = w->plan.many;
    m->count = CLIENTS * (5 + (uint32_t)(draw(&m->random) % 60));
    m->collections = calloc(m->count, sizeof(*m->collections));
    check(m->collections);
    return m;
}

void many_free(struct many *m)
{
    if (m)
        free(m->collections);
    free(m);
}

void many(struct world *w)
{
    struct player *p = calloc(1, sizeof(*p)); /* too large for a fiber's stack */
    check(p);
    if (!w->many)
        w->many = many_create(w);
    p->world = w;
    snprintf(p->name, sizeof(p->name), PREFIX);
    tell(w, PREFIX, "%u collections", w->many->count);
    if (!damage_done(w) && player_connect(p)) {
        look(w->many, p);
        if (!failed(w))
            run_all(w->many);
        if (!failed(w))
            look(w->many, p);
    }
    client_close(&p->client);
    free(p);
}
