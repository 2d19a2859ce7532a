/* Requests leave at times that were fixed beforehand and do not wait for answers; a latency counts from the intended time, so a
 * server that stalls is charged for every request that should have been sent meanwhile (the "coordinated omission" of Gil Tene).
 * When every connection is full a request waits here, on its own clock. One thread, many connections, poll().
 *
 * With rate 0 it is a closed loop instead: every place in flight is filled again at once, which finds the most that goes. */
#include "load.h"

#include "clock.h"
#include "random.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define DRAIN_NS 10000000000ull /* what is not answered so long after the end is an error */

struct flight {
    int64_t request; /* 0: free */
    uint64_t intended_ns;
    uint32_t query;
    bool upsert;
};

struct connection {
    struct kith *k;
    struct flight *flights; /* in_flight */
    uint32_t count;
    bool touched; /* something was started since the last flush */
    bool look;    /* there may be answers: the socket has bytes, or sending has read some */
};

struct drive {
    struct connection *connections;
    struct pollfd *polls;
    uint32_t connection_count, in_flight, turn;
};

/* One phase while it runs. */
struct phase {
    struct drive *drive;
    struct drive_plan *plan;
    struct drive_result *result;
    struct random random;
    uint64_t start_ns, end_ns, next_ns, last_ns, sent;
    uint32_t next_query;
    float *vectors;      /* of one upsert: batch x dim */
    struct kith_id *ids; /* batch */
    uint32_t *rows;      /* of an answer: k */
};

void drive_close(struct drive *d)
{
    for (uint32_t i = 0; d && d->connections && i < d->connection_count; i++) {
        kith_close(d->connections[i].k);
        free(d->connections[i].flights);
    }
    if (d) {
        free(d->connections);
        free(d->polls);
    }
    free(d);
}

static int connection_open(struct connection *c, const char *address, uint32_t in_flight, struct error *e)
{
    char text[ERROR_TEXT_MAX] = "";
    int rc = kith_open(address, &c->k, text, sizeof(text));
    if (rc < 0)
        return error_set(e, ERROR_UNAVAILABLE, "%s", text);
    c->flights = calloc(in_flight, sizeof(*c->flights));
    return c->flights ? 0 : error_set_errno(e, -ENOMEM, "connections");
}

int drive_open(const char *address, uint32_t connections, uint32_t in_flight, struct drive **ret, struct error *e)
{
    prctl(PR_SET_TIMERSLACK, 1); /* poll() wakes when it was told to, not 50 us later */
    struct drive *d = calloc(1, sizeof(*d));
    if (!d)
        return error_set_errno(e, -ENOMEM, "connections");
    d->connection_count = connections;
    d->in_flight = in_flight;
    d->connections = calloc(connections, sizeof(*d->connections));
    d->polls = calloc(connections, sizeof(*d->polls));
    int rc = d->connections && d->polls ? 0 : error_set_errno(e, -ENOMEM, "connections");
    for (uint32_t i = 0; rc == 0 && i < connections; i++)
        rc = connection_open(&d->connections[i], address, in_flight, e);
    for (uint32_t i = 0; rc == 0 && i < connections; i++) {
        uint32_t most = kith_requests_max(d->connections[i].k);
        if (most && most < d->in_flight)
            d->in_flight = most;
    }
    if (rc < 0)
        drive_close(d);
    else
        *ret = d;
    return rc;
}

/* The connection with the most room, looking from a new place each time; NULL when all are full. */
static struct connection *connection_choose(struct drive *d)
{
    struct connection *best = NULL;
    d->turn = (d->turn + 1) % d->connection_count;
    for (uint32_t i = 0; i < d->connection_count; i++) {
        struct connection *c = &d->connections[(d->turn + i) % d->connection_count];
        if (c->count < d->in_flight && (!best || c->count < best->count))
            best = c;
    }
    return best;
}

