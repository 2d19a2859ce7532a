/* router_info.c -- the counts and segments of collections, summed or listed over all reactors. */
#include "actors/control_messages.h"
#include "actors/router/needs.h"
#include "actors/router/router_internal.h"
#include "actors/server.h"
#include "shards/folder/read_only.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPTS_MAX 8 /* to list segments, of which there may be more at each try */

static void info_add(struct shard_info *sum, const struct shard_info *part)
{
    sum->points += part->points;
    sum->growing_rows += part->growing_rows;
    sum->growing_graphed += part->growing_graphed;
    sum->growing_bytes += part->growing_bytes;
    sum->sealed_segments += part->sealed_segments;
    sum->sealed_rows += part->sealed_rows;
    sum->sealed_dead_rows += part->sealed_dead_rows;
    sum->growing_dead_rows += part->growing_dead_rows;
    sum->sealed_bytes += part->sealed_bytes;
    sum->memory_bytes += part->memory_bytes;
}

static int info_here(void *core, struct message *m)
{
    return shard_on_info(core, CONTAINER_OF(m, struct shard_info_message, base));
}

int router_info(struct request *rq, const char *name, struct collection_config *ret_config, struct shard_info *ret)
{
    struct core *c = rq->core;
    struct collection_entry *e = router_enter_to_read(rq, name);
    if (!e)
        return -ENOENT;
    memset(ret, 0, sizeof(*ret));
    struct shard_info_message *m = arena_alloc(&rq->arena, c->reactors * sizeof(*m));
    int rc = m ? router_copy_config(rq, &e->config, e->config.schema->field_count, ret_config) : -ENOMEM;
    for (unsigned r = 0; m && r < c->reactors; r++)
        m[r] = (struct shard_info_message){.collection = e->config.id};
    if (rc == 0)
        rc = router_scatter(rq, m, sizeof(*m), ACTOR_SEARCH, MSG_SHARD_INFO, info_here);
    for (unsigned r = 0; m && r < c->reactors; r++)
        info_add(ret, &m[r].info);
    const uint64_t id = e->config.id;
    core_leave(e);
    return rc < 0 ? router_error(rq, id, rc, "count") : 0;
}

/* -- all collections -- */

int router_enter_list(struct request *rq)
{
    return admission_enter(rq, ADMIT_LOAD, 0, needs_of_list(rq->core->collections.count), "list");
}

int router_enter_stats(struct request *rq, bool with_collections)
{
    const struct core *c = rq->core;
    const uint64_t bytes = needs_of_stats(c->reactors, with_collections ? c->collections.count : 0);
    return admission_enter(rq, ADMIT_LOAD, 0, bytes, "stats");
}

int router_enter_metrics(struct request *rq)
{
    const struct core *c = rq->core;
    return admission_enter(rq, ADMIT_LOAD, 0, needs_of_metrics(c->reactors, c->collections.count), "metrics");
}

static int infos_ask(struct request *rq, const uint64_t *ids, size_t count, struct control_infos_message *m)
{
    unsigned n = rq->core->reactors;
    for (unsigned r = 0; r < n; r++) {
        m[r] = (struct control_infos_message){.ids = ids, .count = count};
        m[r].infos = arena_alloc(&rq->bulk, (count + 1) * sizeof(*m[r].infos));
        if (!m[r].infos)
            return -ENOMEM;
    }
    const struct scatter all = {
        .messages = m, .size = sizeof(*m), .count = n, .to = address_of(0, ACTOR_ASK), .type = MSG_CONTROL_INFOS};
    return message_scatter(&all);
}

