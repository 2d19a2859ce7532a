/* router_search.c -- what is asked is checked, the parts (router_ask.c) become one answer. */
#include "actors/router/merge.h"
#include "actors/router/needs.h"
#include "actors/router/router_internal.h"
#include "index/recall/recall_curve.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* So long a search with many queries has its turn, at most, while others wait: some ten queries of the longest kind. */
#define PIECE_NS   ((uint64_t)50000000)
#define PIECES_MAX 512 /* each takes a KiB or so of the request's memory */

static int check_ask(struct request *rq, const struct collection_config *config, const struct router_search *ask,
                     uint32_t *ret_count)
{
    uint64_t row = (uint64_t)config->dim * sizeof(float);
    struct error *e = &rq->error;
    if (ask->k == 0 || ask->k > ROUTER_K_MAX)
        return error_set(e, ERROR_INVALID_ARGUMENT, "k is %u; it must be 1 to %d", ask->k, ROUTER_K_MAX);
    if (ask->ef > ROUTER_EF_MAX)
        return error_set(e, ERROR_INVALID_ARGUMENT, "ef is %u; it must be at most %d (0: chosen by the server)",
                         ask->ef, ROUTER_EF_MAX);
    if (ask->recall != 0 && !(ask->recall > 0 && ask->recall <= 1))
        return error_set(e, ERROR_INVALID_ARGUMENT,
                         "recall is %g; it must be above 0 and at most 1, which is exact (0: as the server is set)",
                         (double)ask->recall);
    if (ask->refine_k != 0 && !(ask->refine_k >= 1 && ask->refine_k <= ROUTER_REFINE_K_MAX))
        return error_set(e, ERROR_INVALID_ARGUMENT, "refine_k is %g; it must be 1 to %d (0: as the collection says)",
                         (double)ask->refine_k, ROUTER_REFINE_K_MAX);
    if ((unsigned)ask->fan_out >= FAN_OUT_COUNT)
        return error_set(e, ERROR_INVALID_ARGUMENT,
                         "spread %d is not known; there are 1 (auto), 2 (one core) and 3 (all cores), or 0: as the "
                         "server is set",
                         (int)ask->fan_out);
    if (ask->dim != 0 && ask->dim != config->dim)
        return error_set(e, ERROR_INVALID_ARGUMENT, "the query has %u dimension%s; collection '%.64s' has %u", ask->dim,
                         plural(ask->dim), config->name, config->dim);
    if (ask->query_bytes == 0 || ask->query_bytes % row != 0)
        return error_set(e, ERROR_INVALID_ARGUMENT,
                         "the query has %" PRIu64 " number%s; collection '%.64s' has %u dimension%s",
                         ask->query_bytes / sizeof(float), plural(ask->query_bytes / sizeof(float)), config->name,
                         config->dim, plural(config->dim));
    uint64_t count = ask->query_bytes / row;
    if (count > ROUTER_QUERIES_MAX)
        return error_set(e, ERROR_INVALID_ARGUMENT,
                         "%" PRIu64 " queries are more than the %d of one search; send several", count,
                         ROUTER_QUERIES_MAX);
    if (count * ask->k > ROUTER_HITS_MAX)
        return error_set(e, ERROR_INVALID_ARGUMENT,
                         "%" PRIu64 " queries x k %u are more than the %u hits of one search; send several", count,
                         ask->k, ROUTER_HITS_MAX);
    for (uint64_t i = 0; i < count; i++) {
        int64_t bad = vectors_first_bad(ask->queries + i * config->dim, config->dim);
        if (bad >= 0)
            return error_set(e, ERROR_INVALID_ARGUMENT,
                             "query %" PRIu64 " has a NaN or an infinity at position %" PRId64, ask->first_query + i,
                             bad);
        if (!router_has_direction(config, ask->queries + i * config->dim))
            return error_set(e, ERROR_INVALID_ARGUMENT,
                             "query %" PRIu64 " has length zero, which has no direction for cosine",
                             ask->first_query + i);
        fiber_checkpoint();
    }
    *ret_count = (uint32_t)count;
    return 0;
}

/* Room for the hits of all queries, one after the other. */
static int answer_begin(struct request *rq, const struct router_search *ask, uint32_t count, struct router_points *ret,
                        struct point_hit **ret_merged)
{
    uint64_t room = (uint64_t)count * ask->k;
    struct arena *arena = room > 4096 ? &rq->bulk : &rq->arena;
    ret->ids = arena_alloc(arena, room * sizeof *ret->ids);
    ret->scores = arena_alloc(arena, room * sizeof *ret->scores);
    ret->counts = arena_alloc(&rq->arena, count * sizeof *ret->counts);
    *ret_merged = arena_alloc(arena, ask->k * sizeof **ret_merged);
    return ret->ids && ret->scores && ret->counts && *ret_merged ? 0 : -ENOMEM;
}

/* Appends the hits of the next `count` queries; merged: room for k. */
static int merge_parts(struct request *rq, const struct collection_config *config, const struct router_search *ask,
                       uint32_t count, const struct router_parts *parts, struct point_hit *merged,
                       struct router_points *ret)
{
    struct merge_list *lists = arena_alloc(&rq->arena, parts->count * sizeof *lists);
    if (!lists)
        return -ENOMEM;
    for (uint32_t q = 0; q < count; q++) {
        for (unsigned i = 0; i < parts->count; i++)
            lists[i] = (struct merge_list){parts->items[i].hits + (uint64_t)q * ask->k, parts->items[i].counts[q]};
        struct arena scratch = {0};
        int64_t n = merge_hits(lists, parts->count, ask->k, &scratch, merged);
        arena_fini(&scratch);
        if (n < 0)
            return (int)n;
        for (int64_t i = 0; i < n; i++) {
            ret->ids[ret->count] = merged[i].id;
            ret->scores[ret->count++] = metric_score(config->metric, merged[i].distance);
        }
        ret->counts[ret->query_count++] = (uint32_t)n;
        int rc = context_check(&rq->ctx);
        if (rc < 0)
            return rc;
        fiber_checkpoint();
    }
    return 0;
}

