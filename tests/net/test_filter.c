/* Compares searches with filters, through the native protocol, with a plain list of all points.
 * Segments are growing, sealed, merged and on all reactors, and fields are added and dropped. Also
 * tests which filters are refused. */
#include "client.h"
#include "gpu/gpu.h"
#include "harness.h"
#include "shards/segment/segment.h"
#include "shards/shard.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIM     4
#define POINTS  900
#define INTEGER "integer"

struct point {
    bool there, has_year;
    int year, stars[3], star_count;
    float vector[DIM];
};

static struct point points[POINTS];

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 33) % below);
}

static void payload_of(const struct point *p, char *to)
{
    to += sprintf(to, "{\"text\":\"x\"");
    if (p->has_year)
        to += sprintf(to, ",\"made\":{\"year\":%d}", p->year);
    to += sprintf(to, ",\"stars\":[");
    for (int i = 0; i < p->star_count; i++)
        to += sprintf(to, "%s%d", i ? "," : "", p->stars[i]);
    sprintf(to, "]}");
}

static void write_points(struct client *c, uint64_t *state, uint32_t from, uint32_t to)
{
    static char bytes[64 * 128];
    uint64_t ids[64];
    uint32_t sizes[64];
    float vectors[64 * DIM];
    for (; from < to; from += 64) {
        const uint32_t n = to - from < 64 ? to - from : 64;
        size_t size = 0;
        for (uint32_t i = 0; i < n; i++) {
            struct point *p = &points[from + i];
            *p = (struct point){.there = true,
                                .has_year = draw(state, 10) > 0,
                                .year = 1950 + (int)draw(state, 60),
                                .star_count = (int)draw(state, 4)};
            for (int j = 0; j < p->star_count; j++)
                p->stars[j] = (int)draw(state, 6);
            for (int j = 0; j < DIM; j++)
                vectors[i * DIM + (uint32_t)j] = p->vector[j] = (float)draw(state, 1000);
            ids[i] = from + i + 1;
            payload_of(p, bytes + size);
            sizes[i] = (uint32_t)strlen(bytes + size);
            size += sizes[i];
        }
        Kith__Upsert upsert = KITH__UPSERT__INIT;
        Kith__PointIds list = KITH__POINT_IDS__INIT;
        upsert.collection = (char *)(uintptr_t) "a";
        list.numbers = ids;
        list.n_numbers = n;
        upsert.ids = &list;
        upsert.payload_sizes = sizes;
        upsert.n_payload_sizes = n;
        upsert.payloads = (ProtobufCBinaryData){size, (uint8_t *)bytes};
        cr_assert_eq(client_call(c, KITH_OP_UPSERT, &upsert.base, vectors, n * sizeof(float) * DIM, NULL), 0, "%s",
                     c->error);
    }
}

/* -- filters, and the same tests on the list -- */

struct wanted {
    bool year, stars, not_stars;
    int low, high, star;
};

static bool passes(const struct point *p, const struct wanted *w)
{
    bool starred = false;
    for (int i = 0; i < p->star_count; i++)
        starred |= p->stars[i] == w->star;
    return p->there && (!w->year || (p->has_year && p->year >= w->low && p->year < w->high)) &&
           (!w->stars || starred) && (!w->not_stars || !starred);
}

