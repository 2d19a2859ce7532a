/* What the server's cores have done. */
#include "connection.h"
#include "kith.pb-c.h"

static bool times_read(struct kith *k, const Kith__ReactorStats *from, struct kith_reactor_stats *to)
{
    struct kith_search_times *times = reply_arena_alloc(&k->arena, (from->n_searches + 1) * sizeof(*times));
    if (!times)
        return false;
    for (size_t i = 0; i < from->n_searches; i++) {
        const Kith__SearchTimes *s = from->searches[i];
        size_t n = s->n_counts < s->n_at_most_ns ? s->n_counts : s->n_at_most_ns;
        times[i] = (struct kith_search_times){s->exact, n, s->at_most_ns, s->counts};
    }
    to->searches = times;
    to->search_count = from->n_searches;
    return true;
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
    };
    return times_read(k, from, to);
}

int kith_stats_read(struct kith *k, struct kith_stats *ret)
{
    Kith__GetStats m = KITH__GET_STATS__INIT;
    ProtobufCMessage *reply;
    int rc = kith_call(k, KITH_OP_STATS, &m.base, &kith__stats__descriptor, &reply);
    if (rc < 0)
        return rc;
    const Kith__Stats *s = (const Kith__Stats *)reply;
    struct kith_reactor_stats *reactors = reply_arena_alloc(&k->arena, (s->n_reactors + 1) * sizeof(*reactors));
    bool fits = reactors != NULL;
    for (size_t i = 0; fits && i < s->n_reactors; i++)
        fits = reactor_read(k, s->reactors[i], &reactors[i]);
    if (!fits)
        return kith_fail(k, KITH_NO_MEMORY, "no memory for the figures of %zu reactors", s->n_reactors);
    *ret = (struct kith_stats){
        .uptime_ns = s->uptime_ns,
        .cpu_ns = s->cpu_ns,
        .resident_bytes = s->resident_bytes,
        .read_only = s->read_only,
        .reactor_count = s->n_reactors,
        .reactors = reactors,
    };
    return 0;
}
