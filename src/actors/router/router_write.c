/* router_write.c -- splits a batch by the owners of its ids, and acknowledges it
 * when every owner has.
 *
 * All vectors are checked before any owner is asked, so a batch with an error is refused as a
 * whole. A batch that fails for another reason, for instance a full disk, may be stored in part,
 * as docs/protocol.md says. Vectors and payloads are not copied. The part of an owner names its
 * points by their index in the request, which lends them until all parts have been answered. */
#include "actors/router/needs.h"
#include "actors/router/router_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static int check_names(struct request *rq, const struct collection_config *config, const struct write *w)
{
    for (uint32_t i = 0; i < w->vector_count; i++)
        if (w->vectors[i].name && w->vectors[i].name[0])
            return error_set(&rq->error, ERROR_INVALID_ARGUMENT, "collection '%.64s' has no vector named '%.64s'",
                             config->name, w->vectors[i].name);
    if (w->vector_count != 1)
        return error_set(&rq->error, ERROR_INVALID_ARGUMENT,
                         "the points have %u vectors; those of collection '%.64s' have 1", w->vector_count,
                         config->name);
    return 0;
}

static int check_sizes(struct request *rq, const struct collection_config *config, const struct write *w)
{
    const struct vector_spec *spec = collection_vector(config);
    const uint64_t row = vector_bytes(spec);
    if (w->count == 0 || w->count > WRITE_POINTS_MAX)
        return error_set(&rq->error, ERROR_INVALID_ARGUMENT, "%" PRIu64 " ids; an upsert has 1 to %u", w->count,
                         WRITE_POINTS_MAX);
    if (w->vectors->bytes == w->count * row)
        return 0;
    if (w->vectors->bytes % (w->count * sizeof(float)) == 0)
        return error_set(&rq->error, ERROR_INVALID_ARGUMENT,
                         "the vectors have %" PRIu64 " dimension%s; collection '%.64s' has %u",
                         w->vectors->bytes / w->count / sizeof(float),
                         plural(w->vectors->bytes / w->count / sizeof(float)), config->name, spec->dim);
    return error_set(&rq->error, ERROR_INVALID_ARGUMENT,
                     "the block has %" PRIu64 " number%s; %" PRIu64
                     " vector%s of the %u dimension%s of collection '%.64s' have %" PRIu64,
                     w->vectors->bytes / sizeof(float), plural(w->vectors->bytes / sizeof(float)), w->count,
                     plural(w->count), spec->dim, plural(spec->dim), config->name, w->count * spec->dim);
}

static int check_payloads(struct request *rq, const struct write *w)
{
    const bool some = w->payloads.sizes || w->payloads.bytes;
    if (some && w->payloads.size_count != w->count)
        return error_set(&rq->error, ERROR_INVALID_ARGUMENT,
                         "%" PRIu64 " payload size%s for %" PRIu64 " id%s; send one a point, or none",
                         w->payloads.size_count, plural(w->payloads.size_count), w->count, plural(w->count));
    return 0;
}

/* Finds where the payload of each point begins, in the order of the ids. *ret_sum: bytes of all
 * payloads. If it exceeds what was sent, the pointers of the payloads behind that are not valid;
 * the caller then refuses the batch. */
static int payloads_find(struct request *rq, const struct write *w, const void ***ret, uint64_t *ret_sum)
{
    uint64_t sum = 0;
    if (w->payloads.sizes) {
        /* blocks of an arena double in size, and the last one holds the frame */
        arena_room(&rq->bulk, w->count * sizeof(**ret));
        *ret = arena_alloc(&rq->bulk, w->count * sizeof(**ret));
        if (!*ret)
            return -ENOMEM;
    }
    for (uint64_t i = 0; *ret && i < w->count; i++) {
        (*ret)[i] = w->payloads.data + (sum < w->payloads.bytes ? sum : 0);
        sum += w->payloads.sizes[i];
        if (i % ROUTER_STEPS == 0)
            fiber_checkpoint();
    }
    *ret_sum = sum;
    return 0;
}

static int upsert_here(struct request *rq, const struct collection_config *config, const struct point_batch *batch)
{
    struct shard_upsert_message m = {.base.ctx = &rq->ctx,
                                     .collection = config->id,
                                     .schema_version = config->schema->version,
                                     .batch = *batch,
                                     .error = &rq->error};
    return shard_on_upsert(rq->core, &m);
}

