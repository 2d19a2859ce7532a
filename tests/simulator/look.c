/* look.c -- reads points, counts and searches, and compares the answers with the model. */
#include "filters.h"
#include "play.h"
#include "scores.h"

#include <stdlib.h>
#include <string.h>

/* -- points -- */

/* The version of a point that was found. UINT32_MAX: no write explains it. */
static uint32_t version_of(struct player *p, const struct book *b, uint32_t id, const float *vector,
                           const uint8_t *payload, uint32_t size)
{
    static uint8_t want[PAYLOAD_MAX];
    uint32_t version = model_version_of(&b->model, id, vector);
    uint64_t name = b->model.base + id;
    if (version == UINT32_MAX) {
        fail(p->world, p->name, "%s: point %" PRIu64 " has a vector that was never written to it", b->name, name);
        return version;
    }
    payload_write(&b->payloads, name, version, want);
    if (size != payload_size(&b->payloads, name, version) || (size && memcmp(want, payload, size) != 0)) {
        fail(p->world, p->name,
             "%s: point %" PRIu64 ", version %u, has a payload that was never written to it (%u bytes)", b->name, name,
             version, size);
        return UINT32_MAX;
    }
    return version;
}

static void settle(struct player *p, struct book *b, uint32_t id, uint32_t version, bool first)
{
    struct model_point *point = &b->model.points[id];
    if (version == UINT32_MAX || failed(p->world))
        return;
    if (first ? model_settle(&b->model, id, version) : model_seen(&b->model, id, version))
        return;
    fail(p->world, p->name,
         "%s: point %" PRIu64 " is %s (version %u), which no write explains (newest of %u choices: %u)", b->name,
         b->model.base + id, version == MODEL_ABSENT ? "missing" : "something else", version, point->count,
         point->choices[point->count - 1].version);
}

static void compare_points(struct player *p, struct book *b, const struct call_points *got, bool first)
{
    const uint8_t *payload = got->meta->payloads.data;
    uint32_t at = 0;
    for (uint32_t i = 0; i < MODEL_IDS && !failed(p->world); i++) {
        uint32_t version = MODEL_ABSENT;
        if (at < got->meta->n_id_lo && got->meta->id_lo[at] == b->model.base + i) {
            uint32_t size = got->meta->payload_sizes[at];
            version = version_of(p, b, i, got->vectors + (size_t)MODEL_DIM * at, payload, size);
            payload += size;
            at++;
        }
        settle(p, b, i, version, first);
    }
    if (at < got->meta->n_id_lo && !failed(p->world))
        fail(p->world, p->name, "%s: get returns points that were not asked for", b->name);
}

void look_at_points(struct player *p, struct book *b, bool first)
{
    uint64_t ids[MODEL_IDS];
    struct call_points got;
    for (uint32_t i = 0; i < MODEL_IDS; i++)
        ids[i] = b->model.base + i;
    int rc = call_get(&p->client, b->name, ids, MODEL_IDS, MODEL_DIM, &got);
    tell(p->world, p->name, "get of all points of %s: %s", b->name, outcome(p, rc));
    if (done(p, b, ACTION_READ, "get", rc))
        compare_points(p, b, &got, first);
    call_points_fini(&got);
    if (rc < 0 || failed(p->world) || !first)
        return;
    const struct model_batch *torn = model_torn_batch(&b->model);
    if (torn)
        fail(p->world, p->name, "%s: only a part of the upsert of version %u is there on one reactor of %u", b->name,
             torn->version, torn->reactors);
    uint32_t lost = b->ordered ? model_lost_too_much(&b->model, b->ordered) : MODEL_IDS;
    if (lost < MODEL_IDS)
        fail(p->world, p->name,
             "%s: the power cut took a write of point %" PRIu64
             ", but not a later write in the log of the same reactor",
             b->name, b->model.base + lost);
    b->ordered = 0;
    model_all_settled(&b->model);
    b->looked = true;
}

/* -- counts -- */

