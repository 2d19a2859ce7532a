#include "model.h"
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET_MAX 250 /* ids of one request */
#define QUERIES 12
#define K       5
#define EPSILON 1e-3f /* kernels of the server add in another order */

static uint64_t checked;

void make_vector(uint32_t n, uint32_t version, float *ret)
{
    uint32_t x = n * 2654435761u ^ version * 40503u;
    for (int i = 0; i < DIM; i++) {
        x = x * 1664525u + 1013904223u;
        ret[i] = (float)(x >> 16) / 65536.0f - 0.5f;
    }
}

uint32_t make_payload(uint32_t version, char *ret)
{
    return (uint32_t)snprintf(ret, PAYLOAD_MAX, "{\"version\": %u}", version);
}

bool is_uuid(uint32_t n)
{
    return n % 3 == 0;
}

struct kith_id make_id(uint32_t n)
{
    return is_uuid(n) ? (struct kith_id){0xc0ffee0000004000u + n, 0x8000000000000000u + n} : (struct kith_id){0, n};
}

static bool same_id(struct kith_id a, struct kith_id b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

/* -- points -- */

static bool matches(uint32_t n, uint32_t version, const float *vector, const char *payload)
{
    float expected[DIM];
    char text[PAYLOAD_MAX];
    make_vector(n, version, expected);
    make_payload(version, text);
    return memcmp(vector, expected, sizeof(expected)) == 0 && strcmp(payload, text) == 0;
}

static const char *name_version(uint32_t version, char text[32])
{
    if (!version)
        return "absence";
    snprintf(text, 32, "version %u", version);
    return text;
}

static int point_differs(uint32_t n, const struct expectation *e, const char *found)
{
    char acknowledged[32], open[32];
    return failed("id %u: acknowledged is %s, still open is %s, but the server has %s", n,
                  name_version(e->version, acknowledged), e->open ? name_version(e->maybe, open) : "nothing", found);
}

/* Compares one point. vector and payload are NULL if the server does not have the id. */
static int check_point(uint32_t n, const struct expectation *e, const float *vector, const char *payload, uint32_t *ret)
{
    checked++;
    *ret = 0;
    if (!vector)
        return e->version == 0 || (e->open && e->maybe == 0) ? 0 : point_differs(n, e, "nothing");
    if (e->version && matches(n, e->version, vector, payload))
        *ret = e->version;
    else if (e->open && e->maybe && matches(n, e->maybe, vector, payload))
        *ret = e->maybe;
    else
        return point_differs(n, e, payload);
    return 0;
}

static int check_some(const struct model *m, struct kith *k, const char *collection, const uint32_t *numbers,
                      size_t count, struct contents *ret)
{
    struct kith_id ids[GET_MAX];
    struct kith_result got;
    for (size_t i = 0; i < count; i++)
        ids[i] = make_id(numbers[i]);
    if (kith_get(k, collection, ids, count, true, true, DIM, &got) < 0)
        return failed("reading points: %s", kith_error(k));
    size_t next = 0; /* found points have the order of the request */
    for (size_t i = 0; i < count; i++) {
        uint32_t n = numbers[i];
        bool found = next < got.count && same_id(got.ids[next], ids[i]);
        int rc = check_point(n, &m->ids[n], found ? got.vectors + next * DIM : NULL, found ? got.payloads[next] : NULL,
                             &ret->version[n]);
        if (rc < 0)
            return rc;
        next += found;
    }
    return next == got.count ? 0 : failed("get returned a point that was not asked for");
}

static int check_points(const struct model *m, struct kith *k, const char *collection, struct contents *ret)
{
    for (int uuid = 0; uuid < 2; uuid++) {
        uint32_t numbers[GET_MAX];
        size_t count = 0;
        for (uint32_t n = 0; n <= MODEL_IDS; n++) {
            bool last = n == MODEL_IDS;
            if (!last && is_uuid(n) == (bool)uuid)
                numbers[count++] = n;
            if (count && (count == GET_MAX || last)) {
                if (check_some(m, k, collection, numbers, count, ret) < 0)
                    return -1;
                count = 0;
            }
        }
    }
    return 0;
}

static int check_count(struct kith *k, const char *collection, const struct contents *c)
{
    uint64_t expected = 0, count = 0;
    for (uint32_t n = 0; n < MODEL_IDS; n++)
        expected += c->version[n] != 0;
    if (kith_count(k, collection, &count) < 0)
        return failed("counting: %s", kith_error(k));
    return count == expected ? 0
                             : failed("%llu points are counted, %llu can be read", (unsigned long long)count,
                                      (unsigned long long)expected);
}

/* -- fields of the schema -- */

static const char *const field_names[MODEL_FIELDS] = {"version", "deep.er", "none"};

const char *model_field(unsigned number)
{
    return field_names[number];
}

static int take_field(const char *path, struct contents *ret)
{
    for (unsigned i = 0; i < MODEL_FIELDS; i++)
        if (strcmp(path, field_names[i]) == 0) {
            ret->fields[i] = true;
            return 0;
        }
    return failed("the schema has a field '%s', which was never added", path);
}

static int check_fields(const struct model *m, struct kith *k, const char *collection, struct contents *ret)
{
    struct kith_info info;
    memset(ret->fields, 0, sizeof(ret->fields));
    if (kith_info_read(k, collection, &info) < 0)
        return failed("reading the schema: %s", kith_error(k));
    for (size_t i = 0; i < info.collection.field_count; i++)
        if (take_field(info.collection.fields[i].path, ret) < 0)
            return -1;
    for (unsigned i = 0; i < MODEL_FIELDS; i++) {
        const struct field_expectation *e = &m->fields[i];
        if (ret->fields[i] != e->there && !e->open)
            return failed("the field '%s' is %s the schema, though it was %s", field_names[i],
                          ret->fields[i] ? "in" : "not in", e->there ? "added" : "dropped or never added");
    }
    return 0;
}

/* -- searches -- */

struct truth {
    float vectors[MODEL_IDS][DIM];
    uint32_t numbers[MODEL_IDS];
    uint32_t count;
};

static void make_truth(const struct contents *c, struct truth *t)
{
    t->count = 0;
    for (uint32_t n = 0; n < MODEL_IDS; n++)
        if (c->version[n]) {
            make_vector(n, c->version[n], t->vectors[t->count]);
            t->numbers[t->count++] = n;
        }
}

static float distance(const float *a, const float *b)
{
    float sum = 0;
    for (int i = 0; i < DIM; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

/* Computes the distances of the K nearest, ascending. Returns their number. */
static size_t brute_force(const struct truth *t, const float *query, float best[K])
{
    size_t n = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        float d = distance(query, t->vectors[i]);
        if (n == K && d >= best[K - 1])
            continue;
        size_t at = n < K ? n++ : K - 1;
        for (; at > 0 && best[at - 1] > d; at--)
            best[at] = best[at - 1];
        best[at] = d;
    }
    return n;
}

/* Every hit must be an existing point with the right distance. */
static int check_hits(const struct truth *t, const float *query, const struct kith_result *got)
{
    for (size_t h = 0; h < got->count; h++) {
        uint32_t i = 0;
        while (i < t->count && !same_id(make_id(t->numbers[i]), got->ids[h]))
            i++;
        char id[40];
        if (i == t->count)
            return failed("a search found %s, which is not there", kith_id_format(got->ids[h], id));
        float d = distance(query, t->vectors[i]);
        if (got->scores[h] < d - EPSILON || got->scores[h] > d + EPSILON)
            return failed("a search found %s at %g, but it is at %g", kith_id_format(got->ids[h], id),
                          (double)got->scores[h], (double)d);
    }
    return 0;
}

/* *missed: the number of true neighbours that were not found. */
static int check_query(struct kith *k, const char *collection, const struct truth *t, bool exact, size_t *missed)
{
    float query[DIM], best[K];
    make_vector((uint32_t)random_below(MODEL_IDS), (uint32_t)random_below(1000), query);
    size_t expected = brute_force(t, query, best), good = 0;
    struct kith_search s = {.collection = collection, .queries = query, .count = 1, .dim = DIM, .k = K, .exact = exact};
    struct kith_result got;
    if (kith_search(k, &s, &got) < 0)
        return failed("searching: %s", kith_error(k));
    if (check_hits(t, query, &got) < 0)
        return -1;
    for (size_t h = 0; h < got.count && h < expected; h++)
        good += got.scores[h] <= best[expected - 1] + EPSILON;
    *missed += expected - good;
    if (!exact || (got.count == expected && good == expected))
        return 0;
    return failed("an exact search found %zu of the %zu nearest", good, expected);
}

/* A graph search may miss some neighbours: random vectors of many dimensions are the hardest. */
static int check_searches(struct kith *k, const char *collection, const struct contents *c)
{
    static struct truth t;
    size_t missed_exact = 0, missed = 0;
    make_truth(c, &t);
    for (int i = 0; i < QUERIES; i++)
        if (check_query(k, collection, &t, true, &missed_exact) < 0 ||
            check_query(k, collection, &t, false, &missed) < 0)
            return -1;
    return missed <= QUERIES * K / 2 ? 0 : failed("graph searches missed %zu of %d neighbours", missed, QUERIES * K);
}

int model_check(const struct model *m, struct kith *k, const char *collection, struct contents *ret)
{
    if (check_fields(m, k, collection, ret) < 0 || check_points(m, k, collection, ret) < 0 ||
        check_count(k, collection, ret) < 0)
        return -1;
    return check_searches(k, collection, ret);
}

void model_settle(struct model *m, const struct contents *c)
{
    for (uint32_t n = 0; n < MODEL_IDS; n++)
        m->ids[n] = (struct expectation){.version = c->version[n]};
    for (unsigned i = 0; i < MODEL_FIELDS; i++)
        m->fields[i] = (struct field_expectation){.there = c->fields[i]};
}

uint64_t model_checked(void)
{
    return checked;
}
