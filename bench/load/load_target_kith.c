#include "load/load.h"
#include "load/load_target.h"

#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define SETTLE_LOOK_NS 200000000

struct kith_link {
    struct link base;
    struct kith *k;
    struct kith_id *in; /* ids of one upsert or delete */
    uint64_t *out;      /* ids of one answer */
    size_t in_room, out_room;
    const char *trouble; /* an error of this file; NULL: the last error of libkith */
    struct error sentence;
};

static struct kith_link *of(struct link *l)
{
    return (struct kith_link *)l;
}

static const char *kith_link_error(const struct link *l)
{
    const struct kith_link *x = (const struct kith_link *)l;
    return x->trouble ? x->trouble : kith_error(x->k);
}

static void kith_link_close(struct link *l)
{
    kith_close(of(l)->k);
    free(of(l)->in);
    free(of(l)->out);
    free(l);
}

static int kith_link_open(const char *address, struct link **ret, char *error, size_t error_size)
{
    struct kith_link *x = calloc(1, sizeof(*x));
    if (!x)
        return -ENOMEM;
    x->base.target = &target_kith;
    if (kith_open(address, &x->k, error, error_size) < 0) {
        free(x);
        return -ECONNREFUSED;
    }
    /* if that fails, the time of arrival is the time of reading */
    (void)setsockopt(kith_fd(x->k), SOL_SOCKET, SO_TIMESTAMPNS, &(int){1}, sizeof(int));
    *ret = &x->base;
    return 0;
}

/* libkith's codes are no errnos, so every error becomes -EIO; the sentence has the reason. */
static int64_t code_of(int64_t rc)
{
    return rc < 0 ? -EIO : rc;
}

static const struct kith_id *ids_of(struct kith_link *x, const uint64_t *ids, uint32_t count)
{
    x->trouble = NULL;
    if (x->in_room < count) {
        free(x->in);
        x->in = malloc(count * sizeof(*x->in));
        x->in_room = x->in ? count : 0;
    }
    if (!x->in)
        x->trouble = "there is no memory for the ids of a request";
    for (uint32_t i = 0; x->in && i < count; i++)
        x->in[i] = (struct kith_id){0, ids[i]};
    return x->in;
}

static uint32_t kith_link_in_flight_max(const struct link *l)
{
    return kith_requests_max(((const struct kith_link *)l)->k);
}

static int64_t kith_link_search(struct link *l, const struct target_search *s)
{
    struct kith_search search = {.collection = s->collection,
                                 .queries = s->queries,
                                 .count = s->count,
                                 .dim = s->dim,
                                 .k = s->k,
                                 .ef = s->ef,
                                 .fan_out = s->fan_out};
    of(l)->trouble = NULL;
    return code_of(kith_start_search(of(l)->k, &search));
}

static int64_t kith_link_upsert(struct link *l, const struct target_points *p)
{
    struct kith_points points = {
        .count = p->count, .ids = ids_of(of(l), p->ids, p->count), .vectors = p->vectors, .dim = p->dim};
    return points.ids ? code_of(kith_start_upsert(of(l)->k, p->collection, &points)) : -ENOMEM;
}

static int kith_link_flush(struct link *l)
{
    of(l)->trouble = NULL;
    return (int)code_of(kith_flush(of(l)->k));
}

/* Copies the ids of the hits. All points of the load have numbers as ids. */
static int hits_take(struct kith_link *x, const struct kith_result *from, struct target_reply *ret)
{
    if (x->out_room < from->count) {
        free(x->out);
        x->out = malloc(from->count * sizeof(*x->out));
        x->out_room = x->out ? from->count : 0;
    }
    if (!x->out && from->count) {
        x->trouble = "there is no memory for the hits of an answer";
        return -ENOMEM;
    }
    for (size_t i = 0; i < from->count; i++)
        x->out[i] = from->ids[i].hi == 0 ? from->ids[i].lo : UINT64_MAX;
    ret->queries = (uint32_t)from->queries;
    ret->counts = from->counts;
    ret->ids = x->out;
    return 0;
}

/* The time of arrival. The kernel gives it by a clock that can be set, so it is converted. */
static uint64_t arrived_ns(const struct kith *k)
{
    struct timespec real;
    uint64_t came_ns = kith_received_ns(k);
    clock_gettime(CLOCK_REALTIME, &real);
    uint64_t real_ns = (uint64_t)real.tv_sec * 1000000000 + (uint64_t)real.tv_nsec, now_ns = clock_wall_ns();
    return came_ns == 0 || came_ns > real_ns || real_ns - came_ns > now_ns ? 0 : now_ns - (real_ns - came_ns);
}

static int kith_link_next(struct link *l, struct target_reply *ret)
{
    struct kith_reply reply;
    of(l)->trouble = NULL;
    int rc = (int)code_of(kith_next(of(l)->k, 0, &reply));
    if (rc <= 0)
        return rc;
    *ret = (struct target_reply){.request = reply.request,
                                 .failure = reply.code < 0 ? kith_error(of(l)->k) : NULL,
                                 .arrived_ns = arrived_ns(of(l)->k)};
    rc = reply.code == 0 ? hits_take(of(l), &reply.result, ret) : 0;
    return rc < 0 ? rc : 1;
}