void look_at_count(struct player *p, struct book *b)
{
    uint64_t count = 0, least = 0, most = 0;
    int rc = client_count(&p->client, b->name, &count);
    tell(p->world, p->name, "count of %s: %s, %" PRIu64, b->name, outcome(p, rc), count);
    if (!done(p, b, ACTION_READ, "count", rc))
        return;
    if (b->shared) { /* other players write to it too */
        least = 0;
        most = (uint64_t)MODEL_IDS * PLAYERS_MAX;
    } else {
        model_count(&b->model, &least, &most);
    }
    if (count < least || count > most)
        fail(p->world, p->name, "%s: %" PRIu64 " points are counted; there are %" PRIu64 " to %" PRIu64, b->name, count,
             least, most);
}

/* -- searches -- */

struct hits {
    uint64_t ids[MODEL_IDS * PLAYERS_MAX];
    float scores[MODEL_IDS * PLAYERS_MAX];
    uint32_t n;
    bool mine[MODEL_IDS];
};

/* Judges a hit that is a point of another client. */
static void check_other(struct player *p, const struct book *b, uint64_t id, const struct drawn_filter *filter)
{
    if (!b->shared || id >= (uint64_t)MODEL_IDS * PLAYERS_MAX)
        fail(p->world, p->name, "%s: a search found point %" PRIu64 ", which nobody wrote", b->name, id);
    else if (filter && !filter_lets_pass_without_fields(filter))
        fail(p->world, p->name, "%s: a search found point %" PRIu64 ", which has no field of the filter", b->name, id);
}

static void check_hits(struct player *p, struct book *b, const struct search_draw *d, struct hits *h,
                       struct model_hit hit)
{
    for (uint32_t i = 0; i < h->n && !failed(p->world); i++) {
        uint64_t id = h->ids[i] - b->model.base; /* an id below base wraps and is too large */
        if (i > 0 && score_is_nearer(b->kind.metric, (double)h->scores[i], (double)h->scores[i - 1]))
            fail(p->world, p->name, "%s: hit %u is nearer than the one before it", b->name, i);
        if (id >= MODEL_IDS) {
            check_other(p, b, h->ids[i], d->filter);
            continue;
        }
        if (h->mine[id])
            fail(p->world, p->name, "%s: point %" PRIu64 " was found twice", b->name, h->ids[i]);
        h->mine[id] = true;
        hit.score = h->scores[i];
        if (!model_hit_possible(&b->model, (uint32_t)id, &hit))
            fail(p->world, p->name, "%s: a search gave point %" PRIu64 " the score %g, which no version of it has%s",
                 b->name, h->ids[i], (double)h->scores[i], d->filter ? ", or it does not pass the filter" : "");
    }
}

/* Whether the point is there for certain, in one version, and passes the filter. */
static bool must_be_found(const struct book *b, uint32_t id, const struct drawn_filter *filter, uint32_t *ret_version)
{
    return model_certain(&b->model, id, ret_version) && *ret_version != MODEL_ABSENT &&
           (!filter || filter_lets_pass(filter, b->model.base + id, *ret_version));
}

/* An exact search has every point that is nearer than its last hit. */
static void check_missing(struct player *p, struct book *b, const struct search_draw *d, const float *query,
                          const struct hits *h)
{
    float v[MODEL_DIM];
    for (uint32_t id = 0; id < MODEL_IDS && !failed(p->world); id++) {
        uint32_t version;
        if (h->mine[id] || !must_be_found(b, id, d->filter, &version))
            continue;
        model_vector(b->model.base + id, version, v);
        double score = score_of(b->kind.metric, MODEL_DIM, query, v);
        if (h->n < d->k || score_is_nearer(b->kind.metric, score, (double)h->scores[h->n - 1]))
            fail(p->world, p->name,
                 "%s: an exact search with k = %u found %u points, but not point %" PRIu64 " with the score %g",
                 b->name, d->k, h->n, b->model.base + id, score);
    }
}

/* An approximate search with a filter may find any points that pass, but it must find k of them, or
 * all if fewer pass. */
