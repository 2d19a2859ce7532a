/* router_search.c -- a search: checks the query, waits for admission, asks the reactors
 * (router_ask.c), and merges their hits into one answer. */
#include "actors/router/merge.h"
#include "actors/router/needs.h"
#include "actors/router/router_internal.h"
#include "index/recall/recall_curve.h"
#include "query/filter.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* How long a search with many queries runs before others of its lane go first: about ten of
 * the longest queries. */
#define PIECE_NS   ((uint64_t)50000000)
#define PIECES_MAX 512 /* each piece takes about 1 KiB of the request's memory */

static int check_names(const struct collection_config *config, const struct query *q, struct error *e)
{
    if (q->vector && q->vector[0])
        return error_set(e, ERROR_INVALID_ARGUMENT, "collection '%.64s' has no vector named '%.64s'", config->name,
                         q->vector);
    return 0;
}

static int check_count(const struct collection_config *config, const struct query *q, struct error *e)
{
    const struct query_targets *t = &q->targets;
    const struct vector_spec *spec = collection_vector(config);
    const uint64_t row = vector_bytes(spec), count = t->bytes / row;
    if (t->dim != 0 && t->dim != spec->dim)
        return error_set(e, ERROR_INVALID_ARGUMENT, "the query has %u dimension%s; collection '%.64s' has %u", t->dim,
                         plural(t->dim), config->name, spec->dim);
    if (t->bytes == 0 || t->bytes % row != 0)
        return error_set(
            e, ERROR_INVALID_ARGUMENT, "the query has %" PRIu64 " number%s; collection '%.64s' has %u dimension%s",
            t->bytes / sizeof(float), plural(t->bytes / sizeof(float)), config->name, spec->dim, plural(spec->dim));
    if (count > QUERY_TARGETS_MAX)
        return error_set(e, ERROR_INVALID_ARGUMENT,
                         "%" PRIu64 " queries are more than the %d of one search; send several", count,
                         QUERY_TARGETS_MAX);
    if (count * query_depth(q) > QUERY_HITS_MAX)
        return error_set(e, ERROR_INVALID_ARGUMENT,
                         "%" PRIu64 " queries x k %u are more than the %u hits of one search; send several", count,
                         query_depth(q), QUERY_HITS_MAX);
    return 0;
}

static int check_targets(const struct collection_config *config, const struct query_targets *t, uint32_t count,
                         struct error *e)
{
    const uint32_t dim = collection_vector(config)->dim;
    for (uint32_t i = 0; i < count; i++) {
        const float *target = t->vectors + (size_t)i * dim;
        int64_t bad = vectors_first_bad(target, dim);
        if (bad >= 0)
            return error_set(e, ERROR_INVALID_ARGUMENT,
                             "query %" PRIu64 " has a NaN or an infinity at position %" PRId64, t->first + i, bad);
        if (!vector_has_direction(config, target))
            return error_set(e, ERROR_INVALID_ARGUMENT,
                             "query %" PRIu64 " has length zero, which has no direction for cosine", t->first + i);
        fiber_checkpoint();
    }
    return 0;
}

static int check_query(struct request *rq, const struct collection_config *config, const struct query *q,
                       uint32_t *ret_count)
{
    int rc = query_check(q, &rq->error);
    if (rc == 0)
        rc = check_names(config, q, &rq->error);
    if (rc == 0)
        rc = check_count(config, q, &rq->error);
    *ret_count = rc == 0 ? (uint32_t)(q->targets.bytes / (vector_bytes(collection_vector(config)))) : 0;
    return rc < 0 ? rc : check_targets(config, &q->targets, *ret_count, &rq->error);
}