static double distance(const struct point *p, const float *query)
{
    double sum = 0;
    for (int i = 0; i < DIM; i++)
        sum += ((double)p->vector[i] - query[i]) * ((double)p->vector[i] - query[i]);
    return sum;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Asserts that the hits are K of the points that pass, or all if fewer pass. Hits of an exact
 * search must be the nearest. */
static void compare(struct client *c, const struct wanted *w, const float *query, bool exact)
{
    enum { K = 10 };
    static double all[POINTS];
    uint64_t ids[K];
    float scores[K];
    uint32_t found, count = 0;
    for (uint32_t i = 0; i < POINTS; i++)
        if (passes(&points[i], w))
            all[count++] = distance(&points[i], query);
    qsort(all, count, sizeof(*all), ascending);
    cr_assert_eq(client_search(c, "a", query, DIM, K, exact, ids, scores, &found), 0, "%s", c->error);
    cr_assert_eq(found, count < K ? count : K, "%u of %u that pass", found, count);
    for (uint32_t i = 0; i < found; i++) {
        cr_assert(passes(&points[ids[i] - 1], w), "point %u does not pass", (unsigned)ids[i]);
        cr_assert(!exact || (double)scores[i] == all[i], "hit %u", i);
    }
}

static void search_once(struct client *c, uint64_t *state, bool with_year)
{
    struct wanted w = {
        .year = with_year && draw(state, 3) > 0, .low = 1940 + (int)draw(state, 70), .star = (int)draw(state, 7)};
    w.high = w.low + (int)draw(state, 1 + draw(state, 80));
    w.stars = draw(state, 2);
    w.not_stars = !w.stars && (!w.year || draw(state, 2));
    Kith__Number low = KITH__NUMBER__INIT, high = KITH__NUMBER__INIT;
    Kith__Range range = KITH__RANGE__INIT;
    Kith__Match star = KITH__MATCH__INIT;
    Kith__Condition year = KITH__CONDITION__INIT, stars = KITH__CONDITION__INIT;
    Kith__Filter filter = KITH__FILTER__INIT;
    Kith__Condition *must[2], *must_not[1] = {&stars};
    int64_t value = w.star;
    low.is_case = high.is_case = KITH__NUMBER__IS_INTEGER;
    low.integer = w.low;
    high.integer = w.high;
    range.gte = &low;
    range.lt = &high;
    year.field = (char *)(uintptr_t) "made.year";
    year.test_case = KITH__CONDITION__TEST_RANGE;
    year.range = &range;
    star.integers = &value;
    star.n_integers = 1;
    stars.field = (char *)(uintptr_t) "stars";
    stars.test_case = KITH__CONDITION__TEST_MATCH;
    stars.match = &star;
    filter.must = must;
    filter.must_not = must_not;
    if (w.year)
        must[filter.n_must++] = &year;
    if (w.stars)
        must[filter.n_must++] = &stars;
    filter.n_must_not = w.not_stars;
    c->filter = &filter;
    c->fan_out = draw(state, 4);
    float query[DIM];
    for (int j = 0; j < DIM; j++)
        query[j] = (float)draw(state, 1000);
    compare(c, &w, query, true);
    compare(c, &w, query, false);
    c->filter = NULL;
    c->fan_out = 0;
}

static void search_many(struct client *c, uint64_t *state, bool with_year)
{
    for (int i = 0; i < 25; i++)
        search_once(c, state, with_year);
}

static void seal(struct client *c)
{
    Kith__Seal ask = KITH__SEAL__INIT;
    ask.collection = (char *)(uintptr_t) "a";
    cr_assert_eq(client_call(c, KITH_OP_SEAL, &ask.base, NULL, 0, NULL), 0, "%s", c->error);
}

static void compact(struct client *c)
{
    Kith__Compact ask = KITH__COMPACT__INIT;
    ask.collection = (char *)(uintptr_t) "a";
    cr_assert_eq(client_call(c, KITH_OP_COMPACT, &ask.base, NULL, 0, NULL), 0, "%s", c->error);
}

static void delete_some(struct client *c, uint64_t *state)
{
    uint64_t ids[50], deleted;
    for (int i = 0; i < 50; i++) {
        ids[i] = 1 + draw(state, POINTS);
        points[ids[i] - 1].there = false;
    }
    cr_assert_eq(client_delete(c, "a", ids, 50, &deleted), 0, "%s", c->error);
}

static void live(struct server *s)
{
    struct client c;
    uint64_t state = 5;
    memset(points, 0, sizeof(points));
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_create(&c, "a", DIM, KITH__METRIC__METRIC_L2), 0);
    cr_assert_eq(client_add_field(&c, "a", "stars", INTEGER, 0, NULL), 0, "%s", c.error);
    search_many(&c, &state, false); /* an empty collection */
    write_points(&c, &state, 0, 500);
    search_many(&c, &state, false); /* growing segments whose column is as old as they are */
    cr_assert_eq(client_add_field(&c, "a", "made.year", INTEGER, 0, NULL), 0, "%s", c.error);
    search_many(&c, &state, true); /* and with a column that was added later */
    write_points(&c, &state, 300, 700);
    search_many(&c, &state, true);
    seal(&c);
    search_many(&c, &state, true);
    cr_assert_eq(client_drop_field(&c, "a", "made.year", 0, NULL), 0, "%s", c.error);
    write_points(&c, &state, 600, POINTS);
    seal(&c);
    search_many(&c, &state, false);
    cr_assert_eq(client_add_field(&c, "a", "made.year", INTEGER, 0, NULL), 0, "%s", c.error);
    search_many(&c, &state, true); /* sealed segments on all reactors that lack the column */
    delete_some(&c, &state);
    compact(&c);
    search_many(&c, &state, true); /* merged segments */
    write_points(&c, &state, 100, 200);
    cr_assert_eq(client_drop_field(&c, "a", "stars", 0, NULL), 0, "%s", c.error);
    cr_assert_eq(client_drop(&c, "a"), 0);
    client_close(&c);
}

