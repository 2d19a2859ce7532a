/* player.c -- what a client does in a round. It first reads everything that it knows of. Then it
 * writes, deletes, reads and searches. A new kind of operation is a function and a line in the
 * table. */
#include "memory_faults.h"
#include "play.h"

#include <stdlib.h>
#include <string.h>

/* -- writes -- */

static uint32_t draw_ids(struct player *p, uint32_t *ids)
{
    uint32_t n = 1 + (uint32_t)(draw(&p->random) % MODEL_BATCH_MAX);
    uint32_t id = (uint32_t)(draw(&p->random) % MODEL_IDS);
    /* 5 and MODEL_IDS have no common factor, so all ids differ */
    for (uint32_t i = 0; i < n; i++, id = (id + 5) % MODEL_IDS)
        ids[i] = id;
    return n;
}

static int send_upsert(struct player *p, const struct book *b, const uint32_t *ids, uint32_t n, uint32_t version,
                       int (*call)(struct client *c, const struct call_upsert *u))
{
    uint64_t names[MODEL_BATCH_MAX];
    uint32_t sizes[MODEL_BATCH_MAX];
    float *vectors = calloc(MODEL_BATCH_MAX * MODEL_DIM, sizeof(*vectors));
    struct call_upsert u = {b->name, names, vectors, NULL, sizes, n, MODEL_DIM, 0};
    for (uint32_t i = 0; i < n; i++) {
        names[i] = b->model.base + ids[i];
        u.payload_bytes += sizes[i] = payload_size(&b->payloads, names[i], version);
    }
    uint8_t *payloads = malloc(u.payload_bytes + 1), *at = payloads;
    check(vectors && payloads);
    for (uint32_t i = 0; i < n; at += sizes[i++]) {
        model_vector(names[i], version, vectors + (size_t)i * MODEL_DIM);
        payload_write(&b->payloads, names[i], version, at);
    }
    u.payloads = payloads;
    int rc = call(&p->client, &u);
    free(payloads);
    free(vectors);
    return rc;
}

/* Records the end of a write in the model: acknowledged, refused, or without an answer. */
static void finish_write(struct player *p, struct book *b, const char *what, const uint32_t *ids, uint32_t n, int rc)
{
    if (rc == 0)
        model_acknowledged(&b->model, ids, n);
    else if (rc <= -1000)
        model_refused(&b->model, ids, n);
    p->world->result->acknowledged += rc == 0;
    (void)done(p, b, ACTION_WRITE, what, rc);
}

/* Draws a batch, or keeps the refused one. False: the model has no room for another write. */
static bool choose_batch(struct player *p, struct book *b)
{
    if (b->refused.n)
        return true;
    b->refused.version = 0;
    b->refused.n = draw_ids(p, b->refused.ids);
    if (model_can_write(&b->model, b->refused.ids, b->refused.n))
        return true;
    b->refused.n = 0;
    return false;
}

/* Returns a code of client.h, or -EBUSY when the model has no room for another write. */
static int upsert(struct player *p, struct book *b)
{
    if (!choose_batch(p, b))
        return -EBUSY;
    uint32_t n = b->refused.n, *ids = b->refused.ids;
    uint32_t version = b->refused.version =
        model_begin_upsert(&b->model, ids, n, p->world->reactors, b->refused.version);
    int rc = send_upsert(p, b, ids, n, version, call_upsert);
    tell(p->world, p->name, "upsert of %u points from %u, version %u, into %s: %s", n, ids[0], version, b->name,
         outcome(p, rc));
    finish_write(p, b, "upsert", ids, n, rc);
    if (rc == 0 || rc > -1000)
        b->refused.n = 0;
    return rc;
}

/* The client sends an upsert and does not wait for the answer. It connects again while the upsert
 * is under way, and writes the same points. The first upsert may take effect or not, but never
 * after the second. */
