/* catalog.h -- owns the manifest, on reactor 0.
 *
 * Always true: what the manifest in memory says is on disk; a change is made there first. Changes
 * of collections are told to every reactor before they are acknowledged, so a client may use a new
 * collection at once on any connection. */
#pragma once

#include "actors/catalog/settings_keeper.h"
#include "actors/disk_watch.h"
#include "base/log_share.h"
#include "reactor/fibers/sync.h"
#include "reactor/message.h"
#include "shards/manifest/manifest_log.h"

/* A name that is taken, though the manifest does not have it yet. */
struct catalog_creation {
    const char *name;
    struct catalog_creation *next;
};

struct core;
struct budget;

/* What the catalog works with: all of it is reactor 0's, borrowed until the server is
 * destroyed. */
struct catalog_parts {
    const char *dir;
    struct core *core;
    struct budget *budget; /* a new collection takes some memory */
    /* hears of failures; says whether anything new may be stored */
    struct disk_watch *disk;
    struct settings_keeper *settings; /* changed by the same actor as collections */
    /* The whole server becomes what it was at the snapshot: server_restore(). */
    int (*restore)(void *arg, const char *snapshot, struct error *error);
    void *restore_arg;
};

struct catalog {
    /* of three orders: a drop may wait for a commit, a restore for a drop */
    struct actor actor, commits, snapshots;
    struct catalog_parts parts;
    struct manifest manifest;
    struct manifest_log log;  /* what makes changes of it durable */
    struct semaphore writing; /* one manifest is written at a time: ORDER_MANIFEST */
    /* collections are created, or one is dropped: ORDER_CHANGE */
    struct semaphore changing;
    struct catalog_creation *creations; /* that are under way */
    struct event created;               /* one of them has ended */
    uint64_t next_id;                   /* of the next one */
    struct log_share said_created, said_dropped, said_schema;
};

/* Consumes m. */
void catalog_start(struct catalog *c, const struct catalog_parts *parts, struct manifest *m);
/* No collection is created or dropped between the two. Waits. */
void catalog_stop_changes(struct catalog *c);
void catalog_go_on(struct catalog *c);
/* After the last change: leaves the manifest as a state, in which any damage can be told from a
 * torn write. Waits. */
void catalog_stop(struct catalog *c);
void catalog_fini(struct catalog *c);

/* What the manifest is now, for the stores to open by; freed with manifest_fini(). -ENOMEM. */
MUST_USE int catalog_snapshot(struct catalog *c, struct manifest *ret);
/* Puts *m in the place of the manifest, and consumes it. Only while all stores are closed. */
void catalog_replace(struct catalog *c, struct manifest *m);
/* Receives MSG_CATALOG_SNAPSHOT_CREATE, _DELETE and _RESTORE, one at a time
 * (catalog_snapshot.c). */
void catalog_on_snapshot(struct actor *a, struct message *m);
/* folder_complete(), between the changes of others. */
MUST_USE int catalog_complete(struct catalog *c, struct error *error);
