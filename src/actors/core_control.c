/* core_control.c -- what one reactor does when it is opened, changed, measured and stopped.
 *
 * What stores ask of each other is here and not with the writes: a write waits for the burials of its old rows on other reactors, so they
 * must never stand in a queue behind writes that wait likewise. */
#include "actors/budget.h"
#include "actors/catalog_messages.h"
#include "actors/control_messages.h"
#include "actors/server.h"
#include "actors/shard_messages.h"
#include "shards/read_only.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* -- what the store asks of other reactors -- */

static int hook_commit(const struct manifest_edit *edit, void *arg)
{
    struct catalog_commit_message m = {.edit = edit};
    return message_call(&m.base, address_of(0, ACTOR_CATALOG), MSG_CATALOG_COMMIT, NULL);
}

/* Nobody but the asker waits, so without memory for all at once it may be one after the other. */
static int call_one_by_one(const struct core *c, const struct control_store_message *first)
{
    int rc = 0;
    for (unsigned r = 0; r < c->reactors; r++) {
        struct control_store_message m = *first;
        if (r == c->reactor)
            continue;
        int one = message_call(&m.base, address_of(r, ACTOR_CONTROL), MSG_CONTROL_STORE, NULL);
        rc = rc < 0 ? rc : one;
    }
    return rc;
}

static int hook_call(unsigned reactor, store_call_fn fn, void *call, void *arg)
{
    const struct core *c = arg;
    struct control_store_message first = {.fn = fn, .call = call};
    if (reactor != STORE_ALL_OTHERS)
        return message_call(&first.base, address_of(reactor, ACTOR_CONTROL), MSG_CONTROL_STORE, NULL);
    struct control_store_message *all = c->reactors > 2 ? malloc(c->reactors * sizeof *all) : NULL;
    if (!all)
        return call_one_by_one(c, &first);
    for (unsigned r = 0; r < c->reactors; r++) {
        all[r] = first;
        if (r != c->reactor)
            message_send(&all[r].base, address_of(r, ACTOR_CONTROL), MSG_CONTROL_STORE, NULL);
    }
    int rc = 0;
    for (unsigned r = 0; r < c->reactors; r++) {
        int one = r != c->reactor ? message_await(&all[r].base) : 0;
        rc = rc < 0 ? rc : one;
    }
    free(all);
    return rc;
}

static void hook_failed(int rc, uint64_t round, void *arg)
{
    struct core *c = arg;
    disk_reporter_take(&c->disk, rc, round);
}

static int hook_memory(uint64_t wanted, bool frees, uint64_t *ret, struct error *error, void *arg)
{
    return budget_share_ask(arg, wanted, frees, ret, error);
}

static int hook_oldest(uint64_t collection, unsigned home, const uint64_t *but, uint32_t but_count, uint64_t *ret,
                       void *arg)
{
    struct catalog_oldest_message m = {.collection = collection, .but = but, .but_count = but_count, .home = home};
    int rc = message_call(&m.base, address_of(0, ACTOR_CATALOG), MSG_CATALOG_OLDEST, NULL);
    *ret = m.version;
    return rc;
}

/* -- open -- */

static int publish(struct core *c, uint64_t collection)
{
    struct collection_entry *e = replica_find_id(&c->collections, collection);
    if (e) /* else the server stops */
        e->published = true;
    return 0;
}

static int replica_fill(struct core *c, const struct manifest *m)
{
    for (size_t i = 0; i < m->collection_count; i++) {
        struct shard *shard = store_shard(c->store, m->collections[i].id);
        check(shard);
        int rc = replica_add(&c->collections, &m->collections[i], shard);
        if (rc < 0)
            return rc;
        struct collection_entry *e = replica_find_id(&c->collections, m->collections[i].id);
        e->at_rest = manifest_at_rest(m, m->collections[i].id);
        e->published = true;
    }
    return 0;
}

static int tune_store(struct core *c)
{
    const struct server_options *o = &c->server->options;
    const struct store_tuning tuning = {
        .growing_bytes_max = budget_of_growing(budget_bytes(c), c->reactors, o->growing_bytes),
        .index_bytes_max = o->index_bytes ? o->index_bytes : budget_of_indexes(budget_bytes(c)),
        .backlog_rows = c->settings.backlog_rows};
    if (!c->store)
        return 0; /* it will be opened by the settings there are then */
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
        .growing_bytes_max = budget_of_growing(budget_bytes(c), c->reactors, o->growing_bytes), /* as its log's files */
        .read_only = m->read_only,
        .round = m->round,
        .progress = &c->server->progress[c->reactor],
        .crew = c->reactors > 1 ? &c->crew : NULL,
        .merge_bytes_max = o->merge_bytes,
        .compact_percent = o->compact_percent,
        .seal_age_s = o->seal_age_s,
        .hooks = {.commit = hook_commit,
                  .call = hook_call,
                  .oldest = hook_oldest,
                  .failed = hook_failed,
                  .memory = hook_memory,
                  .arg = c},
    };
    int rc = disk_reporter_start(&c->disk);
    if (rc < 0)
        return error_set_errno(&m->error, rc, "reactor %u could not open its data", c->reactor);
    struct store *store;
    rc = store_open(&options, m->manifest, &store, &m->error);
    if (rc < 0)
        return rc;
    c->store = store;
    rc = tune_store(c);
    if (rc == 0)
        rc = replica_fill(c, m->manifest);
    return rc < 0 ? error_set_errno(&m->error, rc, "reactor %u could not open its data", c->reactor) : 0;
}