static void check_enough(struct player *p, struct book *b, const struct search_draw *d, const struct hits *h)
{
    uint32_t there = 0, version;
    for (uint32_t id = 0; id < MODEL_IDS; id++)
        there += must_be_found(b, id, d->filter, &version);
    if (h->n < d->k && h->n < there)
        fail(p->world, p->name, "%s: a search with k = %u and a filter found %u points; %u points pass", b->name, d->k,
             h->n, there);
}

/* An approximate search names its beam (ef), the recall that it wants, or neither. Returns true if
 * the search is exact because it wants recall 1. */
static bool choose_effort(struct player *p, uint64_t *random)
{
    static const float recalls[] = {0.5f, 0.9f, 0.99f, 1};
    const uint64_t how = draw(random) % 4;
    p->client.ef = how < 2 ? 4 + (uint32_t)(draw(random) % 60) : 0;
    p->client.recall = how == 2 ? recalls[draw(random) % ARRAY_LEN(recalls)] : 0;
    return p->client.recall == 1;
}

/* A filter on a field that may be missing may be refused. A filter on a field that is missing must
 * be refused. True: the answer has hits. */
static bool is_answered(struct player *p, struct book *b, const struct drawn_filter *filter, int rc)
{
    unsigned fields = FIELD_PRESENT, missing = 0;
    for (unsigned i = 0; filter && i < filter->count; i++) {
        const unsigned now = b->fields.now[filter->conditions[i].field];
        missing |= now == FIELD_ABSENT;
        fields |= now;
    }
    if (rc == CLIENT_REFUSED(ERROR_INVALID_ARGUMENT) && fields & FIELD_ABSENT)
        return false;
    if (rc == 0 && missing)
        fail(p->world, p->name, "%s: a search with a filter on a missing field was answered, not refused", b->name);
    return done(p, b, action_of_search(b), "search", rc);
}

static int search(struct player *p, const struct book *b, const struct search_draw *d, const float *query, bool exact,
                  struct hits *h)
{
    struct filter_message message;
    char text[400] = "";
    if (d->filter) {
        filter_message_init(&message, d->filter);
        p->client.filter = &message.filter;
    }
    int rc = client_search(&p->client, b->name, query, MODEL_DIM, d->k, exact && p->client.recall == 0, h->ids,
                           h->scores, &h->n);
    p->client.filter = NULL;
    tell(p->world, p->name, "%s search for %u in %s%s%s: %s, %u hits", exact ? "exact" : "graph", d->k, b->name,
         d->filter ? ", " : "", d->filter ? filter_text(d->filter, text, sizeof(text)) : text, outcome(p, rc), h->n);
    return rc;
}

void look_by_draw(struct player *p, struct book *b, const struct search_draw *d)
{
    float query[MODEL_DIM];
    struct hits *h = calloc(1, sizeof(*h));
    check(h);
    model_vector(b->model.base + draw(d->random) % MODEL_IDS, (uint32_t)(draw(d->random) % 50), query);
    /* the client's default, or chosen by load, one core, all cores */
    p->client.fan_out = (unsigned)(draw(d->random) % 4);
    p->client.ef = 0;
    p->client.recall = 0;
    const bool exact = d->exact || choose_effort(p, d->random);
    int rc = search(p, b, d, query, exact, h);
    if (is_answered(p, b, d->filter, rc)) {
        const struct model_hit hit = {.query = query,
                                      .is_scored = exact || !b->kind.approximate,
                                      .passes = d->filter ? filter_lets_pass : NULL,
                                      .arg = d->filter};
        check_hits(p, b, d, h, hit);
        if (exact && !failed(p->world))
            check_missing(p, b, d, query, h);
        else if (d->filter && !failed(p->world))
            check_enough(p, b, d, h);
    }
    free(h);
}

void look_by_search(struct player *p, struct book *b, bool exact, uint32_t k)
{
    const struct search_draw d = {.random = &p->random, .exact = exact, .k = k};
    look_by_draw(p, b, &d);
}
