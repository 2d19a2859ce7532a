/* Tests queries and writes as the router takes them: options that no message of the native protocol
 * has yet, and refusals that hold for every protocol. */
#include "actors/router/router.h"
#include "scenario.h"

#include <string.h>

#define POINTS 40

static const float target[4] = {0, 13, 26, 39}; /* point 0 of fill_collection() */

static struct query ask_for(uint32_t k, uint32_t offset)
{
    return (struct query){.collection = "c",
                          .targets = {target, sizeof(target), 4, 0},
                          .k = k,
                          .offset = offset,
                          .effort = {.exact = true}};
}

static struct request *begin(struct server *s)
{
    struct request *rq = request_acquire(server_core(s), 0);
    cr_assert(rq);
    return rq;
}

static void end(struct request *rq)
{
    admission_forget(rq);
    request_release(rq);
}

/* Writes the ids of the answer into ret. Returns their number. */
static uint32_t search(struct server *s, const struct query *q, uint64_t *ret)
{
    struct answer points;
    struct request *rq = begin(s);
    cr_assert_eq(router_search(rq, q, &points), 0, "%s", rq->error.text);
    cr_assert_eq(points.query_count, 1u);
    cr_assert_eq(points.counts[0], points.count);
    for (uint32_t i = 0; i < points.count; i++)
        ret[i] = points.ids[i].lo;
    const uint32_t count = points.count;
    end(rq);
    return count;
}

static void refused(struct server *s, const struct query *q, const char *said)
{
    struct answer points;
    struct request *rq = begin(s);
    cr_assert_lt(router_search(rq, q, &points), 0);
    cr_assert(strstr(rq->error.text, said), "\"%s\" does not say %s", rq->error.text, said);
    end(rq);
}

NATIVE_TEST(router_query, an_offset_leaves_out_the_first_hits)
{
    struct client c = opened(s);
    uint64_t all[POINTS], page[POINTS];
    fill_collection(&c, "c", POINTS);
    client_close(&c);
    struct query q = ask_for(POINTS, 0);
    cr_assert_eq(search(s, &q, all), POINTS);
    cr_assert_eq(all[0], 0u);
    for (uint32_t offset = 0; offset < POINTS; offset += 7) {
        q = ask_for(7, offset);
        const uint32_t n = search(s, &q, page), left = POINTS - offset;
        cr_assert_eq(n, left < 7 ? left : 7);
        cr_assert_eq(memcmp(page, all + offset, n * sizeof(*page)), 0, "the page of hits from %u on differs", offset);
    }
    q = ask_for(5, POINTS);
    cr_assert_eq(search(s, &q, page), 0u, "a page behind the last hit must be empty");
    q = ask_for(5, POINTS + 3);
    cr_assert_eq(search(s, &q, page), 0u);
    q = ask_for(5, 3);
    q.select.payloads = q.select.vectors = true;
    cr_assert_eq(search(s, &q, page), 5u);
    cr_assert_eq(memcmp(page, all + 3, 5 * sizeof(*page)), 0,
                 "asking for vectors and payloads must not change the hits");
}

NATIVE_TEST(router_query, names_of_vectors_are_checked)
{
    struct client c = opened(s);
    fill_collection(&c, "c", POINTS);
    client_close(&c);
    struct query q = ask_for(3, 0);
    uint64_t ids[3], count;
    q.vector = "";
    cr_assert_eq(search(s, &q, ids), 3u);
    q.vector = "title";
    refused(s, &q, "no vector named 'title'");
    q = ask_for(QUERY_K_MAX, 1);
    refused(s, &q, "offset 1");
    const struct point_id id = {0, 1};
    const struct write_vectors both[2] = {{.data = target, .bytes = sizeof(target)}, {.name = "title"}};
    struct write w = {
        .kind = WRITE_UPSERT, .collection = "c", .ids = &id, .count = 1, .vectors = both, .vector_count = 2};
    struct request *rq = begin(s);
    cr_assert_lt(router_write(rq, &w, &count), 0);
    cr_assert(strstr(rq->error.text, "no vector named 'title'"), "%s", rq->error.text);
    end(rq);
    w.vector_count = 0;
    rq = begin(s);
    cr_assert_lt(router_write(rq, &w, &count), 0);
    cr_assert(strstr(rq->error.text, "have 0 vectors"), "%s", rq->error.text);
    end(rq);
    w.vector_count = 1;
    rq = begin(s);
    cr_assert_eq(router_write(rq, &w, &count), 0, "%s", rq->error.text);
    cr_assert_eq(count, 1u);
    end(rq);
}
