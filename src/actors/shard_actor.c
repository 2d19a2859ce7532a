/* shard_actor.c -- receives the messages to a reactor's shards. Reads and writes are two actors,
 * because all fibers of an actor have one class, and a queue of writes must not delay a search. */
#include "actors/shard_actor.h"

#include <errno.h>
#include <string.h>

static int search(struct core *c, struct shard *s, const struct shard_query *query, struct point_hit *ret_hits)
{
    struct search_probe probe;
    search_hardware_begin(&c->metrics.hardware, &probe);
    int hits = shard_search(s, query, ret_hits);
    search_hardware_end(&c->metrics.hardware, &probe);
    return hits;
}

int shard_on_search(struct core *c, struct shard_search_message *m)
{
    struct collection_entry *e;
    int rc = core_enter(c, m->collection, &e);
    if (rc < 0)
        return rc;
    replica_meet_schema(e, m->schema_version);
    struct shard_query query = {.k = m->k,
                                .ef = m->ef,
                                .recall = m->recall,
                                .refine_k = m->refine_k,
                                .exact = m->exact,
                                .filter = m->filter,
                                .part = m->part,
                                .ctx = m->base.ctx,
                                .error = m->error};
    for (uint32_t i = 0; i < m->count && rc == 0; i++) {
        query.vector = m->queries + (size_t)i * collection_vector(&e->config)->dim;
        int hits = context_check(m->base.ctx);
        if (hits == 0)
            hits = search(c, e->shard, &query, m->hits + (size_t)i * m->k);
        if (hits == -ESTALE) {
            m->stale = true;
            query.part.sealed = false;
            hits = search(c, e->shard, &query, m->hits + (size_t)i * m->k);
        }
        if (hits < 0)
            rc = hits;
        else
            m->counts[i] = (uint32_t)hits;
        if (hits >= 0 && !m->exact && !m->filter && !m->part.asked)
            recall_watch_note(c, e, &query);
        fiber_checkpoint();
    }
    m->died_ns = shard_died_ns(e->shard);
    core_leave(e);
    return rc;
}

#define COPY_AT_ONCE ((uint32_t)128 << 10)

static void copy_payload(struct point_view *v, uint8_t *to)
{
    if (v->payload_size <= COPY_AT_ONCE) {
        memcpy(to, v->payload, v->payload_size);
        return;
    }
    point_view_hold(v);
    fiber_copy(to, v->payload, v->payload_size);
    point_view_let_go(v);
}

int shard_on_get(struct core *c, struct shard_get_message *m)
{
    struct collection_entry *e;
    int rc = core_enter(c, m->collection, &e);
    if (rc < 0)
        return rc;
    replica_meet_schema(e, m->schema_version);
    const size_t row = vector_bytes(collection_vector(&e->config));
    m->payload_bytes = 0;
    for (uint32_t i = 0; i < m->count && rc == 0; i++) {
        struct point_view v;
        /* the borrowed bytes are copied before this fiber waits */
        shard_get(e->shard, m->ids[i], &v);
        m->found[i] = v.found;
        uint32_t size = v.found ? v.payload_size : 0;
        if (v.found && m->vectors)
            memcpy((uint8_t *)m->vectors + i * row, v.vector, row);
        if (m->payload_sizes) {
            m->payload_sizes[i] = size;
            if (size > 0 && m->payload_bytes + size <= m->payload_capacity)
                copy_payload(&v, m->payloads + m->payload_bytes); /* last, because it may pause */
            m->payload_bytes += size;
        }
        rc = context_check(m->base.ctx);
        fiber_checkpoint();
    }
    /* the copied bytes may be zeros in place of a page that could not be read */
    if (rc == 0 && shard_damage(e->shard))
        rc = -EBADMSG;
    core_leave(e);
    return rc;
}

int shard_on_info(struct core *c, struct shard_info_message *m)
{
    struct collection_entry *e;
    int rc = core_enter(c, m->collection, &e);
    if (rc < 0)
        return rc;
    shard_info_read(e->shard, &m->info);
    core_leave(e);
    return 0;
}

int shard_on_segments(struct core *c, struct shard_segments_message *m)
{
    struct collection_entry *e;
    int rc = core_enter(c, m->collection, &e);
    if (rc < 0)
        return rc;
    m->count = shard_segments(e->shard, m->segments, m->room);
    core_leave(e);
    return 0;
}