static int64_t start_search(struct phase *p, struct connection *c, uint32_t *ret_query)
{
    const struct dataset *data = p->plan->data;
    *ret_query = p->next_query;
    p->next_query = (p->next_query + 1) % data->query_count;
    struct kith_search s = {.collection = p->plan->collection,
                            .queries = data->queries + (size_t)*ret_query * data->dim,
                            .count = 1,
                            .dim = data->dim,
                            .k = p->plan->k,
                            .ef = p->plan->ef};
    return kith_start_search(c->k, &s);
}

static int64_t start_upsert(struct phase *p, struct connection *c)
{
    const struct dataset *data = p->plan->data;
    for (uint32_t i = 0; i < p->plan->batch; i++) {
        uint64_t id = p->plan->new_points ? p->plan->next_id++ : random_below(&p->random, data->count);
        p->ids[i] = (struct kith_id){0, id};
        memcpy(p->vectors + (size_t)i * data->dim, data->base + (size_t)(id % data->count) * data->dim,
               data->dim * sizeof(float));
    }
    struct kith_points points = {.count = p->plan->batch, .ids = p->ids, .vectors = p->vectors, .dim = data->dim};
    return kith_start_upsert(c->k, p->plan->collection, &points);
}

static int request_start(struct phase *p, struct connection *c, uint64_t intended_ns, struct error *e)
{
    bool upsert = p->plan->write_share > 0 && random_unit(&p->random) < p->plan->write_share;
    uint32_t query = 0;
    int64_t request = upsert ? start_upsert(p, c) : start_search(p, c, &query);
    if (request < 0)
        return load_client_error(e, c->k, (int)request, "a request");
    struct flight *f = c->flights;
    while (f->request)
        f++;
    *f = (struct flight){.request = request, .intended_ns = intended_ns, .query = query, .upsert = upsert};
    c->count++;
    c->touched = true;
    p->sent++;
    struct drive_count *count = upsert ? &p->result->upsert : &p->result->search;
    count->offered++;
    return 0;
}

static void recall_add(struct phase *p, uint32_t query, const struct kith_result *result)
{
    uint32_t found = 0;
    for (size_t i = 0; i < result->count && i < p->plan->k; i++)
        if (result->ids[i].hi == 0 && result->ids[i].lo < p->plan->data->count)
            p->rows[found++] = (uint32_t)result->ids[i].lo;
    p->result->recall_found += recall_count(p->plan->recall, query, p->rows, found);
    p->result->recall_wanted += p->plan->k;
}

static void count_error(struct drive_count *count, const char *sentence)
{
    if (count->errors++ == 0)
        snprintf(count->error, sizeof(count->error), "%s", sentence);
}

static void trace_add(struct drive_trace *t, uint64_t intended_ns, uint64_t took_ns)
{
    if (t->count == t->capacity && !t->full) {
        size_t capacity = t->capacity ? t->capacity * 2 : 65536;
        struct drive_point *points = realloc(t->points, capacity * sizeof(*points));
        t->full = points == NULL;
        t->points = points ? points : t->points;
        t->capacity = points ? capacity : t->capacity;
    }
    if (t->count < t->capacity)
        t->points[t->count++] =
            (struct drive_point){(float)((double)(intended_ns - t->start_ns) / 1e9), (float)((double)took_ns / 1e3)};
}

double drive_trace_now(const struct drive_trace *t)
{
    return (double)(clock_wall_ns() - t->start_ns) / 1e9;
}

static void answer_take(struct phase *p, struct connection *c, const struct kith_reply *reply, uint64_t now)
{
    struct flight *f = c->flights, *end = c->flights + p->drive->in_flight;
    while (f < end && f->request != reply->request)
        f++;
    if (f == end)
        return; /* of an earlier phase, given up */
    struct drive_count *count = f->upsert ? &p->result->upsert : &p->result->search;
    if (reply->code < 0)
        count_error(count, kith_error(c->k));
    else {
        histogram_add(&count->latency_ns, now - f->intended_ns);
        count->served++;
        if (p->plan->trace && !f->upsert)
            trace_add(p->plan->trace, f->intended_ns, now - f->intended_ns);
    }
    if (reply->code == 0 && f->upsert)
        p->result->points += p->plan->batch;
    if (reply->code == 0 && !f->upsert && p->plan->recall)
        recall_add(p, f->query, &reply->result);
    f->request = 0;
    c->count--;
    p->last_ns = now;
}

