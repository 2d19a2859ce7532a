/* load_drive.c -- sends requests at predetermined times without waiting for answers. A latency
 * counts from the intended time. So a server that stalls is charged for every request that should
 * have been sent meanwhile (the "coordinated omission" of Gil Tene). If every connection is full, a
 * request waits here, and its latency grows. One thread, many connections, poll().
 *
 * With rate 0 it is a closed loop instead: each free place in flight is filled at once, which finds
 * the capacity. */
#include "load/load_drive.h"

#include "clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define MOVE_NS 2000000ull /* time on one core */
/* longest sleep before answers are read; they carry their arrival time */
#define SLEEP_NS 1000000ull
/* a request that is not answered so long after the end counts as an error */
#define DRAIN_NS 10000000000ull

void drive_close(struct drive *d)
{
    for (uint32_t i = 0; d && d->connections && i < d->connection_count; i++) {
        if (d->connections[i].link)
            d->target->close(d->connections[i].link);
        free(d->connections[i].flights);
    }
    if (d) {
        free(d->connections);
        free(d->polls);
        free(d->bounds);
    }
    free(d);
}

static int links_open(struct drive *d, const char *address, struct error *e)
{
    char text[ERROR_TEXT_MAX] = "";
    for (uint32_t i = 0; i < d->connection_count; i++) {
        if (d->target->open(address, &d->connections[i].link, text, sizeof(text)) < 0)
            return error_set(e, ERROR_UNAVAILABLE, "%s", text);
        uint32_t most = d->target->in_flight_max(d->connections[i].link);
        if (most && most < d->in_flight)
            d->in_flight = most;
    }
    return 0;
}

/* Raises the priority of this thread. If the server uses all cores, a load generator that waits for
 * a core measures the scheduler: it waited 0.5 to 1.5 ms a hundred times a second. So it runs
 * before other programs if it may, and moves from core to core. On one core it would take half of
 * that core from the server. A client on another machine would take nothing. */
static bool go_first(cpu_set_t *ret_cores)
{
    static bool told;
    const struct sched_param first = {.sched_priority = 1};
    if (sched_getaffinity(0, sizeof(*ret_cores), ret_cores) == 0 &&
        sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first) == 0)
        return true;
    if (!told)
        fprintf(stderr,
                "load: may not go before other programs (CAP_SYS_NICE): its waits for a core count as the server's\n");
    told = true;
    return false;
}

static void go_back(const struct drive *d)
{
    const struct sched_param usual = {0};
    if (!d->goes_first)
        return;
    (void)sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK,
                             &usual); /* clearing the flag needs a separate right */
    (void)sched_setaffinity(0, sizeof(d->cores), &d->cores);
}

static void core_change(struct drive *d, uint64_t now)
{
    if (!d->goes_first || now < d->moves_ns)
        return;
    do
        d->core = (d->core + 1) % CPU_SETSIZE;
    while (!CPU_ISSET(d->core, &d->cores));
    cpu_set_t next;
    CPU_ZERO(&next);
    CPU_SET(d->core, &next);
    (void)sched_setaffinity(0, sizeof(next), &next);
    d->moves_ns = now + MOVE_NS;
}

int drive_open(const struct target *t, const char *address, uint32_t connections, uint32_t in_flight,
               struct drive **ret, struct error *e)
{
    prctl(PR_SET_TIMERSLACK, 1); /* poll() then wakes at the given time, not 50 us later */
    struct drive *d = calloc(1, sizeof(*d));
    if (!d)
        return error_set_errno(e, -ENOMEM, "connections");
    *d = (struct drive){.target = t, .connection_count = connections, .in_flight = in_flight};
    d->connections = calloc(connections, sizeof(*d->connections));
    d->polls = calloc(connections, sizeof(*d->polls));
    int rc = d->connections && d->polls ? links_open(d, address, e) : -ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < connections; i++) {
        d->connections[i].flights = calloc(d->in_flight, sizeof(struct flight));
        rc = d->connections[i].flights ? 0 : -ENOMEM;
    }
    if (rc == -ENOMEM)
        error_set_errno(e, rc, "connections");
    if (rc < 0)
        drive_close(d);
    else
        *ret = d;
    return rc;
}

/* Allocates the bounds of all searches in flight. */
static int bounds_make(struct drive *d, uint32_t queries)
{
    if (queries > d->bounds_each) {
        free(d->bounds);
        d->bounds = calloc((size_t)d->connection_count * d->in_flight * queries, sizeof(*d->bounds));
        d->bounds_each = d->bounds ? queries : 0;
    }
    for (uint32_t i = 0; d->bounds && i < d->connection_count * d->in_flight; i++)
        d->connections[i / d->in_flight].flights[i % d->in_flight].bounds = d->bounds + (size_t)i * d->bounds_each;
    return d->bounds ? 0 : -ENOMEM;
}

/* The connection with the most room, beginning at another one each time; NULL when all are full. */
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

static int all_answers_take(struct phase *p, struct error *e)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < p->drive->connection_count; i++) {
        struct connection *c = &p->drive->connections[i];
        if (c->look)
            rc = answers_take(p, c, e);
        c->look = false;
    }
    return rc;
}

static void next_arrival(struct phase *p)
{
    double gap = p->plan->uniform ? 1 / p->plan->rate : random_exponential(&p->random, p->plan->rate);
    p->next_ns += (uint64_t)(gap * 1e9);
}

