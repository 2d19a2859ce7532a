/* wide.c -- vectors so wide and so many that searches pause. Meanwhile points are written again and
 * deleted, segments are sealed, merged and shared, and rows move from inverted lists to the graph.
 *
 * Three clients search, two write, one seals and compacts. No faults happen meanwhile, so answers
 * are judged strictly. Each hit is a version of its point that was visible while the search ran. No
 * point is there twice, equal scores have the order of ids, and an exact search misses no point. An
 * answer or an error comes soon after the deadline or the cancellation of its request. The points
 * stay for the next round and are read again after the restart, however the round ended. */
#include "base/point_id.h"
#include "play.h"
#include "scores.h"
#include "wide_points.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME      "wide"
#define SEARCHERS 3
#define WRITERS   2
#define SEARCHES  10
#define BATCH     16
/* the bit of plan.fields of seeds in which the operator only changes fields */
#define ONLY_FIELDS 2
/* from the deadline of a search to its answer: other reactors have their turns meanwhile */
#define SLACK_NS ((uint64_t)500000000)
/* the same for a write, which is finished once it has begun in the log */
#define DISK_NS ((uint64_t)5000000000)

struct wide {
    struct world *world;
    struct wide_points points;
    uint64_t random;
    bool has_field;           /* after the last change of the schema */
    uint32_t field_changes;   /* counts begins and ends of changes: odd while one is under way */
    uint32_t left, searching; /* clients that have not ended, and those of them that search */
    struct event done;
};

/* A client with a connection of its own. */
struct wide_client {
    struct wide *wide;
    struct player player; /* its connection, and its name in messages */
    uint32_t number;
};

/* A request that was sent, with the versions of all points at that time. */
struct asked {
    uint64_t sent_ns, ends_ns; /* ends_ns: the deadline or the time of cancellation; 0: neither */
    bool deadline, cancelled, exact;
    bool filtered; /* only values of at least `least` pass, or, with must_not, values below it */
    bool must_not;
    int least;
    uint32_t k;
    uint32_t field_changes;
    uint32_t *known; /* [count] */
    float *query;    /* NULL: the request is a write */
};

/* -- requests -- */

static Kith__PointIds ids_of(const uint32_t *points, uint32_t n, uint8_t *bytes)
{
    Kith__PointIds ids = KITH__POINT_IDS__INIT;
    for (uint32_t i = 0; i < n; i++)
        wide_id(points[i], bytes + (size_t)16 * i);
    ids.uuids = (ProtobufCBinaryData){(size_t)16 * n, bytes};
    return ids;
}

/* Judges how a request ended: rc must be allowed for it, and the answer must be in time. */
static void judge_end(struct wide_client *c, const struct asked *a, const char *what, int rc)
{
    struct world *w = c->wide->world;
    const uint64_t now_ns = clock_now_ns();
    const bool changed = a->filtered && (a->field_changes % 2 || a->field_changes != c->wide->field_changes);
    const bool justified = rc == 0 || (rc == CLIENT_REFUSED(ERROR_INVALID_ARGUMENT) && changed) ||
                           (rc == CLIENT_REFUSED(ERROR_DEADLINE_EXCEEDED) && a->deadline) ||
                           (rc == CLIENT_REFUSED(ERROR_CANCELLED) && a->cancelled) ||
                           (rc == CLIENT_REFUSED(ERROR_RESOURCE_EXHAUSTED) && c->player.client.retry_after_ms > 0);
    if (!justified && !explained(w, ACTION_WRITE, rc) && !explained(w, ACTION_READ, rc))
        fail(w, c->player.name, "%s: %s", what, outcome(&c->player, rc));
    if (a->ends_ns && now_ns > a->ends_ns + (a->query ? SLACK_NS : DISK_NS))
        fail(w, c->player.name, "%s was answered %.3f s after %s", what, (double)(now_ns - a->ends_ns) / 1e9,
             a->deadline ? "its deadline" : "its cancellation");
    if (rc < 0 && rc > -1000)
        (void)player_connect(&c->player);
}

