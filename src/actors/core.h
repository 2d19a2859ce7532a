/* core.h -- one reactor's part of the server: its store, its copy of the list of collections,
 * its actors, its counts.
 *
 * Only fibers of its own reactor touch it. From MSG_CONTROL_OPEN to MSG_CONTROL_CLOSE, `store`
 * is open and the replica names exactly the collections of the store. */
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

/* The memory that the frames of large requests may take. As much again is for what those
 * requests need beside their frames. */
#define LARGE_BYTES_MAX ((uint64_t)1 << 30)   /* of all reactors together */
#define LARGE_BYTES_MIN ((uint64_t)128 << 20) /* of each reactor */

#define LOG_PENDING_MIN ((uint64_t)128 << 10)

/* READING: the start is under way, but clean collections can be read. */
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
    /* memory for the frames of all connections, without the smallest frames */
    struct byte_pool frames;
    /* the size of `frames`, and the most that one request may take beside its frame */
    uint64_t request_bytes;
    uint32_t stacks_kept; /* how many stacks of ended fibers are kept for later fibers */
    struct actor control, life, notice, step, ask, search, write, maintain, help;
    struct workers workers; /* do shares of the builds of this core */
    struct fan_out_view others;
    struct builder builder;
    struct disk_reporter disk;
    struct budget_share budget;
    struct metrics metrics;
    struct recall_watch recall;
    struct histogram search_times[SEARCH_KINDS]; /* since the start, in ns */
    struct recent recent[SEARCH_KINDS];
    struct settings settings;
    bool halted;       /* the store is not used any more */
    uint32_t starting; /* steps of a start that are under way */
    struct event step_ended;
    uint32_t waiting;       /* requests that wait for sealing or compaction */
    uint32_t catalog_calls; /* requests of this core that wait for the catalog */
    /* a request checks files; only one at a time, because each reads into a buffer of 1 MiB */
    bool verifying;
    void *front; /* owned by src/net */
};

/* Makes the core of this reactor and starts its actors. -ENOMEM. */
MUST_USE int core_create(struct server *server, struct core **ret);
void core_destroy(
    /* After a run that ended without MSG_CONTROL_CLOSE too; then it frees memory only. */
    struct core *c);

/* The receivers of messages to this core (core_control.c, core_life.c, core_notice.c,
 * shard_actor.c). */
void core_on_control(struct actor *a, struct message *m);
void core_on_server(struct actor *a, struct message *m);
void core_on_notice(struct actor *a, struct message *m);
void core_on_step(struct actor *a, struct message *m);
void core_on_ask(struct actor *a, struct message *m);
void core_on_search(struct actor *a, struct message *m);
void core_on_write(struct actor *a, struct message *m);
void core_on_maintain(struct actor *a, struct message *m);

/* The functions through which the store of c calls the server (core_hooks.c). */
struct store_hooks core_store_hooks(struct core *c);
/* Hands the settings to the store (core_life.c). -ENOMEM: the fiber of the
 * budget could not start. */
MUST_USE int core_tune_store(struct core *c);
/* Applies the settings to the memory, fibers and stacks of requests. */
void core_tune_requests(struct core *c);
static inline bool core_is_open(const struct core *c)
{
    return c->store && store_is_replayed(c->store);
}

/* Parts of core_on_control(): a step of a start, and clean collections may be read
 * (core_life.c). */
MUST_USE int core_on_start(struct core *c, struct message *base);
int core_on_read(struct core *c);

/* Likewise (core_restore.c). */
struct control_snapshot_message;
MUST_USE int core_on_snapshot(struct core *c, struct control_snapshot_message *m);
struct control_restore_message;
MUST_USE int core_on_restore(struct core *c, struct control_restore_message *m);

/* Enters the collection for the length of one request on this core. -ENOENT: the
 * collection is unknown or is being dropped. -EBADMSG: a file of it is damaged; then every
 * reactor has been told. Waits. */
MUST_USE int core_enter(struct core *c, uint64_t collection, struct collection_entry **ret);
/* Tells every reactor, this one too, of damage that this core's store has found, so that none
 * serves the collection. Waits. */
MUST_USE int core_announce_damage(struct core *c, const struct collection_entry *e);
/* Finds the damage that another core answered with -EBADMSG before its notice arrived here.
 * NULL: no reactor knows of any. Borrowed until the next wait. Waits. */
const struct error *core_ask_damage(struct core *c, uint64_t collection);
/* From now on nothing of the collection is served here. The first damage that was noted stays. */
void core_note_damage(struct collection_entry *e, const struct error *damage);
void core_leave(struct collection_entry *e);