Test(filter, finds_what_a_list_of_all_points_says)
{
    harness_run(BACKEND_SIM, 1, live);
    harness_run(BACKEND_SIM, 3, live);
    harness_run(BACKEND_AUTO, 2, live);
}

/* -- with columns, and without -- */

static void drop_columns(struct store *store)
{
    struct schema *none = schema_create(1, 0);
    cr_assert(none);
    for (struct shard *shard = store->shards; shard; shard = shard->next)
        for (uint32_t i = 0; i < shard->segment_count; i++)
            if (shard->segments[i])
                segment_columns_keep(shard->segments[i], none);
    schema_release(none);
}

static void without_columns(struct server *s)
{
    struct client c;
    struct store_stats before, with, without;
    uint64_t state = 6;
    memset(points, 0, sizeof(points));
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_create(&c, "a", DIM, KITH__METRIC__METRIC_L2), 0);
    cr_assert_eq(client_add_field(&c, "a", "stars", INTEGER, 0, NULL), 0, "%s", c.error);
    cr_assert_eq(client_add_field(&c, "a", "made.year", INTEGER, 0, NULL), 0, "%s", c.error);
    write_points(&c, &state, 0, 600);
    seal(&c);
    write_points(&c, &state, 500, 700);
    store_stats_read(s->cores[0]->store, &before);
    search_many(&c, &state, true);
    store_stats_read(s->cores[0]->store, &with);
    drop_columns(s->cores[0]->store);
    search_many(&c, &state, true);
    store_stats_read(s->cores[0]->store, &without);
    cr_assert_gt(with.filters.selections, before.filters.selections);
    cr_assert_eq(with.filters.payload_tests, before.filters.payload_tests);
    cr_assert_gt(without.filters.payload_tests, with.filters.payload_tests);
    cr_assert_eq(without.filters.selections, with.filters.selections);
    for (unsigned plan = 1; plan < PLAN_KINDS; plan++)
        without.filtered[0] += without.filtered[plan];
    cr_assert_geq(without.filtered[0], 2u * 25 * 2 * 2); /* two segments, exact and approximate */
    cr_assert_eq(client_drop(&c, "a"), 0);
    client_close(&c);
}

Test(filter, payloads_give_the_answers_that_columns_give)
{
    harness_run(BACKEND_SIM, 1, without_columns);
}

