/* core_notice.c -- answers what other reactors tell and ask this one, while their writes and
 * background work wait.
 *
 * There are three actors, because a message that waits for nothing must never queue behind one
 * that waits. Notices are answered at once. Steps may wait for the disk, for notices and for
 * searches. Measurements look at much data. See order.h. */
#include "actors/admission/budget.h"
#include "actors/control_messages.h"
#include "actors/metrics/metrics_collections.h"
#include "actors/server.h"
#include "shards/folder/read_only.h"
#include "shards/snapshot/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int on_store(struct core *c, const struct control_store_message *m)
{
    return c->store ? m->fn(c->store, m->call) : 0;
}

/* -- notices -- */

static int on_settings(struct core *c, const struct control_settings_message *m)
{
    c->settings = *m->settings;
    core_tune_requests(c);
    /* without memory for the fiber of the budget, the next change of settings starts it */
    ignore_result(core_tune_store(c));
    const struct reactor_tuning tuning = {.slice_us = (unsigned)c->settings.slice_us,
                                          .write_percent = (unsigned)c->settings.write_share,
                                          .background_percent = (unsigned)c->settings.background_share};
    return reactor_tune(&tuning);
}

/* A collection that one reactor found damaged is refused by all. */
static int on_damage(struct core *c, const struct control_damage_message *m)
{
    struct collection_entry *e = replica_find_id(&c->collections, m->collection);
    if (e)
        core_note_damage(e, m->damage);
    return 0;
}

static int on_ask_damage(struct core *c, struct control_ask_damage_message *m)
{
    const struct collection_entry *e = replica_find_id(&c->collections, m->collection);
    if (e && e->damage.code != ERROR_OK)
        m->damage = e->damage;
    else if (e && shard_damage(e->shard))
        m->damage = *shard_damage(e->shard);
    return 0;
}

static int on_budget(struct core *c, struct control_budget_message *m)
{
    c->server->budget.bytes = budget_bytes(c);
    c->server->budget.reactors = c->reactors;
    return budget_ask(&c->server->budget, &m->question, &m->answer);
}

static int on_disk_failed(struct core *c, const struct control_disk_message *m)
{
    disk_watch_report(&c->server->disk, m->reason, m->round);
    return 0;
}

static int on_supersede(struct core *c, struct control_supersede_message *m)
{
    m->open = c->front ? c->server->options.front->supersede(c, m->newer) : 0;
    return 0;
}

void core_on_notice(struct actor *a, struct message *m)
{
    struct core *c = CONTAINER_OF(a, struct core, notice);
    int rc = -ENOSYS;
    switch (m->type) {
    case MSG_CONTROL_STORE: rc = on_store(c, CONTAINER_OF(m, struct control_store_message, base)); break;
    case MSG_CONTROL_DAMAGE: rc = on_damage(c, CONTAINER_OF(m, struct control_damage_message, base)); break;
    case MSG_CONTROL_ASK_DAMAGE: rc = on_ask_damage(c, CONTAINER_OF(m, struct control_ask_damage_message, base)); break;
    case MSG_CONTROL_SETTINGS: rc = on_settings(c, CONTAINER_OF(m, struct control_settings_message, base)); break;
    case MSG_CONTROL_BUDGET: rc = on_budget(c, CONTAINER_OF(m, struct control_budget_message, base)); break;
    case MSG_CONTROL_SUPERSEDE: rc = on_supersede(c, CONTAINER_OF(m, struct control_supersede_message, base)); break;
    case MSG_CONTROL_DISK_FAILED: rc = on_disk_failed(c, CONTAINER_OF(m, struct control_disk_message, base)); break;
    }
    message_reply(m, rc);
}

/* -- steps -- */

static int on_disk(struct core *c, struct control_disk_message *m)
{
    int rc = 0;
    if (!core_is_open(c))
        return 0;
    if (m->order == DISK_READ_ONLY)
        store_turn_read_only(c->store, m->reason);
    else if (m->order == DISK_WRITABLE)
        rc = store_turn_writable(c->store, m->round);
    m->wanted = store_space_wanted(c->store);
    return rc;
}

