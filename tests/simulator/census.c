/* census.c -- compares what the server reports of its collections. The manifest, the list of
 * segments, `info` and the statistics must agree. Every live point must be in a reported segment.
 * Compaction must leave no deleted row.
 *
 * No reactor merges a segment that none reports, so its deleted rows would stay for ever. Answers
 * come from several reactors while seals and merges go on. So a census that does not agree is taken
 * again, for at most SETTLE_NS. */
#include "play.h"

#include <stdlib.h>
#include <string.h>

#define AGAIN_NS 50000000

struct told {
    struct census sum;
    uint64_t points, live, growing, *sealed; /* sealed: ids of the sealed segments, ascending */
    size_t sealed_count;
};

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void add_segment(struct told *t, const Kith__Segment *s)
{
    t->live += s->rows - s->deleted_rows;
    if (s->state != KITH__SEGMENT_STATE__SEGMENT_STATE_SEALED) {
        t->growing += s->rows - s->deleted_rows;
        return;
    }
    t->sealed[t->sealed_count++] = s->id;
    t->sum.segments++;
    t->sum.ids_sum += s->id * s->id; /* different sets hardly ever have one sum */
    t->sum.rows += s->rows;
    t->sum.deleted += s->deleted_rows;
    t->sum.disk_bytes += s->disk_bytes;
}

/* -- the sources; each returns a sentence if it contradicts the list of segments, else NULL -- */

/* The list itself, and the sums that come with it. */
static const char *ask_info(struct client *c, const char *name, struct told *t, int *ret_rc)
{
    Kith__GetInfo ask = KITH__GET_INFO__INIT;
    struct client_reply r;
    ask.name = (char *)(uintptr_t)name;
    ask.with_segments = true;
    *ret_rc = client_call(c, KITH_OP_INFO, &ask.base, NULL, 0, &r);
    if (*ret_rc < 0)
        return NULL;
    Kith__Info *info = kith__info__unpack(NULL, r.header.meta_bytes, r.meta);
    client_reply_fini(&r);
    check(info);
    t->sealed = calloc(info->n_segments + 1, sizeof(*t->sealed));
    check(t->sealed);
    t->points = info->points;
    for (size_t i = 0; i < info->n_segments; i++)
        add_segment(t, info->segments[i]);
    qsort(t->sealed, t->sealed_count, sizeof(*t->sealed), by_number);
    const char *why =
        info->sealed_segments != t->sum.segments ? "info counts more or fewer sealed segments than it lists"
        : info->sealed_rows != t->sum.rows || info->sealed_dead_rows != t->sum.deleted
            ? "info counts more or fewer sealed rows than its segments have"
        : info->disk_bytes != t->sum.disk_bytes ? "info counts more or fewer bytes on the disk than its segments"
        : info->growing_rows != t->growing      ? "info counts more or fewer growing rows than its segments have"
        : t->live != t->points ? "the listed segments have more or fewer live rows than there are points"
                               : NULL;
    kith__info__free_unpacked(info, NULL);
    return why;
}

static const char *ask_stats(struct client *c, const char *name, const struct told *t, int *ret_rc)
{
    Kith__GetStats ask = KITH__GET_STATS__INIT;
    struct client_reply r;
    ask.with_collections = true;
    *ret_rc = client_call(c, KITH_OP_STATS, &ask.base, NULL, 0, &r);
    if (*ret_rc < 0)
        return NULL;
    Kith__Stats *stats = kith__stats__unpack(NULL, r.header.meta_bytes, r.meta);
    client_reply_fini(&r);
    check(stats);
    const char *why = "the statistics do not name the collection";
    for (size_t i = 0; i < stats->n_collections; i++) {
        const Kith__CollectionStats *s = stats->collections[i];
        if (strcmp(s->name, name) == 0)
            why = s->points != t->points || s->sealed_segments != t->sum.segments || s->growing_rows != t->growing ||
                          s->disk_bytes != t->sum.disk_bytes
                      ? "the statistics differ from its segments"
                      : NULL;
    }
    kith__stats__free_unpacked(stats, NULL);
    return why;
}

static uint64_t id_of(const struct manifest *m, const char *name)
{
    for (size_t i = 0; i < m->collection_count; i++)
        if (strcmp(m->collections[i].name, name) == 0)
            return m->collections[i].id;
    return 0;
}

static const char *ask_manifest(struct world *w, const char *name, const struct told *t, int *ret_rc)
{
    struct manifest m;
    *ret_rc = catalog_snapshot(&w->server->catalog, &m);
    if (*ret_rc < 0)
        return NULL;
    uint64_t id = id_of(&m, name), *named = calloc(m.segment_count + 1, sizeof(*named));
    size_t n = 0;
    check(named);
    for (size_t i = 0; i < m.segment_count; i++)
        if (m.segments[i].collection == id)
            named[n++] = m.segments[i].id;
    qsort(named, n, sizeof(*named), by_number);
    const char *why = n != t->sealed_count || memcmp(named, t->sealed, n * sizeof(*named)) != 0
                          ? "the manifest names other segments than info lists"
                          : NULL;
    free(named);
    manifest_fini(&m);
    return why;
}

/* -- a census -- */

