/* op_stats.c -- statistics of all reactors, for `kith top` and for monitoring. */
#include "actors/server.h"
#include "net/native/exchange.h"
#include "net/native/meta/meta.h"
#include "net/native/operation.h"
#include "shards/folder/read_only.h"

#include <errno.h>
#include <string.h>

#define COLLECTIONS_OF_STATS 9 /* field number in kith.proto */

/* An array of n elements in the request's arena. */
static void *array(struct native_request *r, size_t n, size_t size)
{
    return arena_alloc(&r->rq->bulk, (n + 1) * size);
}

/* A constant for a field that protobuf-c only reads. */
static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

/* -- searches -- */

/* Copies only buckets that are not empty: the searches of a core fill a few dozen of two
 * thousand. */
static int times_give(struct native_request *r, enum search_kind kind, const struct histogram *h,
                      Kith__SearchTimes *ret)
{
    size_t n = histogram_used(h);
    kith__search_times__init(ret);
    ret->exact = kind == SEARCH_EXACT || kind == SEARCH_EXACT_MANY;
    ret->many = kind == SEARCH_EXACT_MANY || kind == SEARCH_INDEX_MANY;
    ret->at_most_ns = array(r, n, sizeof(*ret->at_most_ns));
    ret->counts = array(r, n, sizeof(*ret->counts));
    if (!ret->at_most_ns || !ret->counts)
        return -ENOMEM;
    ret->n_at_most_ns = ret->n_counts = n;
    unsigned bucket = 0;
    for (size_t i = 0; i < n; i++, bucket++) {
        bucket = histogram_next(h, bucket);
        ret->at_most_ns[i] = histogram_bucket_top(bucket);
        ret->counts[i] = h->buckets[bucket];
    }
    ret->sum_ns = h->sum;
    ret->min_ns = h->count ? h->min : 0;
    ret->max_ns = h->max;
    return 0;
}

static int kinds_give(struct native_request *r, const struct histogram all[SEARCH_KINDS], Kith__SearchTimes ***ret,
                      size_t *ret_count)
{
    Kith__SearchTimes *times = array(r, SEARCH_KINDS, sizeof(*times));
    Kith__SearchTimes **list = array(r, SEARCH_KINDS, sizeof(*list));
    if (!times || !list)
        return -ENOMEM;
    for (unsigned i = 0; i < SEARCH_KINDS; i++) {
        int rc = times_give(r, (enum search_kind)i, &all[i], &times[i]);
        if (rc < 0)
            return rc;
        list[i] = &times[i];
    }
    *ret = list;
    *ret_count = SEARCH_KINDS;
    return 0;
}

/* -- counters with names -- */

static int counters_give(struct native_request *r, size_t room, Kith__Counter ***ret)
{
    Kith__Counter *messages = array(r, room, sizeof(*messages));
    *ret = array(r, room, sizeof(**ret));
    if (!messages || !*ret)
        return -ENOMEM;
    for (size_t i = 0; i < room; i++) {
        kith__counter__init(&messages[i]);
        (*ret)[i] = &messages[i];
    }
    return 0;
}

static int hardware_give(struct native_request *r, const struct search_hardware *h, Kith__ReactorStats *ret)
{
    int rc = counters_give(r, PERF_COUNTERS, &ret->hardware);
    for (unsigned i = 0; i < PERF_COUNTERS && rc == 0; i++)
        if (h->counters & 1u << i) {
            ret->hardware[ret->n_hardware]->name = text(perf_counter_name((enum perf_counter)i));
            ret->hardware[ret->n_hardware++]->count = h->counts[i];
        }
    ret->hardware_samples = h->samples;
    return rc;
}

static int memory_give(struct native_request *r, const struct metrics_sample *s, unsigned n, Kith__Stats *ret)
{
    struct memory_use sum = {0};
    for (unsigned i = 0; i < n; i++)
        memory_use_add(&sum, &s[i].memory);
    int rc = counters_give(r, MEMORY_KINDS, &ret->memory);
    for (unsigned i = 0; i < MEMORY_KINDS && rc == 0; i++) {
        ret->memory[i]->name = text(memory_kind_name((enum memory_kind)i));
        ret->memory[i]->count = sum.bytes[i];
        ret->n_memory++;
    }
    ret->memory_mapped = sum.mapped;
    ret->memory_budget = s[0].memory_budget;
    for (unsigned i = 0; i < n; i++)
        ret->memory_pressure =
            s[i].memory_pressure > ret->memory_pressure ? s[i].memory_pressure : ret->memory_pressure;
    return rc;
}

/* -- background work and requests -- */

