/* router.c -- creates, drops and lists collections, and has what all requests need: entering a
 * collection, splitting ids by owner, calling the catalog. */
#include "actors/catalog/catalog_messages.h"
#include "actors/router/router_internal.h"
#include "actors/server.h"

#include <errno.h>
#include <string.h>

#define CATALOG_CALLS_MAX 1024 /* requests of a core; each has a fiber that only waits */
#define CATALOG_RETRY_MS  1000
#define LIST_ROOM         64 /* for collections that are created while the list is read */

int router_check_serving(struct request *rq, const char *what)
{
    if (rq->core->state == CORE_STOPPING)
        return request_error(rq, -ESHUTDOWN, what);
    if (rq->core->state == CORE_STARTING || rq->core->state == CORE_READING)
        return server_starting(rq->core->server, &rq->error);
    if (rq->core->state == CORE_RESTORING)
        return error_set(&rq->error, ERROR_UNAVAILABLE,
                         "a snapshot is being restored (if that failed, the log says so); repeat the %s in a moment",
                         what);
    return 0;
}

int router_error(struct request *rq, uint64_t collection, int rc, const char *what)
{
    struct core *c = rq->core;
    const struct collection_entry *e = rc == -EBADMSG ? replica_find_id(&c->collections, collection) : NULL;
    if (!e)
        return request_error(rq, rc, what);
    /* this request has found the damage: every reactor is told */
    if (e->damage.code == ERROR_OK && shard_damage(e->shard))
        ignore_result(core_announce_damage(c, e));
    const struct error *damage = core_ask_damage(c, collection);
    if (!damage)
        return request_error(rq, rc, what);
    rq->error = *damage;
    return rc;
}

static struct collection_entry *enter(struct request *rq, const char *name, struct collection_entry *e)
{
    struct core *c = rq->core;
    if (!e || gate_enter(&e->gate) < 0) {
        (void)replica_error_unknown(&c->collections, name, &rq->error);
        return NULL;
    }
    order_hold(ORDER_COLLECTION);
    if (shard_damage(e->shard) && e->damage.code == ERROR_OK)
        ignore_result(core_announce_damage(c, e));
    if (e->damage.code == ERROR_OK)
        return e;
    rq->error = e->damage;
    core_leave(e);
    return NULL;
}

struct collection_entry *router_enter(struct request *rq, const char *name)
{
    return router_check_serving(rq, "request") < 0 ? NULL : enter(rq, name, replica_find(&rq->core->collections, name));
}

struct collection_entry *router_enter_to_read(struct request *rq, const char *name)
{
    struct collection_entry *e = replica_find(&rq->core->collections, name);
    bool early = rq->core->state == CORE_READING && (!e || e->is_clean);
    return !early && router_check_serving(rq, "request") < 0 ? NULL : enter(rq, name, e);
}

int router_split_ids(struct request *rq, const struct collection_config *config, const struct point_id *ids,
                     uint32_t count, struct router_split *ret)
{
    unsigned reactors = rq->core->reactors;
    uint16_t *owner = arena_alloc(&rq->arena, count * sizeof(*owner));
    ret->order = arena_alloc(&rq->arena, count * sizeof(*ret->order));
    ret->first = arena_alloc(&rq->arena, (reactors + 2) * sizeof(*ret->first));
    if (!owner || !ret->order || !ret->first)
        return -ENOMEM;
    /* A counting sort. first[r + 2] counts the ids of r. After the sums, first[r + 1] is the
     * place of the next index of r, and in the end the place behind the last. */
    memset(ret->first, 0, (reactors + 2) * sizeof(*ret->first));
    for (uint32_t i = 0; i < count; i++) {
        owner[i] = (uint16_t)router_owner(config, ids[i], reactors);
        ret->first[owner[i] + 2]++;
        if (i % ROUTER_STEPS == 0)
            fiber_checkpoint();
    }
    for (unsigned r = 2; r < reactors + 2; r++)
        ret->first[r] += ret->first[r - 1];
    for (uint32_t i = 0; i < count; i++) {
        ret->order[ret->first[owner[i] + 1]++] = i;
        if (i % ROUTER_STEPS == 0)
            fiber_checkpoint();
    }
    return 0;
}