/* Whether another request is due now; *ret_intended is its intended time. */
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
        int rc = c->touched ? p->drive->target->flush(c->link) : 0;
        c->look |= c->touched;
        c->touched = false;
        if (rc < 0)
            return link_fails(e, c->link, rc, "sending");
    }
    return 0;
}

/* Sleeps until the next request. Waking for every answer would cost more than all other work here,
 * and would take the core from a server on it. */
static void sleep_until_next(struct phase *p, uint64_t *now)
{
    if (!p->drive->target->tells_arrival || p->plan->rate == 0 || p->next_ns >= p->end_ns || p->next_ns <= *now ||
        p->next_ns - *now > SLEEP_NS)
        return;
    struct timespec until = {.tv_sec = (time_t)(p->next_ns / 1000000000), .tv_nsec = (long)(p->next_ns % 1000000000)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    *now = clock_wall_ns();
}

/* Waits for an answer, the time of the next request, or the end. When a request is due, it only
 * checks which connections have answers. */
static void wait_a_little(struct phase *p, uint64_t now)
{
    struct drive *d = p->drive;
    sleep_until_next(p, &now);
    bool full = true, look = false;
    for (uint32_t i = 0; i < d->connection_count; i++) {
        d->polls[i] = (struct pollfd){.fd = d->target->fd(d->connections[i].link), .events = POLLIN};
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

/* Requests of this phase in flight. */
static uint32_t flights_count(const struct drive *d)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < d->connection_count; i++)
        sum += d->connections[i].count;
    return sum - d->abandoned;
}

/* Counts requests that were never answered or never sent as errors; their latency is at least the
 * time until now. */
static void leftovers_count(struct phase *p, uint64_t now)
{
    for (uint32_t i = 0; i < p->drive->connection_count; i++) {
        struct connection *c = &p->drive->connections[i];
        for (uint32_t f = 0; f < p->drive->in_flight; f++) {
            if (!c->flights[f].request || c->flights[f].abandoned)
                continue;
            struct drive_count *count = c->flights[f].upsert ? &p->result->upsert : &p->result->search;
            count_error(count, "not answered in time");
            histogram_add(&count->latency_ns, now - c->flights[f].intended_ns);
            c->flights[f].abandoned = true;
            p->drive->abandoned++;
        }
    }
    struct drive_count *count = p->plan->write_share < 1 ? &p->result->search : &p->result->upsert;
    for (; p->plan->rate > 0 && p->next_ns < p->end_ns; next_arrival(p)) {
        count->offered++;
        count_error(count, "not sent in time: every connection was full");
        histogram_add(&count->latency_ns, now - p->next_ns);
    }
}

/* In a phase that lasts as long as another thread's work: moves the end on by a tenth of a
 * second. */
static void end_move(struct phase *p)
{
    uint64_t next_ns = clock_wall_ns() + 100000000;
    if (p->plan->until && !atomic_load(p->plan->until) && p->end_ns < next_ns)
        p->end_ns = next_ns;
}

/* Whether requests are sent later and later, so that the server cannot keep up with this rate.
 * Requests that were due count; later ones are not offered. */
static bool hopeless(struct phase *p, uint64_t now)
{
    if (p->plan->behind_max_s <= 0 || p->plan->rate == 0 || p->next_ns >= p->end_ns ||
        (double)now - (double)p->next_ns < p->plan->behind_max_s * 1e9)
        return false;
    p->end_ns = now;
    p->result->gave_up_s = (double)(now - p->start_ns) / 1e9;
    return true;
}

static int phase_loop(struct phase *p, struct error *e)
{
    for (;;) {
        end_move(p);
        int rc = all_answers_take(p, e);
        if (rc == 0)
            rc = requests_start(p, e);
        if (rc < 0)
            return rc;
        uint64_t now = clock_wall_ns();
        core_change(p->drive, now);
        if (hopeless(p, now)) {
            leftovers_count(p, now);
            return 0;
        }
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
    uint32_t queries = plan->queries ? plan->queries : 1;
    p.ids = calloc(plan->batch, sizeof(*p.ids));
    p.vectors = malloc((size_t)plan->batch * plan->data->dim * sizeof(float));
    p.queries = malloc((size_t)queries * plan->data->dim * sizeof(float));
    int rc = p.ids && p.vectors && p.queries ? bounds_make(d, queries) : -ENOMEM;
    if (rc < 0)
        error_set_errno(e, rc, "requests of %u points or %u queries", plan->batch, queries);
    p.start_ns = p.next_ns = p.last_ns = clock_wall_ns();
    p.end_ns = p.start_ns + (uint64_t)(plan->seconds * 1e9);
    if (plan->rate > 0)
        next_arrival(&p);
    d->goes_first = go_first(&d->cores);
    if (rc == 0)
        rc = phase_loop(&p, e);
    go_back(d);
    /* the rate over the whole phase, and longer if answers came after it */
    ret->seconds = (double)(p.last_ns - p.start_ns) / 1e9;
    double whole = (double)(p.end_ns - p.start_ns) / 1e9;
    if (plan->rate > 0 && ret->seconds < whole)
        ret->seconds = whole;
    rates_fill(&p, &ret->search);
    rates_fill(&p, &ret->upsert);
    free(p.ids);
    free(p.vectors);
    free(p.queries);
    return rc;
}