static void overtake(struct player *p, struct book *b, uint64_t random)
{
    uint32_t ids[MODEL_BATCH_MAX], n = 0;
    for (uint32_t id = (uint32_t)(draw(&random) % MODEL_IDS); n < 1 + draw(&random) % 8; id = (id + 5) % MODEL_IDS)
        ids[n++] = id;
    if (!model_can_write(&b->model, ids, n))
        return;
    b->refused.n = 0;
    uint32_t version = model_begin_upsert(&b->model, ids, n, p->world->reactors, 0);
    int rc = send_upsert(p, b, ids, n, version, call_upsert_send);
    tell(p->world, p->name, "upsert of %u points from %u, version %u, into %s, without waiting for its answer: %s", n,
         ids[0], version, b->name, outcome(p, rc));
    if (draw_one_in(&random, 2))
        fiber_sleep_ns(draw(&random) % 2000000);
    struct client earlier = p->client;
    p->client.connection = NULL; /* `earlier` keeps it open */
    if (player_connect(p) && model_can_write(&b->model, ids, n)) {
        version = model_begin_upsert(&b->model, ids, n, p->world->reactors, 0);
        rc = send_upsert(p, b, ids, n, version, call_upsert);
        tell(p->world, p->name, "upsert of the same points, version %u: %s", version, outcome(p, rc));
        finish_write(p, b, "upsert", ids, n, rc);
    }
    client_close(&earlier);
    if (rc == 0 && !failed(p->world))
        look_at_points(p, b, false);
}

static void operate_upsert(struct player *p, struct book *b)
{
    (void)upsert(p, b);
}

static void operate_delete(struct player *p, struct book *b)
{
    uint32_t ids[MODEL_BATCH_MAX], n = draw_ids(p, ids);
    uint64_t names[MODEL_BATCH_MAX], deleted = 0, least, most;
    if (!model_can_write(&b->model, ids, n))
        return;
    for (uint32_t i = 0; i < n; i++)
        names[i] = b->model.base + ids[i];
    model_count_of(&b->model, ids, n, &least, &most);
    b->refused.n = 0;
    model_begin_delete(&b->model, ids, n);
    int rc = client_delete(&p->client, b->name, names, n, &deleted);
    tell(p->world, p->name, "delete of %u points from %u in %s: %s, %" PRIu64 " were there", n, ids[0], b->name,
         outcome(p, rc), deleted);
    finish_write(p, b, "delete", ids, n, rc);
    if (rc == 0 && (deleted < least || deleted > most))
        fail(p->world, p->name, "%s: a delete counts %" PRIu64 " points; %" PRIu64 " to %" PRIu64 " were there",
             b->name, deleted, least, most);
}

/* -- collections -- */

/* The collection is empty again. Versions go on, so that a point from before the drop shows. */
static void forget_points(struct book *b)
{
    uint32_t version = b->model.next_version;
    model_init(&b->model, b->model.base, b->kind.metric, b->weak);
    b->model.next_version = version;
    b->refused.n = 0;
    fields_init(&b->fields);
}

static bool create(struct player *p, struct book *b)
{
    struct world *w = p->world;
    bool *known = b->shared ? &w->shared_created : &b->created;
    bool was = *known, perhaps_again = b->created_again;
    b->created_again |= b->state == BOOK_DOUBTFUL; /* set first: the power may be cut in the call */
    char kind[100];
    int rc = call_create(&p->client, b->name, MODEL_DIM, b->durability, &b->kind);
    tell(w, p->name, "create %s (%s): %s", b->name, index_recipe_text(&b->kind, kind), outcome(p, rc));
    if (rc == 0 && was && b->state != BOOK_DOUBTFUL)
        fail(w, p->name, "the collection %s was created, but it existed and was not dropped", b->name);
    if (rc == 0 && !b->shared)
        forget_points(b);
    if (rc == CLIENT_REFUSED(ERROR_ALREADY_EXISTS)) {
        rc = 0;
        if (perhaps_again) {
            model_maybe_empty(&b->model);
            fields_maybe_empty(&b->fields);
        }
    }
    if (rc == 0) {
        *known = true;
        b->state = BOOK_OPEN;
        b->created_again = false;
        return true;
    }
    b->state = BOOK_DOUBTFUL;
    (void)done(p, b, ACTION_WRITE, "create", rc);
    return false;
}

static void operate_drop(struct player *p, struct book *b)
{
    if (b->shared)
        return;
    b->state = BOOK_DOUBTFUL; /* set first: the power may be cut in the call */
    int rc = client_drop(&p->client, b->name);
    tell(p->world, p->name, "drop %s: %s", b->name, outcome(p, rc));
    if (rc < 0) {
        (void)done(p, b, ACTION_WRITE, "drop", rc);
        return;
    }
    b->created = false;
    forget_points(b);
    (void)create(p, b);
}