int router_scatter(struct request *rq, void *messages, size_t size, enum actor_id actor, uint32_t type,
                   int (*here)(void *core, struct message *m))
{
    const struct scatter all = {.messages = messages,
                                .size = size,
                                .count = rq->core->reactors,
                                .to = address_of(0, actor),
                                .type = type,
                                .ctx = &rq->ctx,
                                .here = here,
                                .arg = rq->core};
    return message_scatter(&all);
}

/* The caller holds no place in a lane: a drop waits for requests inside the gate, which may
 * wait for such a place. */
int router_call_catalog(struct request *rq, struct message *m, enum actor_id actor, uint32_t type)
{
    struct core *c = rq->core;
    if (c->catalog_calls == CATALOG_CALLS_MAX) {
        error_set(&rq->error, ERROR_RESOURCE_EXHAUSTED,
                  "the server is busy: %d requests of this core wait for the list of collections, the settings or the "
                  "snapshots to be changed; repeat this one in %d ms",
                  CATALOG_CALLS_MAX, CATALOG_RETRY_MS);
        rq->error.retry_after_ms = CATALOG_RETRY_MS;
        return -EBUSY;
    }
    c->catalog_calls++;
    int rc = message_call(m, address_of(0, actor), type, &rq->ctx);
    c->catalog_calls--;
    return rc;
}

int router_create(struct request *rq, struct collection_config *config)
{
    int rc = router_check_serving(rq, "creation");
    if (rc < 0)
        return rc;
    struct catalog_create_message m = {.config = config, .error = &rq->error};
    rc = router_call_catalog(rq, &m.base, ACTOR_CATALOG, MSG_CATALOG_CREATE);
    return rc < 0 && rq->error.code == ERROR_OK ? request_error(rq, rc, "creation") : rc;
}

int router_drop(struct request *rq, const char *name)
{
    int rc = router_check_serving(rq, "drop");
    if (rc < 0)
        return rc;
    struct catalog_drop_message m = {.name = name, .error = &rq->error};
    rc = router_call_catalog(rq, &m.base, ACTOR_CATALOG, MSG_CATALOG_DROP);
    if (rc == -ENOENT && rq->error.code == ERROR_OK)
        return replica_error_unknown(&rq->core->collections, name, &rq->error);
    return rc < 0 && rq->error.code == ERROR_OK ? request_error(rq, rc, "drop") : rc;
}

int router_copy_config(struct request *rq, const struct collection_config *from, size_t fields,
                       struct collection_config *ret)
{
    void *room = arena_alloc(&rq->bulk, schema_bytes(from->schema->vector_count, fields));
    if (!room)
        return -ENOMEM;
    *ret = *from;
    ret->schema = schema_copy_at(room, from->schema, fields);
    return 0;
}

/* Collections may come and go at a pause, so the list goes on behind the last name that was
 * read. -EAGAIN: there are more than `room`. */
static int list_into(struct request *rq, size_t room, struct router_collections *ret)
{
    const struct replica *r = &rq->core->collections;
    ret->count = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct collection_entry *e = r->by_name[i];
        if (!e->published)
            continue;
        if (ret->count == room)
            return -EAGAIN;
        if (router_copy_config(rq, &e->config, 0, &ret->configs[ret->count]) < 0)
            return -ENOMEM;
        const char *damage =
            e->damage.code == ERROR_OK ? "" : arena_copy(&rq->bulk, e->damage.text, strlen(e->damage.text));
        if (!damage)
            return -ENOMEM;
        ret->damages[ret->count++] = damage;
        if (fiber_should_yield()) {
            fiber_yield();
            /* the loop adds 1 */
            i = replica_after(r, ret->configs[ret->count - 1].name) - 1;
        }
    }
    return 0;
}

int router_list(struct request *rq, struct router_collections *ret)
{
    int rc = -EAGAIN;
    if (rq->core->state != CORE_READING && router_check_serving(rq, "list") < 0)
        return -ESHUTDOWN;
    while (rc == -EAGAIN) {
        const size_t n = rq->core->collections.count, room = n + n / 8 + LIST_ROOM;
        ret->configs = arena_alloc(&rq->bulk, room * sizeof(*ret->configs));
        ret->damages = arena_alloc(&rq->bulk, room * sizeof(*ret->damages));
        rc = ret->configs && ret->damages ? list_into(rq, room, ret) : -ENOMEM;
    }
    return rc < 0 ? request_error(rq, rc, "list") : 0;
}
