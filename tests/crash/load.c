#include "load.h"
#include "common.h"

#include <stdio.h>
#include <string.h>

/* -- sending -- */

static int64_t send_points(struct load *l, const struct operation *op)
{
    static float vectors[LOAD_BATCH_MAX][DIM];
    static char payloads[LOAD_BATCH_MAX][PAYLOAD_MAX];
    static const char *payload_list[LOAD_BATCH_MAX];
    static uint32_t payload_sizes[LOAD_BATCH_MAX];
    struct kith_id ids[LOAD_BATCH_MAX];
    for (uint32_t i = 0; i < op->count; i++) {
        ids[i] = make_id(op->ids[i]);
        make_vector(op->ids[i], op->version, vectors[i]);
        payload_sizes[i] = make_payload(op->version, payloads[i]);
        payload_list[i] = payloads[i];
    }
    struct kith_points points = {op->count, ids, vectors[0], DIM, payload_list, payload_sizes, 0};
    return kith_start_upsert(l->k, l->collection, &points);
}

static int64_t send_delete(struct load *l, const struct operation *op)
{
    struct kith_id ids[LOAD_BATCH_MAX];
    for (uint32_t i = 0; i < op->count; i++)
        ids[i] = make_id(op->ids[i]);
    return kith_start_delete(l->k, l->collection, ids, op->count);
}

/* Searches with the vector of the point, which must be the first hit if the point exists, and no
 * hit if not. */
static int64_t send_search(struct load *l, const struct operation *op)
{
    float query[DIM];
    uint32_t version = l->model->ids[op->ids[0]].version;
    make_vector(op->ids[0], version ? version : 1, query);
    struct kith_search s = {
        .collection = l->collection, .queries = query, .count = 1, .dim = DIM, .k = 1, .exact = true};
    return kith_start_search(l->k, &s);
}

static int send_operation(struct load *l, struct operation *op)
{
    switch (op->kind) {
    case OPERATION_UPSERT: op->request = send_points(l, op); break;
    case OPERATION_DELETE: op->request = send_delete(l, op); break;
    case OPERATION_SEARCH: op->request = send_search(l, op); break;
    case OPERATION_SEAL: op->request = kith_start_seal(l->k, l->collection); break;
    case OPERATION_COMPACT: op->request = kith_start_compact(l->k, l->collection); break;
    case OPERATION_NONE: return 0;
    }
    return op->request > 0 ? 0 : failed("sending: %s", kith_error(l->k));
}

/* -- choosing -- */

static bool is_free(const struct load *l, uint32_t n)
{
    return !l->model->ids[n].busy && !l->model->ids[n].open && !(l->snapshot && l->snapshot->ids[n].open);
}

static void take_id(struct load *l, struct operation *op, uint32_t n)
{
    struct expectation *e = &l->model->ids[n];
    e->busy = true;
    op->ids[op->count++] = n;
    if (!operation_writes(op))
        return;
    e->open = true;
    e->maybe = op->kind == OPERATION_UPSERT ? op->version : 0;
    if (l->snapshot) {
        l->snapshot->ids[n].open = true;
        l->snapshot->ids[n].maybe = e->maybe;
    }
}

static void choose_ids(struct load *l, struct operation *op, uint32_t want)
{
    bool uuid = random_below(3) == 0;
    for (uint32_t tries = 0; op->count < want && tries < 4 * want; tries++) {
        uint32_t n = (uint32_t)random_below(MODEL_IDS);
        if (is_uuid(n) == uuid && is_free(l, n))
            take_id(l, op, n);
    }
}

static enum operation_kind choose_kind(const struct load *l)
{
    if (l->maintains && random_below(100) == 0)
        return random_below(2) ? OPERATION_SEAL : OPERATION_COMPACT;
    uint64_t dice = random_below(10);
    if (dice == 0)
        return l->no_searches ? OPERATION_NONE : OPERATION_SEARCH;
    if (l->refusals_allowed && l->refused_count + LOAD_IN_FLIGHT > LOAD_REFUSED_MAX)
        return OPERATION_NONE;
    if (dice <= 2)
        return l->no_deletes ? OPERATION_NONE : OPERATION_DELETE;
    return l->no_upserts ? OPERATION_NONE : OPERATION_UPSERT;
}

static int start_operation(struct load *l, struct operation *op)
{
    *op = (struct operation){.kind = choose_kind(l), .version = ++l->version_next};
    /* now and then a batch as large as those of an import */
    uint32_t most = random_below(8) == 0 ? LOAD_BATCH_MAX : 40;
    if (op->kind == OPERATION_SEARCH || operation_writes(op))
        choose_ids(l, op, operation_writes(op) ? 1 + (uint32_t)random_below(most) : 1);
    if (op->count || op->kind == OPERATION_SEAL || op->kind == OPERATION_COMPACT)
        return send_operation(l, op);
    op->kind = OPERATION_NONE;
    return 0;
}

/* -- answers -- */

static struct operation *find_operation(struct load *l, int64_t request)
{
    for (int i = 0; i < LOAD_IN_FLIGHT; i++)
        if (l->operations[i].kind != OPERATION_NONE && l->operations[i].request == request)
            return &l->operations[i];
    return NULL;
}

