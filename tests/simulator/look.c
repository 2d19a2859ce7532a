/* look.c -- compares what the server shows with what the model knows. */
#include "play.h"
#include "scores.h"

#include <stdlib.h>
#include <string.h>

/* -- points -- */

/* The version of what was found; UINT32_MAX: no write explains it. */
static uint32_t version_of(struct player *p, const struct book *b, uint32_t id, const float *vector,
                           const uint8_t *payload, uint32_t size)
{
    static uint8_t want[MODEL_PAYLOAD_BIG];
    uint32_t version = model_version_of(&b->model, id, vector);
    uint64_t name = b->model.base + id;
    if (version == UINT32_MAX) {
        fail(p->world, p->name, "%s: point %" PRIu64 " has a vector that was never written to it", b->name, name);
        return version;
    }
    model_payload(name, version, want);
    if (size != model_payload_size(name, version) || (size && memcmp(want, payload, size) != 0)) {
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
        fail(p->world, p->name, "%s: get answers with points that were not asked for", b->name);
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
        fail(p->world, p->name, "%s: the upsert of version %u is there in part on one reactor of %u", b->name,
             torn->version, torn->reactors);
    uint32_t lost = b->ordered ? model_lost_too_much(&b->model, b->ordered) : MODEL_IDS;
    if (lost < MODEL_IDS)
        fail(p->world, p->name,
             "%s: the power cut took a write of point %" PRIu64 ", but not a later one that the same reactor had",
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
    if (b->shared) { /* the others write too */
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

static void check_hits(struct player *p, struct book *b, const float *query, struct hits *h, bool distances)
{
    for (uint32_t i = 0; i < h->n && !failed(p->world); i++) {
        uint64_t id = h->ids[i] - b->model.base; /* wraps below base */
        if (i > 0 && score_is_nearer(b->kind.metric, (double)h->scores[i], (double)h->scores[i - 1]))
            fail(p->world, p->name, "%s: hit %u is nearer than the one before it", b->name, i);
        if (id >= MODEL_IDS) {
            if (!b->shared || h->ids[i] >= (uint64_t)MODEL_IDS * PLAYERS_MAX)
                fail(p->world, p->name, "%s: a search found point %" PRIu64 ", which nobody wrote", b->name, h->ids[i]);
            continue;
        }
        if (h->mine[id])
            fail(p->world, p->name, "%s: point %" PRIu64 " was found twice", b->name, h->ids[i]);
        h->mine[id] = true;
        if (distances && !model_score_possible(&b->model, (uint32_t)id, query, h->scores[i]))
            fail(p->world, p->name, "%s: a search found point %" PRIu64 " at %g, where it is not", b->name, h->ids[i],
                 (double)h->scores[i]);
    }
}

/* An exact search has every point that is nearer than its last hit. */
static void check_missing(struct player *p, struct book *b, const float *query, const struct hits *h, uint32_t k)
{
    float v[MODEL_DIM];
    for (uint32_t id = 0; id < MODEL_IDS && !failed(p->world); id++) {
        uint32_t version;
        if (h->mine[id] || !model_certain(&b->model, id, &version) || version == MODEL_ABSENT)
            continue;
        model_vector(b->model.base + id, version, v);
        double score = score_of(b->kind.metric, MODEL_DIM, query, v);
        if (h->n < k || score_is_nearer(b->kind.metric, score, (double)h->scores[h->n - 1]))
            fail(p->world, p->name, "%s: an exact search for %u found %u, but not point %" PRIu64 " at %g", b->name, k,
                 h->n, b->model.base + id, score);
    }
}

/* A search of the graph says how wide it shall be, or which recall it wants, or nothing; recall 1
 * makes it an exact one. */
static bool choose_effort(struct player *p)
{
    static const float recalls[] = {0.5f, 0.9f, 0.99f, 1};
    const uint64_t how = draw(&p->random) % 4;
    p->client.ef = how < 2 ? 4 + (uint32_t)(draw(&p->random) % 60) : 0;
    p->client.recall = how == 2 ? recalls[draw(&p->random) % ARRAY_LEN(recalls)] : 0;
    return p->client.recall == 1;
}

void look_by_search(struct player *p, struct book *b, bool exact, uint32_t k)
{
    float query[MODEL_DIM];
    struct hits *h = calloc(1, sizeof(*h));
    check(h);
    model_vector(b->model.base + draw(&p->random) % MODEL_IDS, (uint32_t)(draw(&p->random) % 50), query);
    /* as it comes, as their load says, one core, all */
    p->client.fan_out = (unsigned)(draw(&p->random) % 4);
    p->client.ef = 0;
    p->client.recall = 0;
    if (!exact)
        exact = choose_effort(p);
    int rc = client_search(&p->client, b->name, query, MODEL_DIM, k, exact && p->client.recall == 0, h->ids, h->scores,
                           &h->n);
    tell(p->world, p->name, "%s search for %u in %s: %s, %u hits", exact ? "exact" : "graph", k, b->name,
         outcome(p, rc), h->n);
    if (done(p, b, action_of_search(b), "search", rc)) {
        check_hits(p, b, query, h, exact || !b->kind.approximate);
        if (exact && !failed(p->world))
            check_missing(p, b, query, h, k);
    }
    free(h);
}