/* What the request leaves open is as the server is set: ef before recall, since it is only set where that is wanted. */
static struct router_search with_settings(const struct settings *s, const struct router_search *ask)
{
    struct router_search is = *ask;
    if (!is.ef && is.recall == 0)
        is.ef = (uint32_t)s->search_ef;
    if (!is.ef && is.recall == 0)
        is.recall = (float)((double)s->search_recall / SETTING_FRACTION_ONE);
    is.exact |= !is.ef && is.recall >= 1;
    return is;
}

/* The beam that a search is about as dear as: for what such searches cost, only the order matters. */
static uint32_t beam_of(const struct router_search *ask)
{
    return ask->ef ? ask->ef : recall_default_ef(ask->recall, ask->k);
}

/* Its turn, by what such searches have cost lately: *ret_piece queries of it, which is all unless they take long. Waits. */
static int take_turn(struct request *rq, struct collection_entry *e, const struct router_search *ask, uint32_t count,
                     uint64_t *ret_query_ns, uint32_t *ret_piece)
{
    struct shard_info info = {0};
    if (ask->exact && !e->cost.exact_ns)
        shard_info_read(e->shard, &info);
    uint64_t query_ns = cost_of_query(&e->cost, ask->exact, ask->k, beam_of(ask), info.points, e->config.dim);
    const uint64_t in_time = query_ns ? PIECE_NS / query_ns : count, least = count / PIECES_MAX + 1;
    const uint64_t piece = in_time > least ? in_time : least;
    *ret_piece = piece < count ? (uint32_t)piece : count;
    *ret_query_ns = query_ns;
    return admission_enter_pieces(
        rq, ADMIT_SEARCH, count * query_ns, *ret_piece * query_ns,
        needs_of_search(rq->core->reactors, count, ask->k, e->config.dim, ask->with_vectors, ask->with_payloads),
        "search");
}

/* Queries in pieces, between which others have their turn. */
static int search_pieces(struct request *rq, struct collection_entry *e, const struct router_search *ask,
                         uint32_t count, uint64_t query_ns, uint32_t piece, struct router_points *ret)
{
    struct point_hit *merged;
    int rc = answer_begin(rq, ask, count, ret, &merged);
    for (uint32_t at = 0, n; rc == 0 && at < count; at += n) {
        struct router_search some = *ask;
        struct router_parts parts = {0};
        n = count - at < piece ? count - at : piece;
        some.queries += (size_t)at * e->config.dim;
        if (at > 0)
            rc = admission_next_piece(rq, n * query_ns, "search");
        if (rc == 0)
            rc = router_ask(rq, e, &some, n, &parts);
        if (rc == 0)
            rc = merge_parts(rq, &e->config, &some, n, &parts, merged, ret);
    }
    return rc;
}

static int search_admitted(struct request *rq, struct collection_entry *e, const struct router_search *ask,
                           uint32_t count, uint64_t query_ns, uint32_t piece, struct router_points *ret)
{
    const struct collection_config *config = &e->config;
    int rc = search_pieces(rq, e, ask, count, query_ns, piece, ret);
    if (rc == 0 && (ask->with_vectors || ask->with_payloads))
        rc = router_fetch(rq, config, ask->with_vectors, ask->with_payloads, ret);
    return rc;
}

static int search_entered(struct request *rq, struct collection_entry *e, const struct router_search *wanted,
                          struct router_points *ret)
{
    struct core *c = rq->core;
    const struct router_search with = with_settings(&c->settings, wanted), *ask = &with;
    const struct collection_config *config = &e->config;
    uint64_t began_ns = clock_now_ns(), ran_ns = fiber_ran_ns(began_ns);
    uint32_t count = 0, piece = 0;
    uint64_t query_ns = 0;
    int rc = check_ask(rq, config, ask, &count);
    if (rc == 0)
        rc = take_turn(rq, e, ask, count, &query_ns, &piece);
    if (rc < 0)
        return rc;
    rc = search_admitted(rq, e, ask, count, query_ns, piece, ret);
    admission_leave(rq);
    if (rc == -ENOMEM && rq->error.code == ERROR_OK)
        return request_error_memory(rq, count, "queries", "search");
    if (rc < 0)
        return rq->error.code == ERROR_OK ? router_error(rq, config->id, rc, "search") : rc;
    c->metrics.queries += count;
    uint64_t now_ns = clock_now_ns();
    cost_learn_query(&e->cost, ask->exact, ask->k, beam_of(ask), (fiber_ran_ns(now_ns) - ran_ns) / count);
    enum search_kind kind = search_kind_of(ask->exact, count);
    histogram_add(&c->search_times[kind], now_ns - began_ns);
    recent_add(&c->recent[kind], now_ns - began_ns, now_ns);
    return 0;
}

int router_search(struct request *rq, const struct router_search *ask, struct router_points *ret)
{
    memset(ret, 0, sizeof *ret);
    struct collection_entry *e = router_enter_to_read(rq, ask->collection);
    if (!e)
        return -ENOENT;
    ret->dim = e->config.dim;
    int rc = search_entered(rq, e, ask, ret);
    core_leave(e);
    return rc;
}