static int answers_take(struct phase *p, struct error *e)
{
    for (uint32_t i = 0; i < p->drive->connection_count; i++) {
        struct connection *c = &p->drive->connections[i];
        struct kith_reply reply;
        int rc = 0;
        if (!c->look)
            continue;
        c->look = false;
        while (c->count > 0 && (rc = kith_next(c->k, 0, &reply)) > 0)
            answer_take(p, c, &reply, clock_wall_ns());
        if (rc < 0)
            return load_client_error(e, c->k, rc, "answers");
    }
    return 0;
}

static void next_arrival(struct phase *p)
{
    double gap = p->plan->uniform ? 1 / p->plan->rate : random_exponential(&p->random, p->plan->rate);
    p->next_ns += (uint64_t)(gap * 1e9);
}

/* Whether one more request is due now; *ret_intended is the moment that it counts from. */
static bool request_due(const struct phase *p, uint64_t now, uint64_t *ret_intended)
{
    if (p->plan->requests && p->sent >= p->plan->requests)
        return false;
    if (p->plan->rate == 0) {
        *ret_intended = now;
        return p->plan->requests || now < p->end_ns;
    }
    *ret_intended = p->next_ns;
    return p->next_ns <= now && p->next_ns < p->end_ns;
}

static int requests_start(struct phase *p, struct error *e)
{
    uint64_t intended;
    struct connection *c;
    while (request_due(p, clock_wall_ns(), &intended) && (c = connection_choose(p->drive))) {
        int rc = request_start(p, c, intended, e);
        if (rc < 0)
            return rc;
        if (p->plan->rate > 0)
            next_arrival(p);
    }
    for (uint32_t i = 0; i < p->drive->connection_count; i++) {
        c = &p->drive->connections[i];
        int rc = c->touched ? kith_flush(c->k) : 0;
        c->look |= c->touched;
        c->touched = false;
        if (rc < 0)
            return load_client_error(e, c->k, rc, "sending");
    }
    return 0;
}

/* Waits for an answer, the next request's time, or the end; not at all when a request is due, only to see who has answers. */
static void wait_a_little(struct phase *p, uint64_t now)
{
    struct drive *d = p->drive;
    bool full = true, look = false;
    for (uint32_t i = 0; i < d->connection_count; i++) {
        d->polls[i] = (struct pollfd){.fd = kith_fd(d->connections[i].k), .events = POLLIN};
        full &= d->connections[i].count == d->in_flight;
        look |= d->connections[i].look;
    }
    uint64_t until = now + 100000000, intended;
    if (look || (!full && request_due(p, now, &intended)))
        until = now;
    else if (!full && p->plan->rate > 0 && p->next_ns < p->end_ns && p->next_ns < until)
        until = p->next_ns;
    uint64_t wait_ns = until - now;
    struct timespec ts = {.tv_sec = (time_t)(wait_ns / 1000000000), .tv_nsec = (long)(wait_ns % 1000000000)};
    if (ppoll(d->polls, d->connection_count, &ts, NULL) <= 0)
        return;
    for (uint32_t i = 0; i < d->connection_count; i++)
        d->connections[i].look |= d->polls[i].revents != 0;
}

static uint32_t flights_count(const struct drive *d)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < d->connection_count; i++)
        sum += d->connections[i].count;
    return sum;
}