static int on_snapshot_end(struct core *c)
{
    if (c->store)
        store_snapshot_end(c->store);
    return 0;
}

void core_on_step(struct actor *a, struct message *m)
{
    struct core *c = CONTAINER_OF(a, struct core, step);
    int rc = -ENOSYS;
    switch (m->type) {
    case MSG_CONTROL_STORE: rc = on_store(c, CONTAINER_OF(m, struct control_store_message, base)); break;
    case MSG_CONTROL_DISK: rc = on_disk(c, CONTAINER_OF(m, struct control_disk_message, base)); break;
    case MSG_CONTROL_SNAPSHOT_END: rc = on_snapshot_end(c); break;
    case MSG_CONTROL_SNAPSHOT: rc = core_on_snapshot(c, CONTAINER_OF(m, struct control_snapshot_message, base)); break;
    }
    message_reply(m, rc);
}

/* -- measure -- */

static void times_read(const struct core *c, struct search_times *ret)
{
    memcpy(ret->all, c->search_times, sizeof(ret->all));
    for (unsigned i = 0; i < SEARCH_KINDS; i++)
        recent_read(&c->recent[i], clock_now_ns(), &ret->recent[i]);
}

static void sample_read(struct core *c, struct metrics_sample *s)
{
    memset(s, 0, sizeof(*s));
    s->reactor = c->reactor;
    s->counted = c->metrics;
    fiber_stacks_trim(c->stacks_kept);
    reactor_stats_read(&s->stats);
    budget_use_read(c, &s->memory);
    s->memory_budget = budget_bytes(c);
    s->memory_pressure = c->budget.pressure;
    if (!core_is_open(c))
        return;
    s->build_count = store_builds_read(c->store, s->builds);
    store_stats_read(c->store, &s->store);
    s->read_only = store_read_only(c->store);
}

static int on_measure(struct core *c, const struct control_measure_message *m)
{
    if (m->sample)
        sample_read(c, m->sample);
    if (m->times)
        times_read(c, m->times);
    return 0;
}

static int on_infos(struct core *c, const struct control_infos_message *m)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct collection_entry *e = replica_find_id(&c->collections, m->ids[i]);
        memset(&m->infos[i], 0, sizeof(m->infos[i]));
        if (e && e->damage.code == ERROR_OK && (e->is_clean || core_is_open(c)))
            shard_info_read(e->shard, &m->infos[i]);
        fiber_checkpoint();
    }
    return 0;
}

static int on_segments(struct core *c, const struct control_segments_message *m)
{
    for (size_t i = 0; i < m->count; i++, fiber_checkpoint()) {
        const struct collection_entry *e = replica_find_id(&c->collections, m->ids[i]);
        m->all[i].there |= e != NULL;
        if (!e || !(e->is_clean || core_is_open(c)))
            continue;
        m->all[i].damaged |= e->damage.code != ERROR_OK || shard_damage(e->shard) != NULL;
        if (!m->all[i].damaged)
            shard_segments_add(e->shard, m->all[i].by_state);
    }
    return 0;
}

static int on_log_durable(struct core *c, struct control_log_durable_message *m)
{
    if (!core_is_open(c))
        return -ESHUTDOWN;
    m->position = store_log_durable(c->store);
    return 0;
}

void core_on_ask(struct actor *a, struct message *m)
{
    struct core *c = CONTAINER_OF(a, struct core, ask);
    int rc = -ENOSYS;
    switch (m->type) {
    case MSG_CONTROL_MEASURE: rc = on_measure(c, CONTAINER_OF(m, struct control_measure_message, base)); break;
    case MSG_CONTROL_INFOS: rc = on_infos(c, CONTAINER_OF(m, struct control_infos_message, base)); break;
    case MSG_CONTROL_SEGMENTS: rc = on_segments(c, CONTAINER_OF(m, struct control_segments_message, base)); break;
    case MSG_CONTROL_LOG_DURABLE:
        rc = on_log_durable(c, CONTAINER_OF(m, struct control_log_durable_message, base));
        break;
    }
    message_reply(m, rc);
}
