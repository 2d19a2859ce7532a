/* Tests that the statistics of a server agree with the requests that it got. */
#include "actors/router/router.h"
#include "client.h"
#include "harness.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define POINTS   300
#define SEARCHES 40

static Kith__Stats *stats_of(struct client *c)
{
    Kith__GetStats m = KITH__GET_STATS__INIT;
    m.with_collections = true;
    struct client_reply r;
    cr_assert_eq(client_call(c, KITH_OP_STATS, &m.base, NULL, 0, &r), 0, "%s", c->error);
    Kith__Stats *s = kith__stats__unpack(NULL, r.header.meta_bytes, r.meta);
    cr_assert(s);
    client_reply_fini(&r);
    return s;
}

/* The number of searches in the last minute. Asserts that minimum, maximum, sum and count fit. */
static uint64_t recent_in(const Kith__Stats *s)
{
    uint64_t n = 0;
    for (size_t r = 0; r < s->n_reactors; r++)
        for (size_t i = 0; i < s->reactors[r]->n_recent; i++) {
            const Kith__SearchTimes *t = s->reactors[r]->recent[i];
            uint64_t of_kind = 0;
            for (size_t j = 0; j < t->n_counts; j++)
                of_kind += t->counts[j];
            cr_assert(of_kind == 0 || (t->min_ns <= t->max_ns && t->sum_ns >= t->min_ns * of_kind));
            n += of_kind;
        }
    return n;
}

static uint64_t searches_in(const Kith__Stats *s, bool exact)
{
    uint64_t n = 0;
    for (size_t r = 0; r < s->n_reactors; r++)
        for (size_t i = 0; i < s->reactors[r]->n_searches; i++) {
            const Kith__SearchTimes *t = s->reactors[r]->searches[i];
            cr_assert_eq(t->n_counts, t->n_at_most_ns);
            for (size_t j = 0; j < t->n_counts && t->exact == exact; j++) {
                cr_assert(t->counts[j] > 0 && (j == 0 || t->at_most_ns[j] > t->at_most_ns[j - 1]));
                n += t->counts[j];
            }
        }
    return n;
}

static uint64_t written_in(const Kith__Stats *s)
{
    uint64_t n = 0;
    for (size_t r = 0; r < s->n_reactors; r++) {
        const Kith__ReactorStats *x = s->reactors[r];
        n += x->points_written;
    }
    return n;
}

static void use(struct client *c)
{
    static uint64_t ids[POINTS];
    static float v[POINTS * 4];
    uint64_t hit, deleted;
    float score;
    uint32_t n;
    for (uint32_t i = 0; i < POINTS; i++) {
        ids[i] = i;
        v[i * 4] = (float)i;
    }
    cr_assert_eq(client_create(c, "a", 4, KITH__METRIC__METRIC_L2), 0);
    cr_assert_eq(client_upsert(c, "a", ids, POINTS, v, 4), 0, "%s", c->error);
    for (uint32_t i = 0; i < SEARCHES; i++)
        cr_assert_eq(client_search(c, "a", v + i * 4, 4, 1, i % 4 == 0, &hit, &score, &n), 0, "%s", c->error);
    cr_assert_eq(client_delete(c, "a", ids, 10, &deleted), 0);
}

static void figures(struct server *s)
{
    struct client c;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    Kith__Stats *before = stats_of(&c);
    cr_assert(searches_in(before, true) + searches_in(before, false) + written_in(before) == 0);
    cr_assert_str_eq(before->read_only, "");
    use(&c);
    Kith__Stats *after = stats_of(&c);
    cr_assert_eq(after->n_reactors, before->n_reactors);
    cr_assert_eq(searches_in(after, true), SEARCHES / 4);
    cr_assert_eq(searches_in(after, false), SEARCHES - SEARCHES / 4);
    cr_assert_eq(written_in(after), POINTS);
    cr_assert_eq(recent_in(after), SEARCHES);
    cr_assert_eq(before->n_collections, 0);
    cr_assert_eq(after->n_collections, 1);
    cr_assert_str_eq(after->collections[0]->name, "a");
    cr_assert_eq(after->collections[0]->points, POINTS - 10);
    cr_assert_eq(after->collections[0]->growing_rows, POINTS - 10, "dead rows must not be counted");
    uint64_t memory = 0;
    for (size_t i = 0; i < after->n_memory; i++)
        memory += after->memory[i]->count;
    cr_assert_gt(memory, POINTS * 4 * sizeof(float));
    cr_assert_eq(after->memory_budget, before->memory_budget);
    cr_assert_gt(after->uptime_ns, before->uptime_ns);
    uint64_t deleted = 0, connections = 0;
    for (size_t r = 0; r < after->n_reactors; r++) {
        deleted += after->reactors[r]->points_deleted;
        connections += after->reactors[r]->connections;
    }
    cr_assert(deleted == 10 && connections == 1);
    kith__stats__free_unpacked(before, NULL);
    kith__stats__free_unpacked(after, NULL);
    client_close(&c);
}

Test(stats, agree_with_what_was_asked)
{
    harness_run(BACKEND_SIM, 1, figures);
    harness_run(BACKEND_SIM, 3, figures);
    harness_run(BACKEND_AUTO, 2, figures);
}

/* The number of messages that this reactor sends while it makes the text of the metrics. */
static uint64_t messages_of_metrics(struct server *s)
{
    struct reactor_stats before, after;
    struct buffer text = {0};
    struct request *rq = request_acquire(server_core(s), 0);
    reactor_stats_read(&before);
    cr_assert_eq(router_metrics(rq, &text), 0);
    reactor_stats_read(&after);
    request_release(rq);
    buffer_fini(&text);
    return after.messages_sent - before.messages_sent;
}

static void collections_create(struct client *c, unsigned from, unsigned to)
{
    char name[16];
    for (unsigned i = from; i < to; i++) {
        snprintf(name, sizeof(name), "c%u", i);
        cr_assert_eq(client_create(c, name, 4, KITH__METRIC__METRIC_L2), 0);
    }
}

#define OTHER_MESSAGES 12 /* the most that background work may send meanwhile */

static void count_messages(struct server *s)
{
    struct client c;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    collections_create(&c, 0, 1);
    const uint64_t of_one = messages_of_metrics(s);
    collections_create(&c, 1, 100);
    cr_assert_leq(messages_of_metrics(s), of_one + OTHER_MESSAGES, "the number must not grow with the collections");
    client_close(&c);
}

Test(stats, metrics_take_as_many_messages_for_many_collections_as_for_one)
{
    harness_run(BACKEND_SIM, 3, count_messages);
}
