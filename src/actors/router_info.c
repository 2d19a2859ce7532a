/* router_info.c -- what a collection is made of, added up or listed over all reactors. */
#include "actors/control_messages.h"
#include "actors/router_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENTS_GUESS 64 /* of a collection on one reactor */
#define ATTEMPTS_MAX   8

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
    struct collection_entry *e = router_enter_to_read(rq, name);
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
    return rc < 0 ? router_error(rq, ret_config->id, rc, "count") : 0;
}

/* -- all collections -- */

static int infos_ask(struct request *rq, const uint64_t *ids, size_t count, struct control_infos_message *m)
{
    unsigned n = rq->core->reactors;
    for (unsigned r = 0; r < n; r++) {
        m[r] = (struct control_infos_message){.ids = ids, .count = count};
        m[r].infos = arena_alloc(&rq->bulk, (count + 1) * sizeof *m[r].infos);
        if (!m[r].infos)
            return -ENOMEM;
    }
    for (unsigned r = 0; r < n; r++)
        message_send(&m[r].base, address_of(r, ACTOR_ASK), MSG_CONTROL_INFOS, NULL);
    int rc = 0;
    for (unsigned r = 0; r < n; r++) {
        int one = message_await(&m[r].base);
        rc = rc < 0 ? rc : one;
    }
    return rc;
}

static int infos_read(struct request *rq, struct router_info *all, size_t count)
{
    unsigned n = rq->core->reactors;
    struct control_infos_message *m = arena_alloc(&rq->bulk, n * sizeof *m);
    uint64_t *ids = arena_alloc(&rq->bulk, (count + 1) * sizeof *ids);
    if (!m || !ids)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        ids[i] = all[i].id;
    int rc = infos_ask(rq, ids, count, m);
    for (unsigned r = 0; rc == 0 && r < n; r++)
        for (size_t i = 0; i < count; i++) {
            info_add(&all[i].sum, &m[r].infos[i]);
            fiber_checkpoint();
        }
    return rc;
}

int router_infos(struct request *rq, struct router_info **ret, size_t *ret_count)
{
    struct router_collections names;
    int rc = router_list(rq, &names);
    if (rc < 0)
        return rc;
    struct router_info *all = arena_alloc(&rq->bulk, (names.count + 1) * sizeof *all);
    if (!all)
        return request_error(rq, -ENOMEM, "list");
    for (size_t i = 0; i < names.count; i++) {
        all[i] = (struct router_info){
            .name = names.configs[i].name, .id = names.configs[i].id, .damaged = names.damages[i][0] != 0};
        fiber_checkpoint();
    }
    rc = infos_read(rq, all, names.count);
    *ret = all;
    *ret_count = names.count;
    return rc < 0 ? request_error(rq, rc, "list") : 0;
}

/* -- segments -- */

static int by_state_and_id(const void *a, const void *b)
{
    const struct segment_info *x = a, *y = b;
    if ((x->id == 0) != (y->id == 0))
        return x->id == 0 ? 1 : -1;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->reactor < y->reactor ? -1 : x->reactor > y->reactor;
}

/* One reactor's segments to the end of the list: asked again when there are more than there was room for. */
static int segments_of(struct request *rq, uint64_t collection, unsigned reactor, struct arena *arena,
                       struct router_segments *all)
{
    struct core *c = rq->core;
    uint32_t room = SEGMENTS_GUESS;
    for (unsigned attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        struct segment_info *items = arena_alloc(arena, (all->count + room) * sizeof *items);
        if (!items)
            return -ENOMEM;
        if (all->count)
            memcpy(items, all->items, all->count * sizeof *items);
        struct shard_segments_message m = {.collection = collection, .segments = items + all->count, .room = room};
        int rc = reactor == c->reactor
                     ? shard_on_segments(c, &m)
                     : message_call(&m.base, address_of(reactor, ACTOR_SEARCH), MSG_SHARD_SEGMENTS, &rq->ctx);
        if (rc < 0)
            return rc;
        if (m.count <= room) {
            all->items = items;
            all->count += m.count;
            return 0;
        }
        room = m.count + m.count / 8;
    }
    return -EAGAIN;
}

int router_segments(struct request *rq, const char *name, struct arena *arena, struct router_segments *ret)
{
    *ret = (struct router_segments){0};
    struct collection_entry *e = router_enter_to_read(rq, name);
    if (!e)
        return -ENOENT;
    int rc = 0;
    for (unsigned r = 0; r < rq->core->reactors && rc == 0; r++)
        rc = segments_of(rq, e->config.id, r, arena, ret);
    uint64_t collection = e->config.id;
    core_leave(e);
    if (rc == 0 && ret->count)
        qsort(ret->items, ret->count, sizeof *ret->items, by_state_and_id);
    return rc < 0 ? router_error(rq, collection, rc, "list of segments") : 0;
}