/* Sends a request, now and then with a deadline or a cancellation, and receives its answer. */
static int call(struct wide_client *c, uint16_t op, const ProtobufCMessage *m, const void *block, uint64_t bytes,
                struct asked *a, struct client_reply *ret)
{
    struct client *to = &c->player.client;
    const uint64_t how = draw(&c->player.random) % 6, id = ++to->next_id;
    const uint32_t deadline_ms = how == 0 ? 1 + (uint32_t)(draw(&c->player.random) % 40) : 0;
    a->sent_ns = clock_now_ns();
    a->deadline = how == 0;
    a->ends_ns = a->deadline ? a->sent_ns + (uint64_t)deadline_ms * 1000000 : 0;
    int rc = client_send(to, op, id, deadline_ms, m, block, bytes);
    if (rc == 0 && how == 1) {
        fiber_sleep_ns(draw(&c->player.random) % 3000000);
        rc = client_send(to, KITH_OP_CANCEL, id, 0, NULL, NULL, 0);
        a->cancelled = true;
        a->ends_ns = clock_now_ns();
    }
    return rc < 0 ? rc : client_receive(to, ret);
}

/* -- writers -- */

static int send_upsert(struct wide_client *c, const uint32_t *points, uint32_t n, struct asked *a)
{
    const struct wide_points *p = &c->wide->points;
    uint8_t bytes[16 * BATCH];
    char payloads[BATCH * WIDE_PAYLOAD_BYTES + 1];
    uint32_t sizes[BATCH];
    Kith__PointIds ids = ids_of(points, n, bytes);
    Kith__Upsert m = KITH__UPSERT__INIT;
    float *vectors = calloc((size_t)n * p->dim, sizeof(*vectors));
    check(vectors);
    m.collection = (char *)(uintptr_t)NAME;
    m.ids = &ids;
    for (uint32_t i = 0; i < n; i++) {
        wide_vector(p, points[i], p->begun[points[i]], vectors + (size_t)i * p->dim);
        sizes[i] = (uint32_t)sprintf(payloads + (size_t)i * WIDE_PAYLOAD_BYTES, WIDE_PAYLOAD,
                                     wide_value(points[i], p->begun[points[i]]));
    }
    m.payloads = (ProtobufCBinaryData){(size_t)n * WIDE_PAYLOAD_BYTES, (uint8_t *)payloads};
    m.payload_sizes = sizes;
    m.n_payload_sizes = n;
    struct client_reply r = {0};
    int rc = call(c, KITH_OP_UPSERT, &m.base, vectors, (uint64_t)n * p->dim * sizeof(float), a, &r);
    client_reply_fini(&r);
    free(vectors);
    return rc;
}

static int send_delete(struct wide_client *c, const uint32_t *points, uint32_t n, struct asked *a)
{
    uint8_t bytes[16 * BATCH];
    Kith__PointIds ids = ids_of(points, n, bytes);
    Kith__Delete m = KITH__DELETE__INIT;
    m.collection = (char *)(uintptr_t)NAME;
    m.ids = &ids;
    struct client_reply r = {0};
    int rc = call(c, KITH_OP_DELETE, &m.base, NULL, 0, a, &r);
    client_reply_fini(&r);
    return rc;
}

/* Writes the next version of some points, by an upsert or a delete. */
static void write_next(struct wide_client *c, const uint32_t *points, uint32_t n, bool deletes)
{
    struct wide_points *p = &c->wide->points;
    struct asked a = {0};
    for (uint32_t i = 0; i < n; i++)
        p->begun[points[i]]++;
    int rc = deletes ? send_delete(c, points, n, &a) : send_upsert(c, points, n, &a);
    for (uint32_t i = 0; i < n && rc == 0; i++)
        p->known[points[i]] = p->begun[points[i]];
    tell(c->wide->world, c->player.name, "%s of %u points from %u: %s", deletes ? "delete" : "upsert", n, points[0],
         outcome(&c->player, rc));
    judge_end(c, &a, deletes ? "a delete" : "an upsert", rc);
}