/* Searches with a filter of one condition. Returns what client_search() does. */
static int search_with(struct client *c, Kith__Condition *condition)
{
    static const float query[DIM];
    uint64_t ids[1];
    float scores[1];
    uint32_t found;
    Kith__Filter filter = KITH__FILTER__INIT;
    filter.must = &condition;
    filter.n_must = 1;
    c->filter = &filter;
    const int rc = client_search(c, "a", query, DIM, 1, false, ids, scores, &found);
    c->filter = NULL;
    return rc;
}

static void refuse(struct client *c, Kith__Condition *condition, const char *says)
{
    cr_assert_eq(search_with(c, condition), CLIENT_REFUSED(ERROR_INVALID_ARGUMENT), "%s", says);
    cr_assert(strstr(c->error, says), "'%s' does not say '%s'", c->error, says);
}

/* A filter of nothing but a clause that this version does not know lets no search through. */
static void refuse_newer_clause(struct client *c)
{
    static const float query[DIM];
    uint64_t ids[1];
    float scores[1];
    uint32_t found;
    ProtobufCMessageUnknownField newer = {9, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, 1, (uint8_t *)(uintptr_t) "\0"};
    Kith__Filter filter = KITH__FILTER__INIT;
    filter.base.unknown_fields = &newer;
    filter.base.n_unknown_fields = 1;
    c->filter = &filter;
    const int rc = client_search(c, "a", query, DIM, 1, false, ids, scores, &found);
    c->filter = NULL;
    cr_assert_eq(rc, CLIENT_REFUSED(ERROR_INVALID_ARGUMENT));
    cr_assert(strstr(c->error, "the filter has field 9 of its message, which this version"), "%s", c->error);
}

static void refusals(struct server *s)
{
    struct client c;
    static int64_t many[1025];
    Kith__Match match = KITH__MATCH__INIT;
    Kith__Range range = KITH__RANGE__INIT;
    Kith__Number number = KITH__NUMBER__INIT;
    Kith__Condition condition = KITH__CONDITION__INIT;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_create(&c, "a", DIM, KITH__METRIC__METRIC_L2), 0);
    cr_assert_eq(client_add_field(&c, "a", "stars", INTEGER, 0, NULL), 0, "%s", c.error);
    condition.field = (char *)(uintptr_t) "year";
    refuse(&c, &condition, "has no test");
    condition.test_case = KITH__CONDITION__TEST_MATCH;
    condition.match = &match;
    refuse(&c, &condition, "'year', which 'a' has no index of; add it as a field");
    condition.field = (char *)(uintptr_t) "stars";
    match.integers = many;
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = INT64_MAX - (int64_t)i;
    match.n_integers = 1024; /* the most that are allowed, of ten bytes each, fit into a search */
    cr_assert_geq(search_with(&c, &condition), 0, "%s", c.error);
    match.n_integers = 1025;
    refuse(&c, &condition, "but 1024 at most are allowed");
    condition.test_case = KITH__CONDITION__TEST_RANGE;
    condition.range = &range;
    range.gt = range.gte = &number;
    refuse(&c, &condition, "two bounds on one side");
    range.gte = NULL;
    number.is_case = KITH__NUMBER__IS_REAL;
    number.real = __builtin_nan("");
    refuse(&c, &condition, "is not a number");
    number.real = 1;
    ProtobufCMessageUnknownField newer = {6, PROTOBUF_C_WIRE_TYPE_VARINT, 1, (uint8_t *)(uintptr_t) "\1"};
    condition.base.unknown_fields = &newer;
    condition.base.n_unknown_fields = 1;
    refuse(&c, &condition, "the condition of a filter has field 6 of its message, which this version");
    refuse_newer_clause(&c);
    cr_assert_eq(client_drop(&c, "a"), 0);
    client_close(&c);
}

Test(filter, what_cannot_be_answered_is_refused_with_a_sentence)
{
    harness_run(BACKEND_SIM, 2, refusals);
}