static bool upsert_is_empty(const struct message *m)
{
    return CONTAINER_OF(m, const struct shard_upsert_message, base)->batch.count == 0;
}

static int upsert_own(void *core, struct message *m)
{
    return shard_on_upsert(core, CONTAINER_OF(m, struct shard_upsert_message, base));
}

static int upsert_split(struct request *rq, const struct collection_config *config, const struct point_batch *batch)
{
    struct core *c = rq->core;
    struct router_split split;
    int rc = router_split_ids(rq, config, batch->ids, batch->count, &split);
    struct shard_upsert_message *parts = arena_alloc(&rq->arena, c->reactors * sizeof(*parts));
    struct error *errors = arena_alloc(&rq->arena, c->reactors * sizeof(*errors));
    if (rc < 0 || !parts || !errors)
        return -ENOMEM;
    memset(parts, 0, c->reactors * sizeof(*parts));
    memset(errors, 0, c->reactors * sizeof(*errors));
    for (unsigned r = 0; r < c->reactors; r++) {
        parts[r].base.ctx = &rq->ctx;
        parts[r].collection = config->id;
        parts[r].schema_version = config->schema->version;
        parts[r].error = &errors[r];
        parts[r].batch = *batch;
        parts[r].batch.order = split.order + split.first[r];
        parts[r].batch.count = split.first[r + 1] - split.first[r];
    }
    const struct scatter owners = {.messages = parts,
                                   .size = sizeof(*parts),
                                   .count = c->reactors,
                                   .to = address_of(0, ACTOR_WRITE),
                                   .type = MSG_SHARD_UPSERT,
                                   .ctx = &rq->ctx,
                                   .skip = upsert_is_empty,
                                   .here = upsert_own,
                                   .arg = c};
    rc = message_scatter(&owners);
    unsigned begun = 0;
    for (unsigned r = c->reactors; r-- > 0;) {
        begun += parts[r].batch.count > 0 && parts[r].base.status == 0;
        if (parts[r].base.status < 0)
            rq->error = errors[r]; /* the error of the first reactor stays */
    }
    if ((rc == -ETIME || rc == -ECANCELED) && begun > 0)
        return error_set(
            &rq->error, rc == -ETIME ? ERROR_DEADLINE_EXCEEDED : ERROR_CANCELLED,
            "the upsert was given up when a part of it was written already; repeat it, which does no harm");
    return rc;
}

static int upsert_admitted(struct request *rq, const struct collection_config *config, const struct write *w)
{
    const void **payloads = NULL;
    uint64_t sum;
    int rc = payloads_find(rq, w, &payloads, &sum);
    const struct point_batch batch = {
        .count = (uint32_t)w->count,
        .ids = w->ids,
        .vectors = w->vectors->data,
        .payloads = payloads,
        .payload_sizes = w->payloads.sizes,
        .ctx = &rq->ctx,
    };
    if (rc == 0)
        rc = point_batch_check(&batch, config, w->first_row, &rq->error);
    if (rc == 0 && sum != w->payloads.bytes)
        rc = error_set(&rq->error, ERROR_INVALID_ARGUMENT,
                       "the payload sizes add up to %" PRIu64 " bytes, but %" PRIu64 " were sent", sum,
                       w->payloads.bytes);
    if (rc < 0)
        return rc;
    return rq->core->reactors == 1 ? upsert_here(rq, config, &batch) : upsert_split(rq, config, &batch);
}

static int upsert_points(struct request *rq, const struct write *w)
{
    struct collection_entry *e = router_enter(rq, w->collection);
    if (!e)
        return -ENOENT;
    int rc = check_names(rq, &e->config, w);
    if (rc == 0)
        rc = check_payloads(rq, w);
    if (rc == 0)
        rc = check_sizes(rq, &e->config, w);
    if (rc == 0)
        rc = admission_enter(rq, ADMIT_LOAD, w->count * cost_of_row(&e->cost),
                             needs_of_upsert(rq->core->reactors, w->count, w->payloads.sizes != NULL), "upsert");
    if (rc == 0) {
        uint64_t ran_ns = fiber_ran_ns(clock_now_ns());
        rc = upsert_admitted(rq, &e->config, w);
        admission_leave(rq);
        if (rc == 0)
            cost_learn(&e->cost.row_ns, (fiber_ran_ns(clock_now_ns()) - ran_ns) / w->count);
    }
    uint64_t collection = e->config.id;
    core_leave(e);
    if (rc == 0)
        rq->core->metrics.points_written += w->count;
    if (rc == -ENOMEM && rq->error.code == ERROR_OK)
        return request_error_memory(rq, w->count, "points", "upsert", "");
    return rc < 0 && rq->error.code == ERROR_OK ? router_error(rq, collection, rc, "upsert") : rc;
}