static int check_found(const struct load *l, const struct operation *op, const struct kith_result *got)
{
    uint32_t n = op->ids[0];
    struct kith_id id = make_id(n);
    bool first = got->count > 0 && got->ids[0].hi == id.hi && got->ids[0].lo == id.lo;
    if (first == (l->model->ids[n].version != 0))
        return 0;
    return failed("under load, a search for id %u %s", n, first ? "found it, though deleted" : "did not find it");
}

static void release_ids(struct load *l, const struct operation *op)
{
    for (uint32_t i = 0; i < op->count; i++)
        l->model->ids[op->ids[i]].busy = false;
}

static int acknowledge(struct load *l, struct operation *op, const struct kith_result *got)
{
    int rc = op->kind == OPERATION_SEARCH ? check_found(l, op, got) : 0;
    release_ids(l, op);
    for (uint32_t i = 0; i < op->count && operation_writes(op); i++) {
        struct expectation *e = &l->model->ids[op->ids[i]];
        e->version = e->maybe;
        e->open = false;
    }
    l->counts.upserts += op->kind == OPERATION_UPSERT;
    l->counts.deletes += op->kind == OPERATION_DELETE;
    l->counts.searches += op->kind == OPERATION_SEARCH;
    l->counts.seals += op->kind == OPERATION_SEAL;
    l->counts.compactions += op->kind == OPERATION_COMPACT;
    l->counts.points += operation_writes(op) ? op->count : 0;
    op->kind = OPERATION_NONE;
    return rc;
}

static int refuse(struct load *l, struct operation *op, int code)
{
    if (!l->refusals_allowed || op->kind == OPERATION_SEARCH)
        return failed("a request of kind %d was refused with %d: %s", (int)op->kind, code, kith_error(l->k));
    l->refused[l->refused_count++] = *op;
    op->kind = OPERATION_NONE;
    l->counts.refusals++;
    l->refused_code = code;
    snprintf(l->refused_text, sizeof(l->refused_text), "%s", kith_error(l->k));
    return 0;
}

#define LOST (-2)

/* Returns 1 for one answer, 0 for none in time, LOST if the connection ended, or failed(). */
static int take_answer(struct load *l, int64_t timeout_us)
{
    struct kith_reply reply;
    int rc = kith_next(l->k, timeout_us, &reply);
    if (rc <= 0)
        return rc < 0 ? LOST : 0;
    struct operation *op = find_operation(l, reply.request);
    if (!op)
        return failed("an answer to request %lld, which was not sent", (long long)reply.request);
    rc = reply.code < 0 ? refuse(l, op, reply.code) : acknowledge(l, op, &reply.result);
    return rc < 0 ? rc : 1;
}

static int lost(const struct load *l)
{
    return failed("the connection was lost: %s", kith_error(l->k));
}

int load_run(struct load *l, uint64_t duration_us)
{
    for (uint64_t end = now_us() + duration_us; now_us() < end;) {
        for (int i = 0; i < LOAD_IN_FLIGHT; i++)
            if (l->operations[i].kind == OPERATION_NONE && start_operation(l, &l->operations[i]) < 0)
                return -1;
        if (kith_in_flight(l->k) == 0)
            pause_us(1000);
        int rc = take_answer(l, 1000);
        if (rc < 0)
            return rc == LOST ? lost(l) : rc;
    }
    return kith_flush(l->k) < 0 ? lost(l) : 0;
}

int load_finish(struct load *l)
{
    while (kith_in_flight(l->k) > 0) {
        int rc = take_answer(l, (int64_t)PATIENCE_US);
        if (rc == LOST)
            return lost(l);
        if (rc <= 0)
            return rc < 0 ? rc : failed("%zu requests are not answered", kith_in_flight(l->k));
    }
    return 0;
}

int load_retry(struct load *l)
{
    uint32_t before = l->refused_count;
    static struct operation again[LOAD_REFUSED_MAX];
    memcpy(again, l->refused, before * sizeof(*again));
    l->refused_count = 0;
    for (uint32_t n = 0; n < before; n++) {
        struct operation *op = &l->operations[n % LOAD_IN_FLIGHT];
        if (n % LOAD_IN_FLIGHT == 0 && load_finish(l) < 0)
            return -1;
        *op = again[n];
        if (send_operation(l, op) < 0)
            return -1;
    }
    if (load_finish(l) < 0)
        return -1;
    return l->refused_count > 0;
}

static void forget(struct load *l, struct operation *op)
{
    if (op->kind != OPERATION_NONE)
        release_ids(l, op);
    op->kind = OPERATION_NONE;
}

void load_forget_refused(struct load *l)
{
    for (uint32_t i = 0; i < l->refused_count; i++)
        forget(l, &l->refused[i]);
    l->refused_count = 0;
}

int load_drop(struct load *l)
{
    int rc = 1;
    while (rc > 0 && kith_in_flight(l->k) > 0)
        rc = take_answer(l, 1000000);
    for (int i = 0; i < LOAD_IN_FLIGHT; i++)
        forget(l, &l->operations[i]);
    load_forget_refused(l);
    return rc == LOST || rc >= 0 ? 0 : rc;
}
