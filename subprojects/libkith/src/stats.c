/* Reads the statistics of the server. */
#include "connection.h"
#include "kith.pb-c.h"

/* An array of n items, which lives as long as the answer; NULL: no memory. */
static void *array(struct kith *k, size_t n, size_t size)
{
    return reply_arena_alloc(&k->arena, (n + 1) * size);
}

static const struct kith_search_times *times_read(struct kith *k, size_t n, Kith__SearchTimes *const *from)
{
    struct kith_search_times *times = array(k, n, sizeof(*times));
    for (size_t i = 0; times && i < n; i++) {
        const Kith__SearchTimes *s = from[i];
        times[i] = (struct kith_search_times){
            .exact = s->exact,
            .many = s->many,
            .count = s->n_counts < s->n_at_most_ns ? s->n_counts : s->n_at_most_ns,
            .at_most_ns = s->at_most_ns,
            .counts = s->counts,
            .sum_ns = s->sum_ns,
            .min_ns = s->min_ns,
            .max_ns = s->max_ns,
        };
    }
    return times;
}

static const struct kith_build *builds_read(struct kith *k, size_t n, Kith__Build *const *from)
{
    struct kith_build *builds = array(k, n, sizeof(*builds));
    for (size_t i = 0; builds && i < n; i++) {
        const Kith__Build *b = from[i];
        builds[i] =
            (struct kith_build){b->collection, b->kind, b->phase, b->rows, b->rows_done, b->elapsed_ns, b->left_ns};
    }
    return builds;
}

static const struct kith_counter *counters_read(struct kith *k, size_t n, Kith__Counter *const *from)
{
    struct kith_counter *counters = array(k, n, sizeof(*counters));
    for (size_t i = 0; counters && i < n; i++)
        counters[i] = (struct kith_counter){from[i]->name, from[i]->count};
    return counters;
}

static bool reactor_read(struct kith *k, const Kith__ReactorStats *from, struct kith_reactor_stats *to)
{
    *to = (struct kith_reactor_stats){
        .busy_ns = from->busy_ns,
        .idle_ns = from->idle_ns,
        .interactive_ns = from->interactive_ns,
        .write_ns = from->write_ns,
        .background_ns = from->background_ns,
        .stalls = from->stalls,
        .stall_max_ns = from->stall_max_ns,
        .fibers = from->fibers,
        .run_queue = from->run_queue,
        .connections = from->connections,
        .requests = from->requests,
        .queries = from->queries,
        .points_written = from->points_written,
        .points_deleted = from->points_deleted,
        .backlog_rows = from->backlog_rows,
        .backlog_ns = from->backlog_ns,
        .builds = from->builds,
        .merges = from->merges,
        .log_flushes = from->log_flushes,
        .load = from->load,
        .waiting = from->waiting,
        .refused = from->refused,
        .slowed_now = from->slowed_now,
        .slowed_ns = from->slowed_ns,
        .searches_narrow = from->searches_narrow,
        .searches_wide = from->searches_wide,
        .search_count = from->n_searches,
        .searches = times_read(k, from->n_searches, from->searches),
        .recent_count = from->n_recent,
        .recent = times_read(k, from->n_recent, from->recent),
        .build_count = from->n_builds_now,
        .builds_now = builds_read(k, from->n_builds_now, from->builds_now),
        .hardware_samples = from->hardware_samples,
        .hardware_count = from->n_hardware,
        .hardware = counters_read(k, from->n_hardware, from->hardware),
    };
    return to->searches && to->recent && to->builds_now && to->hardware;
}

static const struct kith_reactor_stats *reactors_read(struct kith *k, const Kith__Stats *s)
{
    struct kith_reactor_stats *reactors = array(k, s->n_reactors, sizeof(*reactors));
    for (size_t i = 0; reactors && i < s->n_reactors; i++)
        if (!reactor_read(k, s->reactors[i], &reactors[i]))
            return NULL;
    return reactors;
}

static const struct kith_collection_stats *collections_read(struct kith *k, const Kith__Stats *s)
{
    struct kith_collection_stats *all = array(k, s->n_collections, sizeof(*all));
    for (size_t i = 0; all && i < s->n_collections; i++) {
        const Kith__CollectionStats *c = s->collections[i];
        all[i] = (struct kith_collection_stats){
            .name = c->name,
            .damaged = c->damaged,
            .points = c->points,
            .sealed_segments = c->sealed_segments,
            .growing_rows = c->growing_rows,
            .backlog_rows = c->backlog_rows,
            .memory_bytes = c->memory_bytes,
            .disk_bytes = c->disk_bytes,
        };
    }
    return all;
}

static int stats_read(struct kith *k, bool with_collections, struct kith_stats *ret)
{
    Kith__GetStats m = KITH__GET_STATS__INIT;
    m.with_collections = with_collections;
    ProtobufCMessage *reply;
    int rc = kith_call(k, KITH_OP_STATS, &m.base, &kith__stats__descriptor, &reply);
    if (rc < 0)
        return rc;
    const Kith__Stats *s = (const Kith__Stats *)reply;
    *ret = (struct kith_stats){
        .uptime_ns = s->uptime_ns,
        .cpu_ns = s->cpu_ns,
        .resident_bytes = s->resident_bytes,
        .read_only = s->read_only,
        .reactor_count = s->n_reactors,
        .reactors = reactors_read(k, s),
        .memory_count = s->n_memory,
        .memory = counters_read(k, s->n_memory, s->memory),
        .memory_mapped = s->memory_mapped,
        .memory_budget = s->memory_budget,
        .memory_pressure = s->memory_pressure,
        .collection_count = s->n_collections,
        .collections = collections_read(k, s),
    };
    if (!ret->reactors || !ret->memory || !ret->collections)
        return kith_fail(k, KITH_NO_MEMORY, "no memory for the figures of %zu reactors", s->n_reactors);
    return 0;
}

int kith_stats_read(struct kith *k, struct kith_stats *ret)
{
    return stats_read(k, false, ret);
}

int kith_stats_read_all(struct kith *k, struct kith_stats *ret)
{
    return stats_read(k, true, ret);
}