/* Allocates the answer: the hits of all queries, one query after the other. */
static int answer_begin(struct request *rq, const struct query *q, uint32_t count, struct answer *ret,
                        struct point_hit **ret_merged)
{
    uint64_t room = (uint64_t)count * q->k;
    struct arena *arena = room > 4096 ? &rq->bulk : &rq->arena;
    ret->ids = arena_alloc(arena, room * sizeof(*ret->ids));
    ret->scores = arena_alloc(arena, room * sizeof(*ret->scores));
    ret->counts = arena_alloc(&rq->arena, count * sizeof(*ret->counts));
    *ret_merged = arena_alloc(arena, query_depth(q) * sizeof(**ret_merged));
    return ret->ids && ret->scores && ret->counts && *ret_merged ? 0 : -ENOMEM;
}

/* Appends the hits of the next `count` queries. merged: memory for query_depth() hits. */
static int merge_parts(struct request *rq, const struct collection_config *config, const struct query *q,
                       uint32_t count, const struct router_parts *parts, struct point_hit *merged, struct answer *ret)
{
    const uint32_t depth = query_depth(q);
    struct merge_list *lists = arena_alloc(&rq->arena, parts->count * sizeof(*lists));
    if (!lists)
        return -ENOMEM;
    for (uint32_t t = 0; t < count; t++) {
        for (unsigned i = 0; i < parts->count; i++)
            lists[i] = (struct merge_list){parts->items[i].hits + (uint64_t)t * depth, parts->items[i].counts[t]};
        struct arena scratch = {0};
        int64_t n = merge_hits(lists, parts->count, depth, &scratch, merged);
        arena_fini(&scratch);
        if (n < 0)
            return (int)n;
        for (int64_t i = q->offset; i < n; i++) {
            ret->ids[ret->count] = merged[i].id;
            ret->scores[ret->count++] = metric_score(collection_vector(config)->metric, merged[i].distance);
        }
        ret->counts[ret->query_count++] = n > q->offset ? (uint32_t)n - q->offset : 0;
        int rc = context_check(&rq->ctx);
        if (rc < 0)
            return rc;
        fiber_checkpoint();
    }
    return 0;
}

/* Fills in what the query leaves open from the settings. search.ef goes before search.recall,
 * because it is off by default. */
static struct query with_settings(const struct settings *s, const struct query *q)
{
    struct query is = *q;
    struct query_effort *f = &is.effort;
    if (!f->ef && f->recall == 0)
        f->ef = (uint32_t)s->search_ef;
    if (!f->ef && f->recall == 0)
        f->recall = (float)((double)s->search_recall / SETTING_FRACTION_ONE);
    f->exact |= !f->ef && f->recall >= 1;
    return is;
}

/* A beam that costs about as much as the search. cost.c needs only its order of magnitude. */
static uint32_t beam_of(const struct query *q)
{
    return q->effort.ef ? q->effort.ef : recall_default_ef(q->effort.recall, query_depth(q));
}

/* The expected cost of a search, by which it is admitted. */
struct search_price {
    struct cost_query query;
    uint64_t query_ns; /* of one query */
    uint32_t piece;    /* queries that run in one turn: all, unless they take long */
};

/* Describes one query for the cost model, with the estimate of the indexes if it needs one. Pauses,
 * and the schema may change at a pause. */
static struct cost_query price_of(const struct collection_entry *e, const struct query *q)
{
    struct cost_query ret = {q->effort.exact, q->filter != NULL, query_depth(q), beam_of(q), 0};
    const struct shard_query asked = {.k = query_depth(q),
                                      .ef = q->effort.ef,
                                      .recall = q->effort.recall,
                                      .refine_k = q->effort.refine_k,
                                      .exact = q->effort.exact,
                                      .filter = q->filter};
    if (cost_wants_indexes(&e->cost, &ret))
        ret.said_ns = shard_cost_ns(e->shard, &asked);
    return ret;
}