static int on_settings(struct core *c, const struct control_settings_message *m)
{
    c->settings = *m->settings;
    ignore_result(tune_store(c)); /* without memory for a fiber, the next change starts it */
    const struct reactor_tuning tuning = {.slice_us = (unsigned)c->settings.slice_us,
                                          .write_percent = (unsigned)c->settings.write_share,
                                          .background_percent = (unsigned)c->settings.background_share};
    return reactor_tune(&tuning);
}

static int on_read(struct core *c)
{
    if (c->state == CORE_STARTING)
        c->state = CORE_READING;
    return 0;
}

/* A step of a start; who halts waits for it. */
static int on_start(struct core *c, struct message *base)
{
    if (c->halted)
        return -ESHUTDOWN;
    struct control_replay_message *replay = CONTAINER_OF(base, struct control_replay_message, base);
    int rc = -ENOSYS;
    c->starting++;
    switch (base->type) {
    case MSG_CONTROL_OPEN: rc = on_open(c, CONTAINER_OF(base, struct control_open_message, base)); break;
    case MSG_CONTROL_LEND: rc = store_lend(c->store); break;
    case MSG_CONTROL_MAP: rc = store_map(c->store); break;
    case MSG_CONTROL_REPLAY: rc = store_replay(c->store, replay->manifest, &replay->error); break;
    }
    c->starting--;
    event_notify_all(&c->step_ended);
    return rc;
}

static bool is_open(const struct core *c)
{
    return c->store && store_is_replayed(c->store);
}

/* -- collections and burials -- */

static int on_create(struct core *c, struct control_create_message *m)
{
    int rc = store_create_collection(c->store, m->config);
    if (rc < 0)
        return rc;
    return replica_add(&c->collections, m->config, store_shard(c->store, m->config->id));
}

static int on_empty(struct core *c, struct control_drop_message *m)
{
    struct collection_entry *e = replica_find_id(&c->collections, m->collection);
    if (e) {
        replica_remove(&c->collections, e);
        gate_close(&e->gate);
        free(e);
    }
    store_empty_collection(c->store, m->collection);
    return 0;
}

/* -- damage: what one reactor found, all refuse to serve -- */

static int on_damage(struct core *c, const struct control_damage_message *m)
{
    struct collection_entry *e = replica_find_id(&c->collections, m->collection);
    if (e && e->damage.code == ERROR_OK) {
        e->damage = *m->damage;
        shard_set_damage(e->shard, m->damage);
    }
    return 0;
}

/* Nothing is created or dropped yet when this runs: the entries stay where they are while messages are under way. */
static int on_spread_damage(struct core *c)
{
    int rc = 0;
    for (size_t i = 0; i < c->collections.count; i++) {
        const struct collection_entry *e = c->collections.by_name[i];
        int one = shard_damage(e->shard) && e->damage.code == ERROR_OK ? core_spread_damage(c, e) : 0;
        rc = rc < 0 ? rc : one;
    }
    return rc;
}

static int on_log_durable(struct core *c, struct control_log_durable_message *m)
{
    if (!is_open(c))
        return -ESHUTDOWN;
    m->position = store_log_durable(c->store);
    return 0;
}

/* -- serve and stop -- */

static int on_listen(struct core *c, struct control_listen_message *m)
{
    return c->server->options.front->start(c, &m->port, &m->http_port, &m->error);
}

