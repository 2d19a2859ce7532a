#include "net/dispatch_stats.h"
#include "actors/server.h"
#include "net/exchange.h"
#include "net/meta.h"
#include "shards/read_only.h"

#include <errno.h>

/* Arrays of n, in the request's arena. */
static void *array(struct native_request *r, size_t n, size_t size)
{
    return arena_alloc(&r->rq->bulk, (n + 1) * size);
}

/* Only the buckets that are not empty: a core's searches fill a few dozen of two thousand. */
static int times_give(struct native_request *r, bool exact, const struct histogram *h, Kith__SearchTimes *ret)
{
    size_t n = histogram_used(h);
    kith__search_times__init(ret);
    ret->exact = exact;
    ret->at_most_ns = array(r, n, sizeof *ret->at_most_ns);
    ret->counts = array(r, n, sizeof *ret->counts);
    if (!ret->at_most_ns || !ret->counts)
        return -ENOMEM;
    ret->n_at_most_ns = ret->n_counts = n;
    unsigned bucket = 0;
    for (size_t i = 0; i < n; i++, bucket++) {
        bucket = histogram_next(h, bucket);
        ret->at_most_ns[i] = histogram_bucket_top(bucket);
        ret->counts[i] = h->buckets[bucket];
    }
    return 0;
}

static int searches_give(struct native_request *r, const struct metrics *m, Kith__ReactorStats *ret)
{
    Kith__SearchTimes *times = array(r, STRATEGY_COUNT, sizeof *times);
    ret->searches = array(r, STRATEGY_COUNT, sizeof *ret->searches);
    if (!times || !ret->searches)
        return -ENOMEM;
    for (unsigned i = 0; i < STRATEGY_COUNT; i++) {
        int rc = times_give(r, i == STRATEGY_FLAT, &m->search[i], &times[i]);
        if (rc < 0)
            return rc;
        ret->searches[i] = &times[i];
    }
    ret->n_searches = STRATEGY_COUNT;
    return 0;
}

static int reactor_give(struct native_request *r, const struct metrics_sample *s, Kith__ReactorStats *ret)
{
    const struct metrics *m = &s->counted;
    kith__reactor_stats__init(ret);
    ret->busy_ns = s->stats.busy_ns;
    ret->idle_ns = s->stats.idle_ns;
    ret->interactive_ns = s->stats.class_ns[CLASS_INTERACTIVE];
    ret->write_ns = s->stats.class_ns[CLASS_WRITE];
    ret->background_ns = s->stats.class_ns[CLASS_BACKGROUND];
    ret->stalls = s->stats.stalls;
    ret->stall_max_ns = s->stats.stall_max_ns;
    ret->fibers = s->stats.fibers;
    ret->run_queue = s->stats.run_queue;
    ret->connections = (uint32_t)m->connections_open;
    for (unsigned op = 0; op < METRICS_OPS; op++)
        ret->requests += m->requests[op];
    ret->queries = m->queries;
    ret->points_written = m->points_written;
    ret->points_deleted = m->points_deleted;
    ret->backlog_rows = s->store.growing_backlog_rows;
    ret->backlog_ns = s->store.growing_backlog_ns;
    ret->builds = s->store.builds;
    ret->merges = s->store.merges + s->store.compactions;
    ret->log_flushes = s->store.log_flushes;
    return searches_give(r, m, ret);
}

static int all_give(struct native_request *r, Kith__Stats *ret)
{
    unsigned n = r->rq->core->reactors;
    struct metrics_sample *samples = array(r, n, sizeof *samples);
    Kith__ReactorStats *reactors = array(r, n, sizeof *reactors);
    ret->reactors = array(r, n, sizeof *ret->reactors);
    int rc = samples && reactors && ret->reactors ? server_measure(samples, &r->rq->bulk) : -ENOMEM;
    for (unsigned i = 0; i < n && rc == 0; i++) {
        rc = reactor_give(r, &samples[i], &reactors[i]);
        ret->reactors[i] = &reactors[i];
        if (rc == 0 && samples[i].read_only && ret->read_only[0] == 0) {
            struct error *why = array(r, 1, sizeof *why);
            if (!why)
                return -ENOMEM;
            read_only_refuse(samples[i].read_only, r->rq->core->server->options.data, why);
            ret->read_only = why->text;
        }
    }
    ret->n_reactors = n;
    return rc;
}

int op_stats(struct native_request *r)
{
    Kith__GetStats *ask = NULL;
    Kith__Stats answer = KITH__STATS__INIT;
    int rc = exchange_take(r, &kith__get_stats__descriptor, &ask);
    if (rc < 0)
        return rc;
    answer.uptime_ns = clock_now_ns() - r->rq->core->server->began_ns;
    answer.cpu_ns = process_cpu_ns();
    answer.resident_bytes = process_rss_bytes();
    rc = all_give(r, &answer);
    return rc < 0 ? request_error(r->rq, rc, "stats") : exchange_answer(r, &answer.base);
}