/* Draws some of the client's own points, upserts those whose next version is a vector, and deletes
 * the others. */
static void write_some(struct wide_client *c)
{
    const struct wide_points *p = &c->wide->points;
    uint32_t put[BATCH], gone[BATCH], puts = 0, gones = 0;
    uint32_t at = (uint32_t)(draw(&c->player.random) % p->count);
    for (uint32_t i = 0; i < 1 + draw(&c->player.random) % BATCH; i++, at += 13) {
        const uint32_t point = at % p->count;
        if (point % WRITERS != c->number)
            continue;
        if (wide_is_delete(p->begun[point] + 1))
            gone[gones++] = point;
        else
            put[puts++] = point;
    }
    if (puts)
        write_next(c, put, puts, false);
    if (gones)
        write_next(c, gone, gones, true);
}

/* -- searches -- */

static void asked_begin(struct wide_client *c, struct asked *a)
{
    const struct wide_points *p = &c->wide->points;
    a->known = malloc(p->count * sizeof(*a->known));
    a->query = malloc(p->dim * sizeof(*a->query));
    check(a->known && a->query);
    memcpy(a->known, p->known, p->count * sizeof(*a->known));
    const uint32_t point = (uint32_t)(draw(&c->player.random) % p->count);
    wide_vector(p, point, p->begun[point], a->query);
}

static void asked_end(struct asked *a)
{
    free(a->known);
    free(a->query);
}

static bool passes(const struct asked *a, uint32_t point, uint32_t version)
{
    return !a->filtered || (wide_value(point, version) >= a->least) != a->must_not;
}

/* Whether the point may have had this score. *ret_sure: it existed in every possible version. */
static bool may_score(const struct wide *w, const struct asked *a, uint32_t point, double score, bool *ret_sure)
{
    const struct wide_points *p = &w->points;
    float *v = malloc(p->dim * sizeof(*v));
    bool may = false;
    check(v);
    *ret_sure = a->known[point] > 0;
    for (uint32_t version = a->known[point]; version <= p->begun[point]; version++) {
        if (version == 0 || wide_is_delete(version)) {
            *ret_sure = false;
            continue;
        }
        wide_vector(p, point, version, v);
        may |= passes(a, point, version) && score_is_same(p->metric, score_of(p->metric, p->dim, a->query, v), score);
    }
    free(v);
    return may;
}

/* Whether the search must find the point: every possible version passes, and is nearer than the
 * last hit. */
static bool must_be_found(const struct wide *w, const struct asked *a, uint32_t point, const Kith__Points *hits)
{
    const struct wide_points *p = &w->points;
    bool must = a->known[point] > 0;
    float *v = malloc(p->dim * sizeof(*v));
    check(v);
    for (uint32_t version = a->known[point]; must && version <= p->begun[point]; version++) {
        must = !wide_is_delete(version) && passes(a, point, version);
        if (!must || hits->n_id_lo < a->k)
            continue;
        wide_vector(p, point, version, v);
        must = score_is_nearer(p->metric, score_of(p->metric, p->dim, a->query, v),
                               (double)hits->scores[hits->n_id_lo - 1]);
    }
    free(v);
    return must;
}

static uint32_t point_at(const struct wide_points *p, const Kith__Points *hits, size_t i)
{
    return wide_point_of(p, hits->n_id_hi ? hits->id_hi[i] : POINT_ID_PREFIX, hits->id_lo[i]);
}

static void missed(struct wide_client *c, const struct asked *a, uint32_t point, const Kith__Points *hits)
{
    const struct wide_points *p = &c->wide->points;
    float *v = malloc(p->dim * sizeof(*v));
    check(v);
    wide_vector(p, point, p->begun[point], v);
    fail(c->wide->world, c->player.name,
         "a search with k = %u found %zu points, the last with score %.9g, but not point %u with %.9g (versions %u to "
         "%u)",
         a->k, hits->n_id_lo, hits->n_id_lo ? (double)hits->scores[hits->n_id_lo - 1] : 0, point,
         score_of(p->metric, p->dim, a->query, v), a->known[point], p->begun[point]);
    free(v);
}