static const char *take_one(struct world *w, struct client *c, const char *name, struct told *ret, int *ret_rc)
{
    *ret = (struct told){.sum = {.taken = 1}};
    const char *why = ask_info(c, name, ret, ret_rc);
    if (*ret_rc == 0 && !why)
        why = ask_stats(c, name, ret, ret_rc);
    if (*ret_rc == 0 && !why)
        why = ask_manifest(w, name, ret, ret_rc);
    free(ret->sealed);
    return why;
}

/* False: the census could not be taken, or the seed has failed. */
static bool take(struct world *w, struct client *c, struct book *b, struct told *ret)
{
    uint64_t deadline_ns = clock_now_ns() + SETTLE_NS;
    const char *why;
    int rc = 0;
    while ((why = take_one(w, c, b->name, ret, &rc)) && rc == 0 && clock_now_ns() < deadline_ns)
        fiber_sleep_ns(AGAIN_NS);
    if (rc == CLIENT_REFUSED(ERROR_CORRUPT) && explained(w, ACTION_READ, rc))
        b->state = BOOK_DAMAGED;
    else if (rc < 0)
        fail(w, "census", "%s: refused, %d: %s", b->name, rc, c->error);
    if (rc == 0 && why)
        fail(w, "census",
             "%s: %s (%" PRIu64 " points, %" PRIu64 " live rows; %" PRIu64 " sealed segments of %" PRIu64
             " rows, %" PRIu64 " of them deleted)",
             b->name, why, ret->points, ret->live, ret->sum.segments, ret->sum.rows, ret->sum.deleted);
    return rc == 0 && !why;
}

/* If the segments are those from before the restart, they must have the same deleted rows: nothing
 * was written meanwhile. A merge between the census and the end, or after the start, makes other
 * segments. Then only the list of the manifest was compared. */
static void compare(struct world *w, const struct book *b, const struct told *now)
{
    const struct census *before = &b->census;
    if (before->taken && before->ids_sum == now->sum.ids_sum && memcmp(before, &now->sum, sizeof(*before)) != 0)
        fail(w, "census",
             "%s: before the restart its %" PRIu64 " sealed segments had %" PRIu64 " rows, %" PRIu64
             " of them deleted; now %" PRIu64 ", %" PRIu64 " deleted",
             b->name, before->segments, before->rows, before->deleted, now->sum.rows, now->sum.deleted);
}

/* Compacts the collection. Then no deleted row may be left. */
static void compact(struct world *w, struct client *c, struct book *b)
{
    struct told t;
    int rc = call_compact(c, b->name);
    tell(w, "census", "compact %s: %d", b->name, rc);
    const bool too_little = rc == CLIENT_REFUSED(ERROR_RESOURCE_EXHAUSTED) && w->memory;
    if (rc < 0 && !too_little && !explained(w, ACTION_MAINTAIN, rc))
        fail(w, "census", "%s cannot be compacted: %s", b->name, c->error);
    if (rc < 0 || !take(w, c, b, &t))
        return;
    if (t.sum.deleted || t.growing || t.sum.rows != t.points)
        fail(w, "census",
             "%s: compacted, but %" PRIu64 " rows are in segments, %" PRIu64 " of them deleted, and %" PRIu64
             " are growing; there are %" PRIu64 " points",
             b->name, t.sum.rows, t.sum.deleted, t.growing, t.points);
}

static void look_at(struct world *w, struct client *c, struct book *b, enum census_moment moment)
{
    struct told t = {0};
    if (moment == CENSUS_BEFORE_END && draw_one_in(&w->census_random, 6))
        compact(w, c, b);
    if (failed(w) || b->state != BOOK_OPEN || !take(w, c, b, &t))
        return;
    tell(w, "census", "%s: %" PRIu64 " points, %" PRIu64 " segments, %" PRIu64 " rows, %" PRIu64 " deleted", b->name,
         t.points, t.sum.segments, t.sum.rows, t.sum.deleted);
    if (moment == CENSUS_AFTER_START)
        compare(w, b, &t);
    b->census = moment == CENSUS_BEFORE_END ? t.sum : (struct census){0};
}

void take_census(struct world *w, enum census_moment moment)
{
    struct client c = {0};
    for (unsigned i = 0; i < w->plan.players && moment == CENSUS_BEFORE_END; i++)
        for (unsigned b = 0; b < ARRAY_LEN(w->players[i].books); b++)
            /* a census of an earlier round says nothing about this one */
            w->players[i].books[b].census = (struct census){0};
    if (damage_done(w))
        return; /* perhaps the manifest is damaged */
    int rc = client_open(&c, server_port(w->server, PROTOCOL_NATIVE));
    for (unsigned i = 0; i < w->plan.players && rc == 0 && !failed(w); i++) {
        struct player *p = &w->players[i];
        if (p->books[0].state == BOOK_OPEN && p->books[0].created)
            look_at(w, &c, &p->books[0], moment);
        if (i == 0 && !failed(w) && p->books[1].state == BOOK_OPEN && w->shared_created)
            look_at(w, &c, &p->books[1], moment);
    }
    if (rc < 0)
        fail(w, "census", "the server takes no connection: %d", rc);
    client_close(&c);
}
