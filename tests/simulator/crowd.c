/* crowd.c -- a client sends many searches before it reads an answer: more than a core admits at
 * once. Some have deadlines that cannot be met, some are cancelled. Each must be answered once,
 * with hits or with an error that is allowed: its deadline has passed, it was cancelled, or the
 * server is busy. */
#include "play.h"

#include <string.h>

#define CROWD_MAX 120
/* from a deadline to the answer: slow disks and stalled reactors are among the faults */
#define SLACK_NS ((uint64_t)10000000000)

struct crowd {
    struct {
        uint32_t deadline_ms;
        uint64_t ends_ns; /* the deadline, or the time of the cancellation; 0: neither */
        bool cancelled, answered;
    } asked[CROWD_MAX];
    uint32_t n, hits, refused;
};

static int send_one(struct player *p, const struct book *b, struct crowd *c, uint32_t i)
{
    float query[4 * MODEL_DIM];
    uint32_t queries = draw_one_in(&p->random, 4) ? 4 : 1;
    for (uint32_t q = 0; q < queries; q++)
        model_vector(b->model.base + draw(&p->random) % MODEL_IDS, 1, query + (size_t)q * MODEL_DIM);
    Kith__Search s = KITH__SEARCH__INIT;
    s.collection = (char *)(uintptr_t)b->name;
    s.k = 1 + (uint32_t)(draw(&p->random) % MODEL_IDS);
    s.exact = draw_one_in(&p->random, 2);
    s.ef = draw_one_in(&p->random, 2) ? 4 + (uint32_t)(draw(&p->random) % 60) : 0;
    s.recall = !s.ef && draw_one_in(&p->random, 2) ? 0.9f : 0;
    s.with_vectors = draw_one_in(&p->random, 4);
    s.with_payloads = draw_one_in(&p->random, 8);
    const uint64_t now_ns = clock_now_ns();
    c->asked[i].deadline_ms = draw_one_in(&p->random, 3) ? 1 + (uint32_t)(draw(&p->random) % 20) : 0;
    c->asked[i].ends_ns = c->asked[i].deadline_ms ? now_ns + (uint64_t)c->asked[i].deadline_ms * 1000000 : 0;
    int rc = client_send(&p->client, KITH_OP_SEARCH, i, c->asked[i].deadline_ms, &s.base, query,
                         (uint64_t)queries * MODEL_DIM * sizeof(float));
    if (rc < 0 || !draw_one_in(&p->random, 16))
        return rc;
    uint32_t victim = (uint32_t)(draw(&p->random) % (i + 1));
    c->asked[victim].cancelled = true;
    c->asked[victim].ends_ns = now_ns;
    return client_send(&p->client, KITH_OP_CANCEL, victim, 0, NULL, NULL, 0);
}

/* Whether the server may answer request i with the error rc. */
static bool justified(const struct player *p, const struct crowd *c, uint32_t i, int rc)
{
    if (rc == CLIENT_REFUSED(ERROR_DEADLINE_EXCEEDED))
        return c->asked[i].deadline_ms > 0;
    if (rc == CLIENT_REFUSED(ERROR_CANCELLED))
        return c->asked[i].cancelled;
    return rc == CLIENT_REFUSED(ERROR_RESOURCE_EXHAUSTED) && p->client.retry_after_ms > 0;
}

/* Receives an answer and judges it. Returns 0, also for an allowed error, or a code of client.h. */
static int receive_one(struct player *p, const struct book *b, struct crowd *c)
{
    struct client_reply r = {0};
    int rc = client_receive(&p->client, &r);
    uint64_t i = r.header.request_id;
    client_reply_fini(&r);
    if (rc < 0 && rc > -1000)
        return rc;
    if (i >= c->n || c->asked[i].answered) {
        fail(p->world, p->name, "%s: request %" PRIu64 " of a crowd of %u was answered twice or never sent", b->name, i,
             c->n);
        return -EPROTO;
    }
    c->asked[i].answered = true;
    if (c->asked[i].ends_ns && clock_now_ns() > c->asked[i].ends_ns + SLACK_NS)
        fail(p->world, p->name, "%s: a search was answered %.3f s after its deadline or its cancellation", b->name,
             (double)(clock_now_ns() - c->asked[i].ends_ns) / 1e9);
    c->hits += rc == 0;
    c->refused += rc < 0;
    return rc < 0 && justified(p, c, (uint32_t)i, rc) ? 0 : rc;
}

void crowd(struct player *p, struct book *b)
{
    struct crowd c = {.n = 20 + (uint32_t)(draw(&p->random) % (CROWD_MAX - 20))};
    int rc = 0, first = 0;
    char why[sizeof(p->client.error)] = "";
    for (uint32_t i = 0; i < c.n && rc == 0; i++)
        rc = send_one(p, b, &c, i);
    for (uint32_t i = 0; i < c.n && (rc == 0 || rc <= -1000); i++) {
        rc = receive_one(p, b, &c);
        if (first == 0 && rc != 0) {
            first = rc;
            memcpy(why, p->client.error, sizeof(why));
        }
    }
    if (rc == 0 || rc <= -1000) {
        rc = first;
        memcpy(p->client.error, why, sizeof(why)); /* of the connection, not of the last refusal */
    }
    tell(p->world, p->name, "crowd of %u searches of %s: %s, %u with hits, %u refused", c.n, b->name, outcome(p, rc),
         c.hits, c.refused);
    (void)done(p, b, action_of_search(b), "crowd", rc);
}