static void check_hits(struct wide_client *c, const struct asked *a, const Kith__Points *hits)
{
    struct world *w = c->wide->world;
    const struct wide_points *p = &c->wide->points;
    bool *met = calloc(p->count, 1), sure;
    check(met);
    for (size_t i = 0; i < hits->n_id_lo && !failed(w); i++) {
        const uint32_t point = point_at(p, hits, i);
        const double score = (double)hits->scores[i];
        if (point == UINT32_MAX)
            fail(w, c->player.name, "hit %zu is a point that was never written: %" PRIx64, i, hits->id_lo[i]);
        else if (met[point])
            fail(w, c->player.name, "point %u was found twice", point);
        else if (!may_score(c->wide, a, point, score, &sure))
            fail(w, c->player.name, "point %u has the score %g, which none of its versions %u to %u has", point, score,
                 a->known[point], p->begun[point]);
        else if (i > 0 && score_is_nearer(p->metric, score, (double)hits->scores[i - 1]))
            fail(w, c->player.name, "hit %zu is nearer than the one before it", i);
        else if (i > 0 && p->metric != KITH__METRIC__METRIC_COSINE && hits->scores[i] == hits->scores[i - 1] &&
                 wide_id_before(point, point_at(p, hits, i - 1)))
            fail(w, c->player.name, "hit %zu has the score of the one before it, but a lower id", i);
        else
            met[point] = true;
    }
    /* an approximate search with a filter must find k points, or all that pass */
    const bool all = a->exact || (a->filtered && hits->n_id_lo < a->k);
    for (uint32_t point = 0; all && point < p->count && !failed(w); point++)
        if (!met[point] && must_be_found(c->wide, a, point, hits))
            missed(c, a, point, hits);
    free(met);
}

/* Half of the searches have a filter, while the field exists. */
static void choose_filter(struct wide_client *c, struct asked *a)
{
    a->field_changes = c->wide->field_changes;
    if (!c->wide->has_field || !draw_one_in(&c->player.random, 2))
        return;
    a->filtered = true;
    a->must_not = draw_one_in(&c->player.random, 2);
    a->least = (int)(draw(&c->player.random) % 11);
}

struct wide_filter {
    Kith__Filter filter;
    Kith__Condition condition, *conditions[1];
    Kith__Range range;
    Kith__Number least;
};

static Kith__Filter *filter_message(const struct asked *a, struct wide_filter *f)
{
    kith__filter__init(&f->filter);
    kith__condition__init(&f->condition);
    kith__range__init(&f->range);
    kith__number__init(&f->least);
    f->least.is_case = KITH__NUMBER__IS_INTEGER;
    f->least.integer = a->least;
    f->range.gte = &f->least;
    f->condition.field = (char *)(uintptr_t)WIDE_FIELD;
    f->condition.test_case = KITH__CONDITION__TEST_RANGE;
    f->condition.range = &f->range;
    f->conditions[0] = &f->condition;
    f->filter.must = f->filter.must_not = f->conditions;
    f->filter.n_must = !a->must_not;
    f->filter.n_must_not = a->must_not;
    return a->filtered ? &f->filter : NULL;
}

