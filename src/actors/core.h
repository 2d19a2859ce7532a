/* core.h -- one reactor's part of the server: its store, its copy of the list of collections, its
 * actors, its counts.
 *
 * Touched by fibers of its own reactor only. Always true: from MSG_CONTROL_OPEN to
 * MSG_CONTROL_CLOSE `store` is open and the replica names exactly the collections the store
 * has. */
#pragma once

#include "actors/addresses.h"
#include "actors/admission/admission.h"
#include "actors/admission/budget.h"
#include "actors/admission/byte_pool.h"
#include "actors/builder.h"
#include "actors/catalog/replica.h"
#include "actors/catalog/settings.h"
#include "actors/disk_watch.h"
#include "actors/metrics/metrics.h"
#include "actors/metrics/recall_watch.h"
#include "actors/router/fan_out.h"
#include "actors/router/request.h"
#include "actors/session.h"
#include "actors/workers.h"

struct server;

/* Of large frames, and again of what large requests need beside them. */
#define LARGE_BYTES_MAX ((uint64_t)1 << 30)   /* on all reactors */
#define LARGE_BYTES_MIN ((uint64_t)128 << 20) /* on each */

#define LOG_PENDING_MIN ((uint64_t)128 << 10)

/* READING: still starting, but clean collections can be read. */
enum core_state { CORE_STARTING, CORE_READING, CORE_SERVING, CORE_RESTORING, CORE_STOPPING };

struct core {
    struct server *server;
    unsigned reactor, reactors;
    enum core_state state;
    struct store *store;
    struct replica collections;
    struct request_pool requests;
    struct admission admission;
    struct session_places places;
    /* what the frames of all connections, but the smallest, may have in memory together */
    struct byte_pool frames;
    uint64_t request_bytes; /* of it at most; what one request may have */
    uint32_t stacks_kept;   /* of fibers that have ended, for the next ones */
    struct actor control, life, notice, step, ask, search, write, maintain, help;
    struct workers workers; /* of the builds of this core */
    struct fan_out_view others;
    struct builder builder;
    struct disk_reporter disk;
    struct budget_share budget;
    struct metrics metrics;
    struct recall_watch recall;
    struct histogram search_times[SEARCH_KINDS]; /* since the start, ns */
    struct recent recent[SEARCH_KINDS];
    struct settings settings;
    bool halted;       /* the store is not used any more */
    uint32_t starting; /* steps of a start that are under way */
    struct event step_ended;
    uint32_t waiting;       /* who waits for sealing or compaction */
    uint32_t catalog_calls; /* requests of this core that wait for the catalog */
    /* a request checks files: one at a time, each reads into a MiB of its own */
    bool verifying;
    void *front; /* what src/net keeps for this reactor */
};

/* Makes this reactor's part and starts its actors; -ENOMEM. */
MUST_USE int core_create(struct server *server, struct core **ret);
void core_destroy(
    /* also after a run that ended without MSG_CONTROL_CLOSE: then only memory is freed */
    struct core *c);

/* Messages to this core go through these (core_control.c, core_notice.c, shard_actor.c). */
void core_on_control(struct actor *a, struct message *m);
void core_on_server(struct actor *a, struct message *m);
void core_on_notice(struct actor *a, struct message *m);
void core_on_step(struct actor *a, struct message *m);
void core_on_ask(struct actor *a, struct message *m);
void core_on_search(struct actor *a, struct message *m);
void core_on_write(struct actor *a, struct message *m);
void core_on_maintain(struct actor *a, struct message *m);

/* What c's store asks of others (core_hooks.c). */
struct store_hooks core_store_hooks(struct core *c);
/* The settings reach the store (core_control.c); -ENOMEM: not the budget, for want of a fiber. */
MUST_USE int core_tune_store(struct core *c);
/* The same for what large requests may have in memory. */
void core_tune_requests(struct core *c);
static inline bool core_is_open(const struct core *c)
{
    return c->store && store_is_replayed(c->store);
}

/* Parts of core_on_control() (core_restore.c). */
struct control_snapshot_message;
MUST_USE int core_on_snapshot(struct core *c, struct control_snapshot_message *m);
struct control_restore_message;
MUST_USE int core_on_restore(struct core *c, struct control_restore_message *m);

/* Enters the collection for the length of one request on this core. -ENOENT: it is not there or is
 * being dropped; -EBADMSG: a file of it is damaged, and then every reactor knows. Waits. */
MUST_USE int core_enter(struct core *c, uint64_t collection, struct collection_entry **ret);
/* Damage that this core's store has found: tells every reactor, this one too, so that none serves
 * the collection. Waits. */
MUST_USE int core_announce_damage(struct core *c, const struct collection_entry *e);
/* Damage that another core answered with -EBADMSG before its notice came here. NULL: nobody knows
 * of any. Borrowed until the next wait. Waits. */
const struct error *core_ask_damage(struct core *c, uint64_t collection);
/* Nothing is served of it here any more. The first damage stays. */
void core_note_damage(struct collection_entry *e, const struct error *damage);
void core_leave(struct collection_entry *e);