/* -- reads -- */

static void operate_get(struct player *p, struct book *b)
{
    look_at_points(p, b, false);
}

static void operate_search(struct player *p, struct book *b)
{
    look_by_search(p, b, false, 1 + (uint32_t)(draw(&p->random) % MODEL_IDS));
}

static void operate_exact(struct player *p, struct book *b)
{
    uint32_t all = b->shared ? MODEL_IDS * PLAYERS_MAX : MODEL_IDS;
    look_by_search(p, b, true, draw_one_in(&p->random, 3) ? all : 1 + (uint32_t)(draw(&p->random) % all));
}

static void operate_count(struct player *p, struct book *b)
{
    look_at_count(p, b);
}

static void operate_info(struct player *p, struct book *b)
{
    Kith__GetInfo info = KITH__GET_INFO__INIT;
    info.name = (char *)(uintptr_t)b->name;
    int rc = client_call(&p->client, KITH_OP_INFO, &info.base, NULL, 0, NULL);
    tell(p->world, p->name, "info of %s: %s", b->name, outcome(p, rc));
    (void)done(p, b, ACTION_READ, "info", rc);
}

/* -- what an operator does -- */

static void operate_seal(struct player *p, struct book *b)
{
    int rc = call_seal(&p->client, b->name);
    tell(p->world, p->name, "seal %s: %s", b->name, outcome(p, rc));
    if (done(p, b, ACTION_MAINTAIN, "seal", rc))
        model_sealed(&b->model);
}

static void operate_compact(struct player *p, struct book *b)
{
    int rc = call_compact(&p->client, b->name);
    tell(p->world, p->name, "compact %s: %s", b->name, outcome(p, rc));
    if (done(p, b, ACTION_MAINTAIN, "compact", rc))
        model_sealed(&b->model);
}

static void operate_verify(struct player *p, struct book *b)
{
    uint64_t damages;
    char text[200];
    int rc = call_verify(&p->client, &damages, text);
    tell(p->world, p->name, "verify: %s, %" PRIu64 " damages", outcome(p, rc), damages);
    if (done(p, b, ACTION_VERIFY, "verify", rc) && damages && !damage_done(p->world) && !unreadable(p->world))
        fail(p->world, p->name, "verify finds damage where none was done: %s", text);
}

/* A new connection, most often on another reactor, sees the same. It ends the requests that are
 * under way on the earlier one. */
static void operate_reconnect(struct player *p, struct book *b)
{
    const uint64_t random = p->random ^ p->number; /* a separate stream */
    if (random % 4)
        overtake(p, b, random);
    else
        (void)player_connect(p);
}

/* -- a round -- */

static const struct {
    const char *name;
    unsigned weight;
    void (*run)(struct player *p, struct book *b); /* NULL: not drawn from this table */
} operations[OPERATION_KINDS] = {
    [OPERATION_UPSERT] = {"upsert", 90, operate_upsert},
    [OPERATION_DELETE] = {"delete", 30, operate_delete},
    [OPERATION_GET] = {"get", 10, operate_get},
    [OPERATION_SEARCH] = {"search", 15, operate_search},
    [OPERATION_EXACT] = {"exact search", 45, operate_exact},
    [OPERATION_CROWD] = {"crowd", 4, crowd},
    [OPERATION_COUNT] = {"count", 10, operate_count},
    [OPERATION_INFO] = {"info", 2, operate_info},
    [OPERATION_SEAL] = {"seal", 3, operate_seal},
    [OPERATION_COMPACT] = {"compact", 3, operate_compact},
    [OPERATION_VERIFY] = {"verify", 2, operate_verify},
    [OPERATION_DROP] = {"drop", 2, operate_drop},
    [OPERATION_RECONNECT] = {"reconnect", 10, operate_reconnect},
    [OPERATION_FIELD] = {"change of a field", 0, NULL}, /* these have separate streams */
    [OPERATION_FILTER] = {"filtered search", 0, NULL},
    [OPERATION_LOOK] = {"look at all", 0, NULL},
};