static void search(struct wide_client *c, bool all)
{
    const struct wide_points *p = &c->wide->points;
    struct asked a = {.exact = all || draw_one_in(&c->player.random, 2)};
    a.k = all || draw_one_in(&c->player.random, 4) ? p->count + 1 : 1 + (uint32_t)(draw(&c->player.random) % 100);
    Kith__Search m = KITH__SEARCH__INIT;
    m.collection = (char *)(uintptr_t)NAME;
    m.k = a.k;
    m.exact = a.exact;
    m.fan_out = (Kith__FanOut)(draw(&c->player.random) % 4);
    struct wide_filter filter;
    if (!all)
        choose_filter(c, &a);
    m.filter = filter_message(&a, &filter);
    struct client_reply r = {0};
    asked_begin(c, &a);
    int rc = call(c, KITH_OP_SEARCH, &m.base, a.query, p->dim * sizeof(float), &a, &r);
    tell(c->wide->world, c->player.name, "%s search for %u%s: %s", a.exact ? "exact" : "graph", a.k,
         a.filtered ? " with a filter" : "", outcome(&c->player, rc));
    judge_end(c, &a, "a search", rc);
    if (rc == 0) {
        Kith__Points *hits = kith__points__unpack(NULL, r.header.meta_bytes, r.meta);
        check(hits);
        check_hits(c, &a, hits);
        kith__points__free_unpacked(hits, NULL);
        c->wide->world->result->wide_searches++;
    }
    client_reply_fini(&r);
    asked_end(&a);
}

/* -- clients -- */

static void leave(struct wide_client *c)
{
    client_close(&c->player.client);
    c->wide->left--;
    event_notify_all(&c->wide->done);
}

static void searcher_run(void *arg)
{
    struct wide_client *c = arg;
    bool connected = player_connect(&c->player);
    for (uint32_t i = 0; connected && i < SEARCHES && !failed(c->wide->world); i++)
        search(c, false);
    c->wide->searching--;
    leave(c);
}

static void writer_run(void *arg)
{
    struct wide_client *c = arg;
    bool connected = player_connect(&c->player);
    while (connected && c->wide->searching > 0 && !failed(c->wide->world)) {
        write_some(c);
        fiber_sleep_ns(draw(&c->player.random) % 2000000);
    }
    leave(c);
}

/* Drops the field that the filters read, or adds it again while the collection has points. */
static void change_wide_field(struct wide_client *c)
{
    struct wide *wide = c->wide;
    struct client *to = &c->player.client;
    const bool adds = !wide->has_field;
    wide->field_changes++;
    int rc = adds ? client_add_field(to, NAME, WIDE_FIELD, "integer", 0, NULL)
                  : client_drop_field(to, NAME, WIDE_FIELD, 0, NULL);
    tell(wide->world, c->player.name, "%s the field: %s", adds ? "add" : "drop", outcome(&c->player, rc));
    /* a change that a power cut interrupted may have been made */
    if (rc == 0 || rc == CLIENT_REFUSED(adds ? ERROR_ALREADY_EXISTS : ERROR_NOT_FOUND))
        wide->has_field = adds;
    else if (explained(wide->world, ACTION_WRITE, rc))
        wide->has_field = false; /* if it exists after all, the next change adds it once more */
    else
        fail(wide->world, c->player.name, "the field cannot be changed: %s", outcome(&c->player, rc));
    wide->field_changes++;
}

static void seal_or_compact(struct wide_client *c)
{
    struct world *w = c->wide->world;
    int rc =
        draw_one_in(&c->player.random, 3) ? call_compact(&c->player.client, NAME) : call_seal(&c->player.client, NAME);
    tell(w, c->player.name, "seal or compact: %s", outcome(&c->player, rc));
    if (rc < 0 && !explained(w, ACTION_MAINTAIN, rc))
        fail(w, c->player.name, "the collection cannot be sealed or compacted: %s", outcome(&c->player, rc));
}

/* In half of the seeds with fields, nothing is sealed before the field is dropped or added. So the
 * growing segment has many rows, and more come while its column is built. */
static void operator_run(void *arg)
{
    struct wide_client *c = arg;
    struct world *w = c->wide->world;
    const bool only_fields = w->plan.fields & ONLY_FIELDS;
    bool connected = player_connect(&c->player);
    while (connected && c->wide->searching > 0 && !failed(w)) {
        if (!only_fields)
            seal_or_compact(c);
        if (w->plan.fields && !failed(w) && (only_fields || draw_one_in(&c->player.random, 2)))
            change_wide_field(c);
        fiber_sleep_ns(draw(&c->player.random) % 20000000);
    }
    leave(c);
}

