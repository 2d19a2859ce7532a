/* load_request.c -- one request of the driver, from its creation to its answer. */
#include "load/load_drive.h"

#include "clock.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int link_fails(struct error *e, const struct link *l, int rc, const char *doing)
{
    error_set(e, ERROR_UNAVAILABLE, "%s: %s", doing, l->target->error(l));
    return rc;
}

/* Consecutive queries; copied together if they wrap around. */
static const float *queries_choose(struct phase *p, uint32_t count, uint32_t *ret_first)
{
    const struct dataset *data = p->plan->data;
    uint32_t first = p->next_query;
    *ret_first = first;
    p->next_query = (first + count) % data->query_count;
    if (first + count <= data->query_count)
        return data->queries + (size_t)first * data->dim;
    for (uint32_t i = 0; i < count; i++)
        memcpy(p->queries + (size_t)i * data->dim,
               data->queries + (size_t)((first + i) % data->query_count) * data->dim, data->dim * sizeof(float));
    return p->queries;
}

static int64_t start_search(struct phase *p, struct connection *c, struct flight *f)
{
    const struct drive_plan *plan = p->plan;
    uint32_t count = plan->queries ? plan->queries : 1;
    struct target_search s = {.collection = plan->collection,
                              .queries = queries_choose(p, count, &f->query),
                              .count = count,
                              .dim = plan->data->dim,
                              .k = plan->k,
                              .ef = plan->ef,
                              .fan_out = plan->fan_out};
    for (uint32_t i = 0; plan->live && i < count; i++)
        f->bounds[i] = live_bound(plan->live, (f->query + i) % plan->data->query_count);
    return p->drive->target->search(c->link, &s);
}

static uint64_t point_choose(struct phase *p)
{
    struct drive_plan *plan = p->plan;
    if (plan->writes == WRITE_NEW)
        return plan->next_id++;
    if (plan->writes == WRITE_AGAIN)
        return random_below(&p->random, plan->data->count);
    return random_below(&p->random, 2) ? live_new_point(plan->live, &p->random)
                                       : live_old_point(plan->live, &p->random);
}

static int64_t start_upsert(struct phase *p, struct connection *c, struct flight *f)
{
    const struct dataset *data = p->plan->data;
    for (uint32_t i = 0; i < p->plan->batch; i++) {
        p->ids[i] = point_choose(p);
        memcpy(p->vectors + (size_t)i * data->dim, data->base + (size_t)(p->ids[i] % data->count) * data->dim,
               data->dim * sizeof(float));
    }
    f->point = p->ids[0];
    if (p->plan->writes == WRITE_HALF_NEW)
        live_writing(p->plan->live, f->point);
    struct target_points points = {.collection = p->plan->collection,
                                   .ids = p->ids,
                                   .vectors = p->vectors,
                                   .count = p->plan->batch,
                                   .dim = data->dim};
    return p->drive->target->upsert(c->link, &points);
}

int request_start(struct phase *p, struct connection *c, uint64_t intended_ns, struct error *e)
{
    bool upsert = p->plan->write_share > 0 && random_unit(&p->random) < p->plan->write_share;
    struct flight *f = c->flights;
    while (f->request)
        f++;
    f->intended_ns = intended_ns;
    f->sent_ns = clock_wall_ns();
    f->upsert = upsert;
    f->request = upsert ? start_upsert(p, c, f) : start_search(p, c, f);
    if (f->request < 0) {
        int rc = (int)f->request;
        f->request = 0;
        return link_fails(e, c->link, rc, "a request");
    }
    c->count++;
    c->touched = true;
    p->sent++;
    struct drive_count *count = upsert ? &p->result->upsert : &p->result->search;
    count->offered++;
    return 0;
}

void count_error(struct drive_count *count, const char *sentence)
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

static void recall_add(struct phase *p, const struct flight *f, const struct target_reply *reply)
{
    const uint64_t *ids = reply->ids;
    for (uint32_t i = 0; i < reply->queries; i++) {
        uint32_t query = (f->query + i) % p->plan->data->query_count;
        if (!isnan(f->bounds[i])) {
            struct live_score score = live_judge(p->plan->live, query, f->bounds[i], f->sent_ns, ids, reply->counts[i]);
            p->result->recall_found += score.found;
            p->result->recall_wanted += p->plan->k;
            p->result->ghosts += score.ghosts;
        }
        ids += reply->counts[i];
    }
}

static void answer_take(struct phase *p, struct connection *c, const struct target_reply *reply)
{
    uint64_t now = reply->arrived_ns ? reply->arrived_ns : clock_wall_ns();
    struct flight *f = c->flights, *end = c->flights + p->drive->in_flight;
    while (f < end && f->request != reply->request)
        f++;
    check(f < end);
    f->request = 0;
    c->count--;
    if (f->abandoned) {
        f->abandoned = false;
        p->drive->abandoned--;
        return;
    }
    struct drive_count *count = f->upsert ? &p->result->upsert : &p->result->search;
    if (reply->failure)
        count_error(count, reply->failure);
    else {
        histogram_add(&count->latency_ns, now - f->intended_ns);
        count->served++;
        if (p->plan->trace && !f->upsert)
            trace_add(p->plan->trace, f->intended_ns, now - f->intended_ns);
    }
    if (!reply->failure && f->upsert) {
        p->result->points += p->plan->batch;
        if (p->plan->writes == WRITE_HALF_NEW)
            live_written(p->plan->live, f->point);
    }
    if (!reply->failure && !f->upsert && p->plan->live)
        recall_add(p, f, reply);
    p->last_ns = now;
}

int answers_take(struct phase *p, struct connection *c, struct error *e)
{
    struct target_reply reply;
    int rc = 0;
    while (c->count > 0 && (rc = p->drive->target->next(c->link, &reply)) > 0)
        answer_take(p, c, &reply);
    return rc < 0 ? link_fails(e, c->link, rc, "answers") : 0;
}