const char *world_operation_name(unsigned kind)
{
    return kind < OPERATION_KINDS ? operations[kind].name : NULL;
}

static void operate(struct player *p)
{
    uint64_t sum = 0, at = 0, what;
    for (unsigned i = 0; i < OPERATION_KINDS; i++)
        sum += operations[i].weight;
    what = draw(&p->random) % sum;
    unsigned kind = 0;
    while (what >= (at += operations[kind].weight))
        kind++;
    struct book *b = &p->books[draw_one_in(&p->random, 3)];
    if (b->state != BOOK_OPEN)
        return;
    operations[kind].run(p, b);
    p->world->result->operations[kind]++;
}

/* In half of the seeds, beside the operations of the table. */
static void operate_field(struct player *p)
{
    struct book *b = &p->books[draw_one_in(&p->fields_random, 3)];
    if (!p->world->plan.fields || !draw_one_in(&p->fields_random, 6) || b->state != BOOK_OPEN)
        return;
    change_field(p, b);
    p->world->result->operations[OPERATION_FIELD]++;
    if (b->state == BOOK_OPEN && !failed(p->world) && draw_one_in(&p->fields_random, 3))
        look_at_fields(p, b);
}

/* Likewise: searches with filters on those fields. */
static void operate_filter(struct player *p)
{
    struct book *b = &p->books[draw_one_in(&p->filters_random, 3)];
    if (!p->world->plan.fields || !draw_one_in(&p->filters_random, 3) || b->state != BOOK_OPEN)
        return;
    look_by_filter(p, b, !draw_one_in(&p->filters_random, 3));
    p->world->result->operations[OPERATION_FILTER]++;
}

static void look_at_all(struct player *p, bool first)
{
    for (unsigned i = 0; i < 2 && !failed(p->world); i++) {
        struct book *b = &p->books[i];
        if (b->state != BOOK_OPEN)
            continue;
        look_at_points(p, b, first && !b->looked);
        if (!failed(p->world))
            look_at_count(p, b);
        if (!failed(p->world))
            look_by_search(p, b, true, MODEL_IDS * PLAYERS_MAX);
        if (!failed(p->world) && p->world->plan.fields)
            look_at_fields(p, b);
        if (b->state == BOOK_OPEN && !failed(p->world) && p->world->plan.fields)
            look_by_filter(p, b, true);
        p->world->result->operations[OPERATION_LOOK]++;
    }
}

static bool begin(struct player *p)
{
    if (!player_connect(p))
        return false;
    for (unsigned i = 0; i < 2 && !failed(p->world); i++)
        (void)create(p, &p->books[i]);
    return !failed(p->world);
}

static void leave(struct player *p)
{
    client_close(&p->client);
    p->world->players_left--;
    event_notify_all(&p->world->done);
}

void player_run(void *arg)
{
    struct player *p = arg;
    struct world *w = p->world;
    memory_faults_spare();
    if (begin(p)) {
        look_at_all(p, true);
        for (uint32_t i = 0; i < w->operations && !failed(w); i++) {
            operate(p);
            if (!failed(w))
                operate_field(p);
            if (!failed(w))
                operate_filter(p);
            if (draw_one_in(&p->random, 8))
                fiber_sleep_ns(draw(&p->random) % 50000000);
        }
        if (!failed(w))
            look_at_all(p, false);
    }
    leave(p);
}

void player_settle(void *arg)
{
    struct player *p = arg;
    struct world *w = p->world;
    memory_faults_spare();
    uint64_t deadline_ns = clock_now_ns() + SETTLE_NS;
    int rc = player_connect(p) ? 0 : -ENOTCONN;
    for (unsigned i = 0; i < 2 && !failed(w); i++) {
        struct book *b = &p->books[i];
        while (b->state == BOOK_OPEN && !failed(w) && (rc = upsert(p, b)) < 0 && clock_now_ns() < deadline_ns)
            fiber_sleep_ns(500000000);
        if (b->state == BOOK_OPEN && rc < 0 && rc != -EBUSY)
            fail(w, p->name, "no more faults happen, but %s takes no writes: %s", b->name, outcome(p, rc));
    }
    if (!failed(w))
        look_at_all(p, false);
    leave(p);
}