static int on_serve(struct core *c, struct control_serve_message *m)
{
    const struct server_options *o = &c->server->options;
    if (c->halted || !is_open(c))
        return -ESHUTDOWN;
    int rc = builder_start(&c->builder, c->store, c->reactor == 0 ? o->gpu : NULL);
    if (rc < 0)
        return error_set_errno(&m->error, rc, "reactor %u could not start its background work", c->reactor);
    if (c->state == CORE_STARTING || c->state == CORE_READING) /* and not told to stop meanwhile */
        c->state = CORE_SERVING;
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

/* -- the disk -- */

static int on_disk(struct core *c, struct control_disk_message *m)
{
    if (m->order == DISK_FAILED) {
        disk_watch_report(&c->server->disk, m->reason, m->round);
        return 0;
    }
    int rc = 0;
    if (!is_open(c))
        return 0;
    if (m->order == DISK_READ_ONLY)
        store_turn_read_only(c->store, m->reason);
    else if (m->order == DISK_WRITABLE)
        rc = store_turn_writable(c->store, m->round);
    m->wanted = store_space_wanted(c->store);
    return rc;
}

/* -- memory -- */

static int on_budget(struct core *c, struct control_budget_message *m)
{
    c->server->budget.bytes = budget_bytes(c);
    return budget_ask(&c->server->budget, &m->question, &m->answer);
}

/* -- measure -- */

static int on_measure(struct core *c, struct control_measure_message *m)
{
    struct metrics_sample *s = m->sample;
    memset(s, 0, sizeof *s);
    s->reactor = c->reactor;
    s->counted = c->metrics;
    reactor_stats_read(&s->stats);
    budget_use_read(c, &s->memory);
    s->memory_budget = budget_bytes(c);
    s->memory_stage = c->budget.stage;
    for (unsigned i = 0; i < SEARCH_KINDS; i++)
        recent_read(&c->recent[i], clock_now_ns(), &s->recent[i]);
    if (!is_open(c))
        return 0;
    s->build_count = store_builds_read(c->store, s->builds);
    store_stats_read(c->store, &s->store);
    s->read_only = store_read_only(c->store);
    return 0;
}

static int on_infos(struct core *c, const struct control_infos_message *m)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct collection_entry *e = replica_find_id(&c->collections, m->ids[i]);
        memset(&m->infos[i], 0, sizeof m->infos[i]);
        if (e && e->damage.code == ERROR_OK && (e->at_rest || is_open(c)))
            shard_info_read(e->shard, &m->infos[i]);
        fiber_checkpoint();
    }
    return 0;
}

void core_on_control(struct actor *a, struct message *m)
{
    struct core *c = CONTAINER_OF(a, struct core, control);
    int rc = -ENOSYS;
    switch (m->type) {
    case MSG_CONTROL_OPEN:
    case MSG_CONTROL_LEND:
    case MSG_CONTROL_MAP:
    case MSG_CONTROL_REPLAY: rc = on_start(c, m); break;
    case MSG_CONTROL_READ: rc = on_read(c); break;
    case MSG_CONTROL_LISTEN: rc = on_listen(c, CONTAINER_OF(m, struct control_listen_message, base)); break;
    case MSG_CONTROL_SERVE: rc = on_serve(c, CONTAINER_OF(m, struct control_serve_message, base)); break;
    case MSG_CONTROL_DRAIN: rc = on_drain(c, CONTAINER_OF(m, struct control_drain_message, base)); break;
    case MSG_CONTROL_HALT: rc = on_halt(c); break;
    case MSG_CONTROL_CLOSE: rc = on_close(c); break;
    case MSG_CONTROL_CREATE: rc = on_create(c, CONTAINER_OF(m, struct control_create_message, base)); break;
    case MSG_CONTROL_PUBLISH: rc = publish(c, CONTAINER_OF(m, struct control_publish_message, base)->collection); break;
    case MSG_CONTROL_EMPTY: rc = on_empty(c, CONTAINER_OF(m, struct control_drop_message, base)); break;
    case MSG_CONTROL_DROP:
        rc = store_drop_collection(c->store, CONTAINER_OF(m, struct control_drop_message, base)->collection);
        break;
    case MSG_CONTROL_STORE: {
        const struct control_store_message *s = CONTAINER_OF(m, struct control_store_message, base);
        rc = c->store ? s->fn(c->store, s->call) : 0;
        break;
    }
    case MSG_CONTROL_LOG_DURABLE:
        rc = on_log_durable(c, CONTAINER_OF(m, struct control_log_durable_message, base));
        break;
    case MSG_CONTROL_SPREAD_DAMAGE: rc = on_spread_damage(c); break;
    case MSG_CONTROL_DAMAGE: rc = on_damage(c, CONTAINER_OF(m, struct control_damage_message, base)); break;
    case MSG_CONTROL_DISK: rc = on_disk(c, CONTAINER_OF(m, struct control_disk_message, base)); break;
    case MSG_CONTROL_SNAPSHOT: rc = core_on_snapshot(c, CONTAINER_OF(m, struct control_snapshot_message, base)); break;
    case MSG_CONTROL_RESTORE: rc = core_on_restore(c, CONTAINER_OF(m, struct control_restore_message, base)); break;
    case MSG_CONTROL_SETTINGS: rc = on_settings(c, CONTAINER_OF(m, struct control_settings_message, base)); break;
    case MSG_CONTROL_BUDGET: rc = on_budget(c, CONTAINER_OF(m, struct control_budget_message, base)); break;
    case MSG_CONTROL_INFOS: rc = on_infos(c, CONTAINER_OF(m, struct control_infos_message, base)); break;
    case MSG_CONTROL_MEASURE: rc = on_measure(c, CONTAINER_OF(m, struct control_measure_message, base)); break;
    }
    message_reply(m, rc);
}