static int builds_give(struct native_request *r, const struct metrics_sample *s, Kith__ReactorStats *ret)
{
    Kith__Build *messages = array(r, s->build_count, sizeof(*messages));
    ret->builds_now = array(r, s->build_count, sizeof(*ret->builds_now));
    if (!messages || !ret->builds_now)
        return -ENOMEM;
    for (unsigned i = 0; i < s->build_count; i++) {
        const struct build_info *b = &s->builds[i];
        const struct collection_entry *e = replica_find_id(&r->rq->core->collections, b->collection);
        Kith__Build *m = &messages[i];
        kith__build__init(m);
        m->collection = arena_copy(&r->rq->bulk, e ? e->config.name : "", e ? strlen(e->config.name) : 0);
        if (!m->collection)
            return -ENOMEM;
        m->kind = text(build_kind_name(b->kind));
        m->phase = text(build_phase_name(b->phase));
        m->rows = b->rows;
        m->rows_done = b->rows_done;
        m->elapsed_ns = b->elapsed_ns;
        m->left_ns = b->left_ns;
        ret->builds_now[ret->n_builds_now++] = m;
    }
    return 0;
}

static void admission_give(const struct metrics *m, Kith__ReactorStats *ret)
{
    for (unsigned i = 0; i < ADMISSION_CLASSES; i++) {
        ret->waiting += m->admission[i].waiting;
        for (unsigned j = 0; j < ADMISSION_REFUSALS; j++)
            ret->refused += m->admission[i].refused[j];
    }
}

static int reactor_give(struct native_request *r, const struct metrics_sample *s, struct search_times *times,
                        Kith__ReactorStats *ret)
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
    ret->load = runtime_load(s->reactor);
    ret->slowed_now = s->store.slowed_now;
    ret->slowed_ns = s->store.slowed_ns;
    ret->searches_narrow = m->searches_narrow;
    ret->searches_wide = m->searches_wide;
    admission_give(m, ret);
    int rc = server_measure_times(s->reactor, times);
    if (rc == 0)
        rc = kinds_give(r, times->all, &ret->searches, &ret->n_searches);
    if (rc == 0)
        rc = kinds_give(r, times->recent, &ret->recent, &ret->n_recent);
    if (rc == 0)
        rc = builds_give(r, s, ret);
    return rc < 0 ? rc : hardware_give(r, &m->hardware, ret);
}

static int all_give(struct native_request *r, Kith__Stats *ret)
{
    unsigned n = r->rq->core->reactors;
    struct metrics_sample *samples = array(r, n, sizeof(*samples));
    Kith__ReactorStats *reactors = array(r, n, sizeof(*reactors));
    struct search_times *times = array(r, 1, sizeof(*times));
    ret->reactors = array(r, n, sizeof(*ret->reactors));
    int rc = samples && reactors && times && ret->reactors ? server_measure(samples, &r->rq->bulk) : -ENOMEM;
    for (unsigned i = 0; i < n && rc == 0; i++) {
        rc = reactor_give(r, &samples[i], times, &reactors[i]);
        ret->reactors[i] = &reactors[i];
        if (rc == 0 && samples[i].read_only && ret->read_only[0] == 0) {
            struct error *why = array(r, 1, sizeof(*why));
            if (!why)
                return -ENOMEM;
            read_only_refuse(samples[i].read_only, r->rq->core->server->options.data, why);
            ret->read_only = why->text;
        }
    }
    ret->n_reactors = n;
    return rc < 0 ? rc : memory_give(r, samples, n, ret);
}

/* -- collections -- */

/* A server that starts or restores has no list of collections; then the answer has the other
 * statistics only. */
static int collections_give(struct native_request *r, struct exchange_list *ret)
{
    struct router_info *all;
    size_t n;
    if (router_infos(r->rq, &all, &n) < 0) {
        r->rq->error.code = ERROR_OK;
        return 0;
    }
    Kith__CollectionStats *messages = array(r, n, sizeof(*messages));
    if (!messages)
        return -ENOMEM;
    *ret = (struct exchange_list){COLLECTIONS_OF_STATS, messages, sizeof(*messages), n};
    for (size_t i = 0; i < n; i++) {
        const struct shard_info *s = &all[i].sum;
        Kith__CollectionStats *m = &messages[i];
        kith__collection_stats__init(m);
        m->name = text(all[i].name);
        m->damaged = all[i].damaged;
        m->points = s->points;
        m->sealed_segments = s->sealed_segments;
        m->growing_rows = s->growing_rows;
        m->backlog_rows = s->growing_rows - s->growing_graphed;
        m->memory_bytes = s->memory_bytes;
        m->disk_bytes = s->sealed_bytes;
        fiber_checkpoint();
    }
    return 0;
}

int op_stats(struct native_request *r, const void *message)
{
    const Kith__GetStats *ask = message;
    Kith__Stats answer = KITH__STATS__INIT;
    struct exchange_list collections = {.field = COLLECTIONS_OF_STATS};
    answer.uptime_ns = clock_now_ns() - r->rq->core->server->began_ns;
    answer.cpu_ns = process_cpu_ns();
    answer.resident_bytes = process_rss_bytes();
    int rc = router_enter_stats(r->rq, ask->with_collections);
    if (rc < 0)
        return rc;
    rc = all_give(r, &answer);
    if (rc == 0 && ask->with_collections)
        rc = collections_give(r, &collections);
    return rc < 0 ? request_error(r->rq, rc, "stats") : exchange_answer_list(r, &answer.base, &collections);
}
