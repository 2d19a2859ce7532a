/* router_fetch.c -- vectors and payloads of points, from the owners of their ids.
 *
 * An owner copies into memory of the asking core, which does not know how large the payloads
 * are. So the asking core offers memory for a guess. An owner that needs more says how much, and
 * is asked again. Points may change between the two, so this may happen several times. */
#include "actors/router/needs.h"
#include "actors/router/router_internal.h"

#include <errno.h>
#include <string.h>

/* up to so many points, a fetch is admitted like a search and not as a load */
#define GET_FEW     100
#define CHECK_EVERY 256 /* points between two checks of the deadline */
/* questions to one owner, whose payloads may grow between them */
#define ATTEMPTS_MAX 8

static bool part_is_empty(const struct message *m)
{
    return CONTAINER_OF(m, const struct shard_get_message, base)->count == 0;
}

static int part_here(void *core, struct message *m)
{
    return shard_on_get(core, CONTAINER_OF(m, struct shard_get_message, base));
}

/* Asks `count` owners, from reactor `first` on. */
static int parts_ask(struct request *rq, struct shard_get_message *parts, unsigned first, unsigned count)
{
    const struct scatter owners = {.messages = parts + first,
                                   .size = sizeof(*parts),
                                   .first = first,
                                   .count = count,
                                   .to = address_of(0, ACTOR_SEARCH),
                                   .type = MSG_SHARD_GET,
                                   .ctx = &rq->ctx,
                                   .skip = part_is_empty,
                                   .here = part_here,
                                   .arg = rq->core};
    return message_scatter(&owners);
}

static int part_prepare(struct request *rq, const struct collection_config *config, const struct answer *p,
                        const struct router_split *split, unsigned r, struct selection select,
                        struct shard_get_message *m)
{
    uint32_t from = split->first[r], n = split->first[r + 1] - from;
    struct point_id *ids = arena_alloc(&rq->arena, n * sizeof(*ids));
    *m = (struct shard_get_message){.base.ctx = &rq->ctx,
                                    .collection = config->id,
                                    .schema_version = config->schema->version,
                                    .ids = ids,
                                    .count = n};
    m->found = arena_alloc(&rq->arena, n * sizeof(*m->found));
    if (!ids || !m->found)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        ids[i] = p->ids[split->order[from + i]];
        if (i % ROUTER_STEPS == 0)
            fiber_checkpoint();
    }
    if (select.vectors &&
        !(m->vectors = arena_alloc_aligned(&rq->bulk, (size_t)n * vector_bytes(collection_vector(config)))))
        return -ENOMEM;
    if (!select.payloads)
        return 0;
    m->payload_capacity = (uint64_t)n * NEEDS_PAYLOAD_GUESS;
    m->payload_sizes = arena_alloc(&rq->arena, n * sizeof(*m->payload_sizes));
    m->payloads = arena_alloc(&rq->bulk, m->payload_capacity);
    return m->payload_sizes && m->payloads ? 0 : -ENOMEM;
}

static int ask_owners(struct request *rq, struct shard_get_message *parts)
{
    const unsigned reactors = rq->core->reactors;
    int rc = parts_ask(rq, parts, 0, reactors);
    for (unsigned r = 0; r < reactors && rc == 0; r++)
        for (unsigned attempt = 0; rc == 0 && parts[r].payload_bytes > parts[r].payload_capacity; attempt++) {
            parts[r].payload_capacity = parts[r].payload_bytes + parts[r].payload_bytes / 8;
            rc = admission_grow(rq, parts[r].payload_capacity, "fetch of payloads");
            if (rc < 0)
                return rc;
            parts[r].payloads = arena_alloc(&rq->bulk, parts[r].payload_capacity);
            if (!parts[r].payloads || attempt == ATTEMPTS_MAX)
                return -ENOMEM;
            rc = parts_ask(rq, parts, r, 1);
        }
    return rc;
}

/* Where point i of the answer lies: at row `row` of part `part`; `payload` is the offset
 * of its payload there. */
struct place {
    uint32_t part, row;
    uint64_t payload;
};

static void places_find(const struct router_split *split, const struct shard_get_message *parts, unsigned reactors,
                        struct place *places)
{
    for (unsigned r = 0; r < reactors; r++) {
        uint64_t payload = 0;
        for (uint32_t i = split->first[r]; i < split->first[r + 1]; i++) {
            uint32_t row = i - split->first[r];
            places[split->order[i]] = (struct place){.part = r, .row = row, .payload = payload};
            if (parts[r].payload_sizes)
                payload += parts[r].payload_sizes[row];
            if (i % ROUTER_STEPS == 0)
                fiber_checkpoint();
        }
    }
}

/* For a search: takes points that are gone out of the counts of the queries. */
static void counts_shrink(struct answer *p, const struct place *places, const struct shard_get_message *parts)
{
    uint32_t at = 0;
    for (uint32_t q = 0; q < p->query_count; q++) {
        uint32_t end = at + p->counts[q];
        for (; at < end; at++)
            if (!parts[places[at].part].found[places[at].row])
                p->counts[q]--;
        fiber_checkpoint();
    }
}