/* Waits until the search is admitted. */
static int take_turn(struct request *rq, struct collection_entry *e, const struct query *q, uint32_t count,
                     struct search_price *ret)
{
    /* read before the pauses of price_of(), because a change of the schema replaces the spec */
    const uint64_t row_bytes = vector_bytes(collection_vector(&e->config));
    const struct cost_query price = price_of(e, q);
    const uint64_t query_ns = cost_of_query(&e->cost, &price);
    const uint64_t in_time = query_ns ? PIECE_NS / query_ns : count, least = count / PIECES_MAX + 1;
    const uint64_t piece = in_time > least ? in_time : least;
    *ret = (struct search_price){price, query_ns, piece < count ? (uint32_t)piece : count};
    return admission_enter_pieces(rq, ADMIT_SEARCH, count * query_ns, ret->piece * query_ns,
                                  needs_of_search(rq->core->reactors, count, query_depth(q), row_bytes, q->select),
                                  "search");
}

/* Runs the queries in pieces. Between pieces, other requests may go first. */
static int search_pieces(struct request *rq, struct collection_entry *e, const struct query *q, uint32_t count,
                         const struct search_price *price, struct answer *ret)
{
    struct point_hit *merged;
    int rc = answer_begin(rq, q, count, ret, &merged);
    for (uint32_t at = 0, n; rc == 0 && at < count; at += n) {
        struct query some = *q;
        struct router_parts parts = {0};
        n = count - at < price->piece ? count - at : price->piece;
        some.targets.vectors += (size_t)at * collection_vector(&e->config)->dim;
        if (at > 0)
            rc = admission_next_piece(rq, n * price->query_ns, "search");
        if (rc == 0)
            rc = router_ask(rq, e, &some, n, price->query.said_ns, &parts);
        if (rc == 0)
            rc = merge_parts(rq, &e->config, &some, n, &parts, merged, ret);
    }
    return rc;
}

static int search_admitted(struct request *rq, struct collection_entry *e, const struct query *q, uint32_t count,
                           const struct search_price *price, struct answer *ret)
{
    const struct collection_config *config = &e->config;
    int rc = search_pieces(rq, e, q, count, price, ret);
    if (rc == 0 && (q->select.vectors || q->select.payloads))
        rc = router_fetch(rq, config, q->select, ret);
    return rc;
}

static int search_entered(struct request *rq, struct collection_entry *e, const struct query *wanted,
                          struct answer *ret)
{
    struct core *c = rq->core;
    struct query with = with_settings(&c->settings, wanted), *q = &with;
    const struct collection_config *config = &e->config;
    uint64_t began_ns = clock_now_ns(), ran_ns = fiber_ran_ns(began_ns);
    struct search_price price;
    uint32_t count = 0;
    int rc = check_query(rq, config, q, &count);
    if (rc == 0 && q->filter)
        rc = filter_bind(q->filter, config->schema, config->name, &rq->arena, &q->filter, &rq->error);
    if (rc == 0)
        rc = take_turn(rq, e, q, count, &price);
    if (rc < 0)
        return rc;
    rc = search_admitted(rq, e, q, count, &price, ret);
    admission_leave(rq);
    if (rc == -ENOMEM && rq->error.code == ERROR_OK)
        return request_error_memory(rq, count, "queries", "search", "ask for a smaller k, or ");
    if (rc < 0)
        return rq->error.code == ERROR_OK ? router_error(rq, config->id, rc, "search") : rc;
    c->metrics.queries += count;
    uint64_t now_ns = clock_now_ns();
    cost_learn_query(&e->cost, &price.query, (fiber_ran_ns(now_ns) - ran_ns) / count);
    enum search_kind kind = search_kind_of(q->effort.exact, count);
    histogram_add(&c->search_times[kind], now_ns - began_ns);
    recent_add(&c->recent[kind], now_ns - began_ns, now_ns);
    return 0;
}

int router_search(struct request *rq, const struct query *q, struct answer *ret)
{
    memset(ret, 0, sizeof(*ret));
    struct collection_entry *e = router_enter_to_read(rq, q->collection);
    if (!e)
        return -ENOENT;
    ret->row_bytes = vector_bytes(collection_vector(&e->config));
    int rc = search_entered(rq, e, q, ret);
    core_leave(e);
    return rc;
}
