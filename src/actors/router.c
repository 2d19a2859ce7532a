/* router.c -- collections, and what all requests need. */
#include "actors/catalog_messages.h"
#include "actors/router_internal.h"
#include "actors/server.h"

#include <errno.h>
#include <string.h>

struct collection_entry *router_enter(struct request *rq, const char *name)
{
    struct core *c = rq->core;
    struct collection_entry *e = replica_find(&c->collections, name);
    if (c->state == CORE_STOPPING)
        (void)request_error(rq, -ESHUTDOWN, "request");
    else if (!e || gate_enter(&e->gate) < 0)
        (void)replica_error_unknown(&c->collections, name, &rq->error);
    else
        return e;
    return NULL;
}

int router_split_ids(struct request *rq, const struct collection_config *config, const struct point_id *ids,
                     uint32_t count, struct router_split *ret)
{
    unsigned reactors = rq->core->reactors;
    uint16_t *home = arena_alloc(&rq->arena, count * sizeof *home);
    ret->order = arena_alloc(&rq->arena, count * sizeof *ret->order);
    ret->first = arena_alloc(&rq->arena, (reactors + 2) * sizeof *ret->first);
    if (!home || !ret->order || !ret->first)
        return -ENOMEM;
    /* A counting sort; first[r + 1] counts, then is where r's next index goes. */
    memset(ret->first, 0, (reactors + 2) * sizeof *ret->first);
    for (uint32_t i = 0; i < count; i++) {
        home[i] = (uint16_t)router_home(config, ids[i], reactors);
        ret->first[home[i] + 2]++;
    }
    for (unsigned r = 2; r < reactors + 2; r++)
        ret->first[r] += ret->first[r - 1];
    for (uint32_t i = 0; i < count; i++)
        ret->order[ret->first[home[i] + 1]++] = i;
    return 0;
}

int router_create(struct request *rq, struct collection_config *config)
{
    if (rq->core->state == CORE_STOPPING)
        return request_error(rq, -ESHUTDOWN, "creation");
    struct catalog_create_message m = {.config = config, .error = &rq->error};
    int rc = message_call(&m.base, address_of(0, ACTOR_CATALOG), MSG_CATALOG_CREATE, &rq->ctx);
    return rc < 0 && rq->error.code == ERROR_OK ? request_error(rq, rc, "creation") : rc;
}

int router_drop(struct request *rq, const char *name)
{
    if (rq->core->state == CORE_STOPPING)
        return request_error(rq, -ESHUTDOWN, "drop");
    struct catalog_drop_message m = {.name = name, .error = &rq->error};
    int rc = message_call(&m.base, address_of(0, ACTOR_CATALOG), MSG_CATALOG_DROP, &rq->ctx);
    if (rc == -ENOENT && rq->error.code == ERROR_OK)
        return replica_error_unknown(&rq->core->collections, name, &rq->error);
    return rc < 0 && rq->error.code == ERROR_OK ? request_error(rq, rc, "drop") : rc;
}

int router_list(struct request *rq, struct router_collections *ret)
{
    const struct replica *r = &rq->core->collections;
    size_t n = r->count;
    struct collection_config *copies = arena_alloc(&rq->bulk, (n ? n : 1) * sizeof *copies);
    ret->configs = arena_alloc(&rq->bulk, (n ? n : 1) * sizeof *ret->configs);
    if (!copies || !ret->configs)
        return request_error(rq, -ENOMEM, "list");
    for (size_t i = 0; i < n; i++) {
        copies[i] = r->by_name[i]->config;
        ret->configs[i] = &copies[i];
    }
    ret->count = n;
    return 0;
}

static void info_add(struct shard_info *sum, const struct shard_info *part)
{
    sum->points += part->points;
    sum->growing_rows += part->growing_rows;
    sum->growing_graphed += part->growing_graphed;
    sum->growing_bytes += part->growing_bytes;
    sum->sealed_segments += part->sealed_segments;
    sum->sealed_rows += part->sealed_rows;
    sum->sealed_dead_rows += part->sealed_dead_rows;
    sum->sealed_bytes += part->sealed_bytes;
    sum->memory_bytes += part->memory_bytes;
}

int router_info(struct request *rq, const char *name, struct collection_config *ret_config, struct shard_info *ret)
{
    struct core *c = rq->core;
    struct collection_entry *e = router_enter(rq, name);
    if (!e)
        return -ENOENT;
    *ret_config = e->config;
    memset(ret, 0, sizeof *ret);
    struct shard_info_message *m = arena_alloc(&rq->arena, c->reactors * sizeof *m);
    int rc = m ? 0 : -ENOMEM;
    if (m) {
        memset(m, 0, c->reactors * sizeof *m);
        for (unsigned r = 0; r < c->reactors; r++) {
            m[r].collection = e->config.id;
            if (r != c->reactor)
                message_send(&m[r].base, address_of(r, ACTOR_SEARCH), MSG_SHARD_INFO, &rq->ctx);
        }
        m[c->reactor].base.status = shard_on_info(c, &m[c->reactor]);
        for (unsigned r = 0; r < c->reactors; r++) {
            int one = r == c->reactor ? m[r].base.status : message_await(&m[r].base);
            rc = rc < 0 ? rc : one;
            info_add(ret, &m[r].info);
        }
    }
    core_leave(e);
    return rc < 0 ? request_error(rq, rc, "count") : 0;
}