static int assemble(const struct request *rq, struct answer *p, const struct place *places,
                    const struct shard_get_message *parts)
{
    counts_shrink(p, places, parts);
    uint32_t kept = 0;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct shard_get_message *part = &parts[places[i].part];
        uint32_t row = places[i].row;
        int rc = i % CHECK_EVERY == 0 ? context_check(&rq->ctx) : 0;
        if (rc < 0)
            return rc;
        if (!part->found[row])
            continue;
        p->ids[kept] = p->ids[i];
        if (p->scores)
            p->scores[kept] = p->scores[i];
        if (p->vectors)
            memcpy((uint8_t *)p->vectors + kept * p->row_bytes, (const uint8_t *)part->vectors + row * p->row_bytes,
                   p->row_bytes);
        if (p->payload_sizes) {
            p->payload_sizes[kept] = part->payload_sizes[row];
            fiber_copy(p->payloads + bytes, part->payloads + places[i].payload, part->payload_sizes[row]);
            bytes += part->payload_sizes[row];
        }
        kept++;
        fiber_checkpoint();
    }
    p->count = kept;
    p->payload_bytes = bytes;
    return 0;
}

int router_fetch(struct request *rq, const struct collection_config *config, struct selection select, struct answer *p)
{
    unsigned reactors = rq->core->reactors;
    struct router_split split;
    int rc = router_split_ids(rq, config, p->ids, p->count, &split);
    if (rc < 0)
        return rc;
    struct shard_get_message *parts = arena_alloc(&rq->arena, reactors * sizeof(*parts));
    struct place *places = arena_alloc(&rq->arena, (p->count ? p->count : 1) * sizeof(*places));
    if (!parts || !places)
        return -ENOMEM;
    for (unsigned r = 0; r < reactors && rc == 0; r++)
        rc = part_prepare(rq, config, p, &split, r, select, &parts[r]);
    if (rc == 0)
        rc = ask_owners(rq, parts);
    if (rc < 0)
        return rc;
    uint64_t bytes = 0;
    for (unsigned r = 0; r < reactors; r++)
        bytes += parts[r].payload_bytes;
    if (select.vectors && !(p->vectors = arena_alloc_aligned(&rq->bulk, p->count * p->row_bytes)))
        return -ENOMEM;
    if (select.payloads) {
        p->payload_sizes = arena_alloc(&rq->arena, p->count * sizeof(*p->payload_sizes));
        uint64_t guessed = (uint64_t)p->count * NEEDS_PAYLOAD_GUESS;
        rc = bytes > guessed ? admission_grow(rq, bytes - guessed, "fetch of payloads") : 0;
        if (rc < 0)
            return rc;
        p->payloads = arena_alloc(&rq->bulk, bytes);
        if (!p->payload_sizes || !p->payloads)
            return -ENOMEM;
    }
    places_find(&split, parts, reactors, places);
    return assemble(rq, p, places, parts);
}

static int get_entered(struct request *rq, struct collection_entry *e, const struct fetch *ask, struct answer *ret)
{
    if (ask->count > QUERY_POINTS_MAX)
        return error_set(&rq->error, ERROR_INVALID_ARGUMENT,
                         "%llu ids are more than the %u of one request; send several", (unsigned long long)ask->count,
                         QUERY_POINTS_MAX);
    ret->count = (uint32_t)ask->count;
    ret->row_bytes = vector_bytes(collection_vector(&e->config));
    if (ret->count == 0)
        return 0;
    int rc =
        admission_enter(rq, ret->count <= GET_FEW ? ADMIT_SEARCH : ADMIT_LOAD, ret->count * cost_of_point(&e->cost),
                        needs_of_fetch(ret->count, ret->row_bytes, ask->select), "get");
    if (rc < 0)
        return rc;
    uint64_t ran_ns = fiber_ran_ns(clock_now_ns());
    ret->ids = arena_alloc(&rq->arena, ret->count * sizeof(*ret->ids));
    rc = ret->ids ? 0 : -ENOMEM;
    if (rc == 0) {
        fiber_copy(ret->ids, ask->ids, ret->count * sizeof(*ret->ids));
        rc = router_fetch(rq, &e->config, ask->select, ret);
    }
    admission_leave(rq);
    if (rc == 0)
        cost_learn(&e->cost.point_ns, (fiber_ran_ns(clock_now_ns()) - ran_ns) / ask->count);
    return rc;
}

int router_get(struct request *rq, const struct fetch *ask, struct answer *ret)
{
    memset(ret, 0, sizeof(*ret));
    struct collection_entry *e = router_enter_to_read(rq, ask->collection);
    if (!e)
        return -ENOENT;
    int rc = get_entered(rq, e, ask, ret);
    uint64_t collection = e->config.id;
    core_leave(e);
    if (rc == -ENOMEM && rq->error.code == ERROR_OK)
        return request_error_memory(rq, ask->count, "points", "get", "");
    return rc < 0 && rq->error.code == ERROR_OK ? router_error(rq, collection, rc, "get") : rc;
}
