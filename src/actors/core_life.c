/* core_life.c -- one reactor's part of a start and of a stop: its store is opened, replayed, served
 * from, drained and closed. Changes to its collections are in core_control.c. */
#include "actors/admission/budget.h"
#include "actors/catalog/catalog_messages.h"
#include "actors/control_messages.h"
#include "actors/server.h"
#include "shards/folder/read_only.h"
#include "shards/log/log.h"

#include <errno.h>

/* -- start -- */

static int replica_fill(struct core *c, const struct manifest *m)
{
    for (size_t i = 0; i < m->collection_count; i++) {
        struct shard *shard = store_shard(c->store, m->collections[i].id);
        check(shard);
        int rc = replica_add(&c->collections, shard_config(shard), shard);
        if (rc < 0)
            return rc;
        struct collection_entry *e = replica_find_id(&c->collections, m->collections[i].id);
        e->is_clean = manifest_is_clean(m, m->collections[i].id);
        e->published = true;
        fiber_checkpoint();
    }
    return 0;
}

/* Appended bytes lie in up to four buffers, each grown by doubling: appended records, records
 * being written, and their blocks. */
static uint64_t log_pending_bytes(const struct core *c)
{
    return budget_of_many(budget_bytes(c), c->reactors, 4, LOG_PENDING_MIN, LOG_PENDING_BYTES);
}

int core_tune_store(struct core *c)
{
    const struct server_options *o = &c->server->options;
    const struct store_tuning tuning = {
        .growing_bytes_max = budget_of_growing(budget_bytes(c), c->reactors, o->growing_bytes),
        .index_bytes_max = o->index_bytes ? o->index_bytes : budget_of_indexes(budget_bytes(c)),
        .log_pending_bytes = log_pending_bytes(c),
        .backlog_rows = c->settings.backlog_rows};
    if (!c->store)
        return 0; /* MSG_CONTROL_OPEN will use the settings of that time */
    store_tune(c->store, &tuning);
    return budget_share_start(c);
}

static int on_open(struct core *c, struct control_open_message *m)
{
    const struct server_options *o = &c->server->options;
    struct store_options options = {
        .dir = o->data,
        .reactor = c->reactor,
        .reactors = c->reactors,
        /* here too, because the files of the log are sized by it */
        .growing_bytes_max = budget_of_growing(budget_bytes(c), c->reactors, o->growing_bytes),
        .open_bytes_max = budget_of_start(budget_bytes(c), c->reactors),
        .log_pending_bytes = log_pending_bytes(c),
        .read_only = m->read_only,
        .round = m->round,
        .progress = &c->server->progress[c->reactor],
        .workers = c->reactors > 1 ? &c->workers : NULL,
        .merge_bytes_max = o->merge_bytes,
        .compact_percent = o->compact_percent,
        .seal_age_s = o->seal_age_s,
        .hooks = core_store_hooks(c),
    };
    c->workers.shares = (unsigned)budget_of_many(budget_bytes(c), c->reactors, WORKERS_SHARE_BYTES, 1,
                                                 workers_shares_most(c->reactors));
    int rc = disk_reporter_start(&c->disk);
    if (rc < 0)
        return error_set_errno(&m->error, rc, "reactor %u could not open its data", c->reactor);
    struct store *store;
    rc = store_open(&options, m->manifest, &store, &m->error);
    if (rc < 0)
        return rc;
    c->store = store;
    rc = core_tune_store(c);
    if (rc == 0)
        rc = replica_fill(c, m->manifest);
    return rc < 0 ? error_set_errno(&m->error, rc, "reactor %u could not open its data", c->reactor) : 0;
}

int core_on_read(struct core *c)
{
    if (c->state == CORE_STARTING)
        c->state = CORE_READING;
    return 0;
}

/* A step of a start. MSG_CONTROL_HALT waits for it. */
int core_on_start(struct core *c, struct message *base)
{
    if (c->halted)
        return -ESHUTDOWN;
    struct control_replay_message *replay = CONTAINER_OF(base, struct control_replay_message, base);
    int rc = -ENOSYS;
    c->starting++;
    switch (base->type) {
    case MSG_CONTROL_OPEN: rc = on_open(c, CONTAINER_OF(base, struct control_open_message, base)); break;
    case MSG_CONTROL_SHARE: rc = store_share(c->store); break;
    case MSG_CONTROL_MAP: rc = store_map(c->store); break;
    case MSG_CONTROL_REPLAY: rc = store_replay(c->store, replay->manifest, &replay->error); break;
    }
    c->starting--;
    event_notify_all(&c->step_ended);
    return rc;
}

/* -- serve and stop -- */

static int on_listen(struct core *c, struct control_listen_message *m)
{
    return c->server->options.front->start(c, m->ports, &m->error);
}

static int on_serve(struct core *c, struct control_serve_message *m)
{
    const struct server_options *o = &c->server->options;
    if (c->halted || !core_is_open(c))
        return -ESHUTDOWN;
    int rc = builder_start(&c->builder, c->store, c->reactor == 0 ? o->gpu : NULL);
    if (rc < 0)
        return error_set_errno(&m->error, rc, "reactor %u could not start its background work", c->reactor);
    if (c->state == CORE_STARTING || c->state == CORE_READING) /* and no stop has begun meanwhile */
        c->state = CORE_SERVING;
    budget_share_report(c); /* writers are throttled by the memory that the start took */
    return 0;
}

static int on_drain(struct core *c, struct control_drain_message *m)
{
    c->state = CORE_STOPPING;
    c->server->options.front->drain(c, m->deadline_ns);
    return 0;
}

static int on_halt(struct core *c)
{
    c->halted = true;
    recall_watch_stop(c);
    disk_reporter_stop(&c->disk);
    while (c->starting) {
        if (c->store)
            store_interrupt(c->store);
        event_wait(&c->step_ended);
    }
    budget_share_stop(c);
    if (!c->store)
        return 0;
    builder_stop(&c->builder);
    actor_stop(&c->search);
    actor_stop(&c->write);
    actor_stop(&c->maintain);
    return 0;
}

static int on_close(struct core *c)
{
    struct store *store = c->store;
    c->store = NULL;
    if (!store)
        return 0;
    store_close(store);
    replica_fini(&c->collections);
    return 0;
}

void core_on_server(struct actor *a, struct message *m)
{
    struct core *c = CONTAINER_OF(a, struct core, life);
    int rc = -ENOSYS;
    switch (m->type) {
    case MSG_CONTROL_LISTEN: rc = on_listen(c, CONTAINER_OF(m, struct control_listen_message, base)); break;
    case MSG_CONTROL_SERVE: rc = on_serve(c, CONTAINER_OF(m, struct control_serve_message, base)); break;
    case MSG_CONTROL_DRAIN: rc = on_drain(c, CONTAINER_OF(m, struct control_drain_message, base)); break;
    case MSG_CONTROL_HALT: rc = on_halt(c); break;
    case MSG_CONTROL_CLOSE: rc = on_close(c); break;
    }
    message_reply(m, rc);
}