static int infos_read(struct request *rq, struct router_info *all, size_t count)
{
    unsigned n = rq->core->reactors;
    struct control_infos_message *m = arena_alloc(&rq->bulk, n * sizeof(*m));
    uint64_t *ids = arena_alloc(&rq->bulk, (count + 1) * sizeof(*ids));
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
    struct router_info *all = arena_alloc(&rq->bulk, (names.count + 1) * sizeof(*all));
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

static int segments_here(void *core, struct message *m)
{
    return shard_on_segments(core, CONTAINER_OF(m, struct shard_segments_message, base));
}

/* Asks each reactor to describe as many of its segments as m[reactor] has room for. All have
 * answered when it returns. */
static int segments_ask(struct request *rq, uint64_t collection, struct shard_segments_message *m)
{
    for (unsigned r = 0; r < rq->core->reactors; r++)
        m[r].collection = collection;
    return router_scatter(rq, m, sizeof(*m), ACTOR_SEARCH, MSG_SHARD_SEGMENTS, segments_here);
}

/* Joins the lists of all reactors. False: a reactor has more segments than there was room for. */
static bool segments_join(const struct shard_segments_message *m, unsigned reactors, struct router_segments *ret)
{
    ret->count = 0;
    for (unsigned r = 0; r < reactors; r++) {
        if (m[r].count > m[r].room)
            return false;
        if (m[r].count)
            memmove(ret->items + ret->count, m[r].segments, m[r].count * sizeof(*ret->items));
        ret->count += m[r].count;
    }
    return true;
}

/* Admits the request after the first round, which counted the segments. */
static int segments_enter(struct request *rq, const struct shard_segments_message *m, unsigned reactors)
{
    uint64_t count = 0;
    for (unsigned r = 0; r < reactors; r++)
        count += m[r].count;
    return rq->ticket.flow ? 0 : admission_enter(rq, ADMIT_LOAD, 0, needs_of_segments(count), "list of segments");
}

/* Makes room for as many segments as each reactor had, and for some new ones. */
static int segments_make_room(struct shard_segments_message *m, unsigned reactors, struct arena *arena,
                              struct router_segments *ret)
{
    size_t room = 0;
    for (unsigned r = 0; r < reactors; r++)
        room += m[r].room = m[r].count ? m[r].count + m[r].count / 8 + 1 : 0;
    ret->items = arena_alloc(arena, room * sizeof(*ret->items));
    if (!ret->items)
        return -ENOMEM;
    struct segment_info *at = ret->items;
    for (unsigned r = 0; r < reactors; at += m[r++].room)
        m[r].segments = at;
    return 0;
}

/* The first round has no room, so its answers are only counts. */
static int segments_read(struct request *rq, uint64_t collection, struct arena *arena, struct router_segments *ret)
{
    const unsigned n = rq->core->reactors;
    struct shard_segments_message *m = arena_alloc(arena, n * sizeof(*m));
    if (!m)
        return -ENOMEM;
    memset(m, 0, n * sizeof(*m));
    for (unsigned attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        int rc = segments_ask(rq, collection, m);
        if (rc == 0 && segments_join(m, n, ret))
            return 0;
        if (rc == 0)
            rc = segments_enter(rq, m, n);
        if (rc == 0)
            rc = segments_make_room(m, n, arena, ret);
        if (rc < 0)
            return rc;
    }
    return -EAGAIN;
}

int router_segments(struct request *rq, const char *name, struct arena *arena, struct router_segments *ret)
{
    *ret = (struct router_segments){0};
    struct collection_entry *e = router_enter_to_read(rq, name);
    if (!e)
        return -ENOENT;
    const uint64_t collection = e->config.id;
    int rc = segments_read(rq, collection, arena, ret);
    core_leave(e);
    if (rc == 0 && ret->count)
        qsort(ret->items, ret->count, sizeof(*ret->items), by_state_and_id);
    return rc < 0 && rq->error.code == ERROR_OK ? router_error(rq, collection, rc, "list of segments") : rc;
}

int router_read_only(const struct core *c, struct error *ret)
{
    const int failure = store_read_only(c->store);
    if (failure)
        read_only_refuse(failure, c->server->options.data, ret);
    return failure;
}