static bool delete_is_empty(const struct message *m)
{
    return CONTAINER_OF(m, const struct shard_delete_message, base)->count == 0;
}

static int delete_own(void *core, struct message *m)
{
    return shard_on_delete(core, CONTAINER_OF(m, struct shard_delete_message, base));
}

static int delete_split(struct request *rq, const struct collection_config *config, const struct write *w,
                        uint64_t *ret_deleted)
{
    struct core *c = rq->core;
    uint32_t count = (uint32_t)w->count;
    struct router_split split;
    int rc = router_split_ids(rq, config, w->ids, count, &split);
    struct point_id *sorted = arena_alloc(&rq->arena, count * sizeof(*sorted));
    struct shard_delete_message *parts = arena_alloc(&rq->arena, c->reactors * sizeof(*parts));
    struct error *errors = arena_alloc(&rq->arena, c->reactors * sizeof(*errors));
    if (rc < 0 || !sorted || !parts || !errors)
        return -ENOMEM;
    memset(parts, 0, c->reactors * sizeof(*parts));
    memset(errors, 0, c->reactors * sizeof(*errors));
    for (uint32_t i = 0; i < count; i++) {
        sorted[i] = w->ids[split.order[i]];
        if (i % ROUTER_STEPS == 0)
            fiber_checkpoint();
    }
    for (unsigned r = 0; r < c->reactors; r++) {
        parts[r].base.ctx = &rq->ctx;
        parts[r].collection = config->id;
        parts[r].error = &errors[r];
        parts[r].ids = sorted + split.first[r];
        parts[r].count = split.first[r + 1] - split.first[r];
    }
    const struct scatter owners = {.messages = parts,
                                   .size = sizeof(*parts),
                                   .count = c->reactors,
                                   .to = address_of(0, ACTOR_WRITE),
                                   .type = MSG_SHARD_DELETE,
                                   .ctx = &rq->ctx,
                                   .skip = delete_is_empty,
                                   .here = delete_own,
                                   .arg = c};
    rc = message_scatter(&owners);
    for (unsigned r = c->reactors; r-- > 0;) {
        *ret_deleted += parts[r].deleted;
        if (parts[r].base.status < 0)
            rq->error = errors[r]; /* the error of the first reactor stays */
    }
    return rc;
}

static int delete_admitted(struct request *rq, struct collection_entry *e, const struct write *w, uint64_t *ret_deleted)
{
    int rc = admission_enter(rq, ADMIT_LOAD, w->count * cost_of_row(&e->cost), needs_of_delete(w->count), "delete");
    if (rc < 0)
        return rc;
    rc = delete_split(rq, &e->config, w, ret_deleted);
    admission_leave(rq);
    return rc;
}

static int delete_points(struct request *rq, const struct write *w, uint64_t *ret_deleted)
{
    struct collection_entry *e = router_enter(rq, w->collection);
    if (!e)
        return -ENOENT;
    int rc = 0;
    if (w->count > WRITE_POINTS_MAX)
        rc = error_set(&rq->error, ERROR_INVALID_ARGUMENT,
                       "%" PRIu64 " ids are more than the %u of one request; send several", w->count, WRITE_POINTS_MAX);
    else if (w->count > 0)
        rc = delete_admitted(rq, e, w, ret_deleted);
    uint64_t collection = e->config.id;
    core_leave(e);
    if (rc == 0)
        rq->core->metrics.points_deleted += *ret_deleted;
    return rc < 0 && rq->error.code == ERROR_OK ? router_error(rq, collection, rc, "delete") : rc;
}

int router_write(struct request *rq, const struct write *w, uint64_t *ret_count)
{
    *ret_count = w->kind == WRITE_UPSERT ? w->count : 0;
    return w->kind == WRITE_UPSERT ? upsert_points(rq, w) : delete_points(rq, w, ret_count);
}