static void start(struct wide *wide, struct wide_client *c, const char *name, uint32_t number, fiber_fn run)
{
    c->wide = wide;
    c->number = number;
    c->player.world = wide->world;
    c->player.random = draw(&wide->random);
    snprintf(c->player.name, sizeof(c->player.name), "%s %u", name, number);
    wide->left++;
    check(fiber_start(CLASS_INTERACTIVE, run, c, "wide") == 0);
}

static void run_all(struct wide *wide)
{
    struct wide_client *clients = calloc(SEARCHERS + WRITERS + 1, sizeof(*clients)), *c = clients;
    check(clients);
    wide->done = (struct event){0}; /* fibers that waited at a power cut no longer exist */
    wide->left = 0;
    wide->searching = SEARCHERS;
    for (uint32_t i = 0; i < SEARCHERS; i++)
        start(wide, c++, "searcher", i, searcher_run);
    for (uint32_t i = 0; i < WRITERS; i++)
        start(wide, c++, "writer", i, writer_run);
    start(wide, c, "operator", 0, operator_run);
    while (wide->left > 0)
        event_wait(&wide->done);
    free(clients);
}

/* -- a round -- */

/* Creates the collection, with retries: after a fault of the disk the server needs time to find it
 * usable again. */
static bool create(struct wide_client *c)
{
    struct wide_points *p = &c->wide->points;
    const uint64_t deadline_ns = clock_now_ns() + SETTLE_NS;
    int rc;
    while ((rc = client_create(&c->player.client, NAME, p->dim, p->metric)) < 0 &&
           explained(c->wide->world, ACTION_WRITE, rc) && clock_now_ns() < deadline_ns)
        fiber_sleep_ns(500000000);
    if (rc < 0 && rc != CLIENT_REFUSED(ERROR_ALREADY_EXISTS))
        fail(c->wide->world, c->player.name, "the collection cannot be created: %s", outcome(&c->player, rc));
    return rc == 0;
}

/* Writes all points that have no version yet, in the name of one writer after the other. */
static void fill(struct wide_client *c)
{
    const struct wide_points *p = &c->wide->points;
    for (uint32_t from = 0; from < p->count && !failed(c->wide->world);) {
        uint32_t points[BATCH], n = 0;
        while (n < BATCH && from < p->count)
            points[n++] = from++;
        write_next(c, points, n, false);
    }
}

static struct wide *wide_create(struct world *w)
{
    struct wide *wide = calloc(1, sizeof(*wide));
    check(wide);
    wide->world = w;
    wide->random = w->plan.wide;
    wide_points_init(&wide->points, &wide->random);
    return wide;
}

void wide_free(struct wide *wide)
{
    if (wide)
        wide_points_fini(&wide->points);
    free(wide);
}

void wide(struct world *w)
{
    struct wide_client *c = calloc(1, sizeof(*c)); /* too large for a fiber's stack */
    check(c);
    if (!w->wide)
        w->wide = wide_create(w);
    c->wide = w->wide;
    c->player.world = w;
    c->player.random = draw(&w->wide->random);
    snprintf(c->player.name, sizeof(c->player.name), "wide");
    tell(w, "wide", "%u points of %u dimensions in %u groups, %s", w->wide->points.count, w->wide->points.dim,
         w->wide->points.groups, metric_text(w->wide->points.metric));
    if (!damage_done(w) && player_connect(&c->player)) {
        if (create(c))
            fill(c);
        else if (!failed(w))
            search(c, true);
        w->wide->has_field = false;
        if (!failed(w) && w->plan.fields)
            change_wide_field(c);
        if (!failed(w))
            run_all(w->wide);
        if (!failed(w))
            search(c, true);
    }
    client_close(&c->player.client);
    free(c);
}