/* What was never answered, or never even sent, is an error, and its latency is at least what has passed. */
static void leftovers_count(struct phase *p, uint64_t now)
{
    for (uint32_t i = 0; i < p->drive->connection_count; i++) {
        struct connection *c = &p->drive->connections[i];
        for (uint32_t f = 0; f < p->drive->in_flight; f++) {
            if (!c->flights[f].request)
                continue;
            struct drive_count *count = c->flights[f].upsert ? &p->result->upsert : &p->result->search;
            count_error(count, "not answered in time");
            histogram_add(&count->latency_ns, now - c->flights[f].intended_ns);
            c->flights[f].request = 0;
        }
        c->count = 0;
    }
    struct drive_count *count = p->plan->write_share < 1 ? &p->result->search : &p->result->upsert;
    for (; p->plan->rate > 0 && p->next_ns < p->end_ns; next_arrival(p)) {
        count->offered++;
        count_error(count, "not sent in time: every connection was full");
        histogram_add(&count->latency_ns, now - p->next_ns);
    }
}

/* A phase that lasts as long as somebody else's work: its end moves on, a tenth of a second at a time. */
static void end_move(struct phase *p)
{
    uint64_t next_ns = clock_wall_ns() + 100000000;
    if (p->plan->until && !atomic_load(p->plan->until) && p->end_ns < next_ns)
        p->end_ns = next_ns;
}

static int phase_loop(struct phase *p, struct error *e)
{
    for (;;) {
        end_move(p);
        int rc = answers_take(p, e);
        if (rc == 0)
            rc = requests_start(p, e);
        if (rc < 0)
            return rc;
        uint64_t now = clock_wall_ns();
        bool arrivals_over = p->plan->requests    ? p->sent >= p->plan->requests
                             : p->plan->rate == 0 ? now >= p->end_ns
                                                  : p->next_ns >= p->end_ns;
        if (arrivals_over && flights_count(p->drive) == 0)
            return 0;
        uint64_t last = p->plan->requests ? p->last_ns : p->end_ns;
        if (now > last + DRAIN_NS) {
            leftovers_count(p, now);
            return 0;
        }
        wait_a_little(p, now);
    }
}

static void rates_fill(const struct phase *p, struct drive_count *count)
{
    count->offered_qps = (double)count->offered * 1e9 / (double)(p->end_ns - p->start_ns);
    count->served_qps = p->result->seconds > 0 ? (double)count->served / p->result->seconds : 0;
    if (p->plan->rate == 0)
        count->offered_qps = count->served_qps;
}

int drive_run(struct drive *d, struct drive_plan *plan, struct drive_result *ret, struct error *e)
{
    memset(ret, 0, sizeof(*ret));
    histogram_init(&ret->search.latency_ns);
    histogram_init(&ret->upsert.latency_ns);
    struct phase p = {.drive = d, .plan = plan, .result = ret, .random = {plan->seed}};
    p.ids = calloc(plan->batch, sizeof(*p.ids));
    p.vectors = malloc((size_t)plan->batch * plan->data->dim * sizeof(float));
    p.rows = calloc(plan->k, sizeof(*p.rows));
    int rc = p.ids && p.vectors && p.rows ? 0 : error_set_errno(e, -ENOMEM, "a batch of %u points", plan->batch);
    p.start_ns = p.next_ns = p.last_ns = clock_wall_ns();
    p.end_ns = p.start_ns + (uint64_t)(plan->seconds * 1e9);
    if (plan->rate > 0)
        next_arrival(&p);
    if (rc == 0)
        rc = phase_loop(&p, e);
    /* Served over the whole phase, and longer when answers came after it. */
    ret->seconds = (double)(p.last_ns - p.start_ns) / 1e9;
    double whole = (double)(p.end_ns - p.start_ns) / 1e9;
    if (plan->rate > 0 && ret->seconds < whole)
        ret->seconds = whole;
    rates_fill(&p, &ret->search);
    rates_fill(&p, &ret->upsert);
    free(p.ids);
    free(p.vectors);
    free(p.rows);
    return rc;
}