int shard_on_upsert(struct core *c, struct shard_upsert_message *m)
{
    struct collection_entry *e;
    int rc = core_enter(c, m->collection, &e);
    if (rc < 0)
        return rc;
    replica_meet_schema(e, m->schema_version);
    rc = context_check(m->base.ctx);
    /* for waits before the log; a batch that is in the log is finished in any case */
    m->batch.ctx = m->base.ctx;
    if (rc == 0)
        rc = shard_upsert(e->shard, &m->batch, m->error);
    core_leave(e);
    return rc;
}

int shard_on_delete(struct core *c, struct shard_delete_message *m)
{
    struct collection_entry *e;
    int rc = core_enter(c, m->collection, &e);
    if (rc < 0)
        return rc;
    rc = context_check(m->base.ctx);
    if (rc == 0)
        rc = shard_delete(e->shard, m->ids, m->count, &m->deleted, m->error);
    core_leave(e);
    return rc;
}

/* -- maintenance -- */

#define WAITING_MAX 64 /* requests for maintenance that may wait on a reactor */

struct waiting {
    const struct core *core;
    const struct collection_entry *entry;
    const struct context *ctx;
};

/* Maintenance may take minutes. A drop, a stop or a restore waits for every request inside the
 * gate, so such a request ends early. */
static int waiting_pause(void *arg)
{
    const struct waiting *w = arg;
    if (w->core->state != CORE_SERVING)
        return -ESHUTDOWN;
    return w->entry->gate.closed ? -ENOENT : context_check(w->ctx);
}

static int maintain(struct core *c, struct shard_maintain_message *m,
                    int (*fn)(struct shard *s, const struct pause *pause, struct error *error))
{
    struct collection_entry *e;
    int rc = core_enter(c, m->collection, &e);
    if (rc < 0)
        return rc;
    if (c->waiting == WAITING_MAX) {
        core_leave(e);
        return error_set(m->error, ERROR_RESOURCE_EXHAUSTED,
                         "%d requests wait for sealing or compaction already; repeat this one later", WAITING_MAX);
    }
    c->waiting++;
    struct waiting w = {c, e, m->base.ctx};
    struct pause pause = {waiting_pause, &w};
    rc = fn(e->shard, &pause, m->error);
    c->waiting--;
    /* maintenance reads all rows, so it may be the first to find damage */
    if (shard_damage(e->shard) && e->damage.code == ERROR_OK)
        ignore_result(core_announce_damage(c, e));
    core_leave(e);
    return rc;
}

int shard_on_seal(struct core *c, struct shard_maintain_message *m)
{
    return maintain(c, m, shard_seal);
}

int shard_on_compact(struct core *c, struct shard_maintain_message *m)
{
    return maintain(c, m, shard_compact);
}

void core_on_search(struct actor *a, struct message *m)
{
    struct core *c = CONTAINER_OF(a, struct core, search);
    int rc = -ENOSYS;
    switch (m->type) {
    case MSG_SHARD_SEARCH: rc = shard_on_search(c, CONTAINER_OF(m, struct shard_search_message, base)); break;
    case MSG_SHARD_GET: rc = shard_on_get(c, CONTAINER_OF(m, struct shard_get_message, base)); break;
    case MSG_SHARD_INFO: rc = shard_on_info(c, CONTAINER_OF(m, struct shard_info_message, base)); break;
    case MSG_SHARD_SEGMENTS: rc = shard_on_segments(c, CONTAINER_OF(m, struct shard_segments_message, base)); break;
    }
    message_reply(m, rc);
}

void core_on_write(struct actor *a, struct message *m)
{
    struct core *c = CONTAINER_OF(a, struct core, write);
    int rc = -ENOSYS;
    switch (m->type) {
    case MSG_SHARD_UPSERT: rc = shard_on_upsert(c, CONTAINER_OF(m, struct shard_upsert_message, base)); break;
    case MSG_SHARD_DELETE: rc = shard_on_delete(c, CONTAINER_OF(m, struct shard_delete_message, base)); break;
    }
    message_reply(m, rc);
}

void core_on_maintain(struct actor *a, struct message *m)
{
    struct core *c = CONTAINER_OF(a, struct core, maintain);
    int rc = -ENOSYS;
    switch (m->type) {
    case MSG_SHARD_SEAL: rc = shard_on_seal(c, CONTAINER_OF(m, struct shard_maintain_message, base)); break;
    case MSG_SHARD_COMPACT: rc = shard_on_compact(c, CONTAINER_OF(m, struct shard_maintain_message, base)); break;
    }
    message_reply(m, rc);
}