static int kith_link_fd(const struct link *l)
{
    return kith_fd(((const struct kith_link *)l)->k);
}

/* -- functions that wait -- */

static int told(struct kith_link *x, int rc)
{
    x->trouble = rc < 0 ? x->sentence.text : NULL;
    return rc < 0 ? -EIO : 0;
}

static int kith_link_create(struct link *l, const struct load_options *o, const struct dataset *d)
{
    return told(of(l), load_collection_create(of(l)->k, o, o->collection, d, &of(l)->sentence));
}

/* Time that writes have waited for the throttle. */
static double slowed_seconds(struct kith *k)
{
    struct kith_stats stats;
    uint64_t sum_ns = 0;
    if (kith_stats_read(k, &stats) < 0)
        return -1;
    for (size_t i = 0; i < stats.reactor_count; i++)
        sum_ns += stats.reactors[i].slowed_ns;
    return (double)sum_ns / 1e9;
}

static int kith_link_fill(struct link *l, const struct load_options *o, const struct dataset *d, struct fill_watch *w)
{
    double before_s = w ? slowed_seconds(of(l)->k) : -1;
    int rc = told(of(l), load_collection_import(of(l)->k, o->collection, d, w, &of(l)->sentence));
    double after_s = rc == 0 && before_s >= 0 ? slowed_seconds(of(l)->k) : -1;
    if (w)
        w->slowed_s = after_s < 0 ? -1 : after_s - before_s;
    return rc;
}

/* Waits until every row is in a graph and no segment is sealed or merged: two equal readings. */
static int kith_link_settle(struct link *l, const char *collection, double seconds_max)
{
    uint64_t before = 1, sum = 0, until_ns = clock_wall_ns() + (uint64_t)(seconds_max * 1e9);
    of(l)->trouble = NULL;
    for (bool busy = true; busy || sum != before;) {
        struct kith_info info;
        const struct kith_segment *list;
        size_t count;
        nanosleep(&(struct timespec){.tv_nsec = SETTLE_LOOK_NS}, NULL);
        if (kith_segments_read(of(l)->k, collection, &info, &list, &count) < 0)
            return -EIO;
        if (clock_wall_ns() > until_ns) {
            error_set(&of(l)->sentence, ERROR_DEADLINE_EXCEEDED,
                      "after %.0f s %llu rows have no graph, or segments are still merged (--index-wait)", seconds_max,
                      (unsigned long long)(info.growing_rows - info.growing_graphed));
            return told(of(l), -ETIMEDOUT);
        }
        busy = info.growing_graphed < info.growing_rows;
        before = sum;
        sum = info.growing_rows;
        for (size_t i = 0; i < count; i++) {
            busy |= list[i].merging || list[i].state == KITH_FROZEN;
            sum += list[i].id * 31 + list[i].disk_bytes;
        }
    }
    return 0;
}

static int64_t kith_link_backlog(struct link *l, const char *collection)
{
    struct kith_info info;
    of(l)->trouble = NULL;
    if (kith_info_read(of(l)->k, collection, &info) < 0)
        return -EIO;
    return (int64_t)(info.growing_rows - info.growing_graphed);
}

static int kith_link_remove(struct link *l, const char *collection, const uint64_t *ids, uint32_t count)
{
    const struct kith_id *list = ids_of(of(l), ids, count);
    uint64_t removed;
    return list ? (int)code_of(kith_delete(of(l)->k, collection, list, count, &removed)) : -ENOMEM;
}

static int kith_link_compact(struct link *l, const char *collection)
{
    of(l)->trouble = NULL;
    return (int)code_of(kith_compact(of(l)->k, collection));
}

/* Takes a snapshot and deletes it. */
static int kith_link_snapshot(struct link *l, const char *collection)
{
    struct kith_snapshot s;
    char name[80];
    of(l)->trouble = NULL;
    int rc = (int)code_of(kith_snapshot_create(of(l)->k, NULL, &s));
    if (rc < 0)
        return rc;
    snprintf(name, sizeof(name), "%s", s.name);
    return (int)code_of(kith_snapshot_delete(of(l)->k, name));
}

static int kith_link_drop(struct link *l, const char *collection)
{
    of(l)->trouble = NULL;
    return (int)code_of(kith_drop(of(l)->k, collection));
}

const struct target target_kith = {.name = "kith",
                                   .open = kith_link_open,
                                   .close = kith_link_close,
                                   .error = kith_link_error,
                                   .in_flight_max = kith_link_in_flight_max,
                                   .search = kith_link_search,
                                   .upsert = kith_link_upsert,
                                   .flush = kith_link_flush,
                                   .next = kith_link_next,
                                   .fd = kith_link_fd,
                                   .tells_arrival = true,
                                   .create = kith_link_create,
                                   .fill = kith_link_fill,
                                   .settle = kith_link_settle,
                                   .backlog = kith_link_backlog,
                                   .remove = kith_link_remove,
                                   .compact = kith_link_compact,
                                   .snapshot = kith_link_snapshot,
                                   .drop = kith_link_drop};
