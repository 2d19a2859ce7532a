/* catalog.h -- owns the manifest, on reactor 0.
 *
 * Always true: the manifest in memory is also on the disk, because a change is made there first.
 * Every reactor is told of a change of collections before it is acknowledged. So a client may
 * use a new collection at once, on any connection. */
#pragma once

#include "actors/catalog/settings_keeper.h"
#include "actors/disk_watch.h"
#include "base/log_share.h"
#include "reactor/fibers/sync.h"
#include "reactor/message.h"
#include "shards/manifest/manifest_log.h"

/* A name that is taken although the manifest does not have it yet. */
struct catalog_creation {
    const char *name;
    struct catalog_creation *next;
};

struct core;
struct budget;

/* What the catalog works with. All of it belongs to reactor 0, and is borrowed until the
 * server is destroyed. */
struct catalog_parts {
    const char *dir;
    struct core *core;
    struct budget *budget; /* grants the memory of a new collection */
    /* is told of failures; says whether new data may be stored */
    struct disk_watch *disk;
    struct settings_keeper *settings; /* changed by the same actor as collections */
    /* Puts the whole server back to the state of the snapshot: server_restore(). */
    int (*restore)(void *arg, const char *snapshot, struct error *error);
    void *restore_arg;
};

struct catalog {
    /* three actors, of three orders: a drop may wait for a commit, a restore for a drop */
    struct actor actor, commits, snapshots;
    struct catalog_parts parts;
    struct manifest manifest;
    struct manifest_log log;  /* makes changes of the manifest durable */
    struct semaphore writing; /* one fiber writes the manifest at a time: ORDER_MANIFEST */
    /* many collections are created, or one is dropped: ORDER_CHANGE */
    struct semaphore changing;
    struct catalog_creation *creations; /* under way */
    struct event created;               /* a creation has ended */
    uint64_t next_id;                   /* the id of the next collection */
    struct log_share said_created, said_dropped, said_schema;
};

/* Consumes m. */
void catalog_start(struct catalog *c, const struct catalog_parts *parts, struct manifest *m);
/* Between the two calls no collection is created, dropped or given another schema. Waits. */
void catalog_stop_changes(struct catalog *c);
void catalog_go_on(struct catalog *c);
/* After the last change: writes the whole manifest as one state. In a state, damage differs from
 * a torn write. Waits. */
void catalog_stop(struct catalog *c);
void catalog_fini(struct catalog *c);

/* Copies the manifest, for the stores to open by it. The caller calls
 * manifest_fini(). -ENOMEM. Waits. */
MUST_USE int catalog_snapshot(struct catalog *c, struct manifest *ret);
/* Replaces the manifest by *m, and consumes it. Only while all stores are closed. Waits. */
void catalog_replace(struct catalog *c, struct manifest *m);
/* Receives MSG_CATALOG_SNAPSHOT_CREATE, _DELETE and _RESTORE, one at a time
 * (catalog_snapshot.c). */
void catalog_on_snapshot(struct actor *a, struct message *m);
/* Calls folder_complete() with the manifest locked. Waits. */
MUST_USE int catalog_complete(struct catalog *c, struct error *error);
