/* control_messages.h -- what starts, changes, measures and stops one reactor's part of the server,
 * and what the reactors tell each other. Pointers are lent until the message is home. */
#pragma once

#include "actors/addresses.h"
#include "actors/admission/budget.h"
#include "actors/metrics/metrics.h"
#include "reactor/message.h"
#include "shards/store.h"

enum control_message_type {
    /* To ACTOR_CONTROL. */
    MSG_CONTROL_OPEN = 0x200, /* open the store's segments */
    MSG_CONTROL_SHARE,        /* lend them to all others */
    MSG_CONTROL_MAP,          /* find out which rows count */
    MSG_CONTROL_READ,         /* clean collections may be read: all reactors have done so */
    MSG_CONTROL_REPLAY,       /* the store's log */
    /* everything a collection needs is made, but clients do not see it */
    MSG_CONTROL_CREATE,
    MSG_CONTROL_PUBLISH, /* they do; cannot fail */
    /* a collection's next schema: keep a copy, go by the present one */
    MSG_CONTROL_SCHEMA_PREPARE,
    MSG_CONTROL_SCHEMA_PUBLISH,  /* go by it: it is durable; cannot fail */
    MSG_CONTROL_SCHEMA_RETRACT,  /* it has not become durable: forget it; cannot fail */
    MSG_CONTROL_EMPTY,           /* a collection: nobody uses it any more */
    MSG_CONTROL_DROP,            /* it: all have emptied it */
    MSG_CONTROL_ANNOUNCE_DAMAGE, /* tell all others which collections are damaged here */
    MSG_CONTROL_RESTORE,         /* a step of a restore */
    /* To ACTOR_SERVER. */
    /* connections may come; what they ask is refused until MSG_CONTROL_READ, or
     * MSG_CONTROL_SERVE */
    MSG_CONTROL_LISTEN,
    MSG_CONTROL_SERVE,
    MSG_CONTROL_DRAIN, /* take no new connections, end the open ones */
    MSG_CONTROL_HALT,  /* end all that uses the store */
    MSG_CONTROL_CLOSE, /* close it: all have halted, for they may use each other's segments */
    /* To ACTOR_NOTICE or to ACTOR_STEP, as enum store_call says. */
    MSG_CONTROL_STORE, /* what another reactor's store asks of this one's */
    /* To ACTOR_NOTICE. */
    MSG_CONTROL_DAMAGE,      /* a collection is damaged somewhere: serve nothing of it */
    MSG_CONTROL_ASK_DAMAGE,  /* what is known there of a collection's damage */
    MSG_CONTROL_SETTINGS,    /* go by these from now on; cannot fail */
    MSG_CONTROL_BUDGET,      /* to reactor 0: what is used here, and may it be more? */
    MSG_CONTROL_DISK_FAILED, /* to reactor 0: a store met a failure of the disk */
    MSG_CONTROL_SUPERSEDE,   /* end the earlier connections of a client that has connected again */
    /* To ACTOR_STEP. */
    MSG_CONTROL_DISK, /* the disk is full, fails, or works again */
    /* how far the log is durable; its files up to there, and all segments, stay as they are */
    MSG_CONTROL_SNAPSHOT,
    MSG_CONTROL_SNAPSHOT_END, /* they need not stay any more */
    /* To ACTOR_ASK. */
    MSG_CONTROL_MEASURE,
    MSG_CONTROL_INFOS,       /* shard_info_read() of many collections */
    MSG_CONTROL_SEGMENTS,    /* add the segments of many collections to their sums */
    MSG_CONTROL_LOG_DURABLE, /* how far is the log on stable storage? */
};

struct control_open_message {
    struct message base;
    const struct manifest *manifest;
    int read_only;  /* errno for which nothing new may be stored; 0: it may */
    uint64_t round; /* of trusting the disk */
    struct error error;
};

struct control_replay_message {
    struct message base;
    const struct manifest *manifest; /* as in MSG_CONTROL_OPEN */
    struct error error;
};

struct control_listen_message {
    struct message base;
    /* Of each listener: 0 on the first reactor when any will do; it answers with the one it got. */
    uint16_t *ports;
    struct error error;
};

struct control_serve_message {
    struct message base;
    struct error error;
};

struct control_drain_message {
    struct message base;
    uint64_t deadline_ns; /* what still runs then is cancelled */
};

struct control_create_message {
    struct message base;
    const struct collection_config *config;
};

struct control_publish_message {
    struct message base;
    uint64_t collection;
};

/* PREPARE, PUBLISH and RETRACT. */
struct control_schema_message {
    struct message base;
    uint64_t collection;
    const struct schema *schema; /* of PREPARE */
};

struct control_drop_message {
    struct message base;
    uint64_t collection;
};

struct control_store_message {
    struct message base;
    store_call_fn fn;
    void *call;
};

struct control_measure_message {
    struct message base;
    struct metrics_sample *sample; /* filled; NULL: not asked for */
    struct search_times *times;    /* likewise */
};

struct control_supersede_message {
    struct message base;
    const struct client_connection *newer;
    uint32_t open; /* answer: earlier connections that still have requests here */
};

struct control_log_durable_message {
    struct message base;
    uint64_t position;
};

struct control_damage_message {
    struct message base;
    uint64_t collection;
    const struct error *damage;
};

struct control_ask_damage_message {
    struct message base;
    uint64_t collection;
    struct error damage; /* answer; ERROR_OK: none */
};

enum disk_order {
    DISK_READ_ONLY, /* take nothing new, because of `reason` */
    DISK_WRITABLE,  /* go on; the status says whether that works */
    DISK_ASK,       /* only say what is wanted */
};

struct control_disk_message {
    struct message base;
    enum disk_order order; /* of MSG_CONTROL_DISK */
    int reason;
    uint64_t round;  /* in which what failed began; WRITABLE: that begins */
    uint64_t wanted; /* answer: bytes of disk space to go on with */
};

struct control_budget_message {
    struct message base;
    struct budget_question question;
    struct budget_answer answer;
};

struct control_snapshot_message {
    struct message base;
    const struct manifest *manifest; /* of the snapshot */
    uint64_t log_end;
};

/* All reactors take a step before any takes the next: as long as one has requests, they may ask
 * the others. */
enum restore_step {
    RESTORE_QUIESCE, /* begin no requests, wait for those under way */
    RESTORE_STOP,    /* end background work: it speaks with other reactors too */
    /* close the store; also one that a failed restore has opened. MSG_CONTROL_OPEN comes next */
    RESTORE_SHUT,
    RESTORE_RESUME, /* take requests again; the only step that can fail */
};

struct control_restore_message {
    struct message base;
    enum restore_step step;
};

struct control_infos_message {
    struct message base;
    const uint64_t *ids; /* of collections; those that are not there count nothing */
    struct shard_info *infos;
    size_t count;
};

struct control_segments_message {
    struct message base;
    const uint64_t *ids; /* of collections */
    struct metrics_collection *all;
    size_t count;
};

struct control_settings_message {
    struct message base;
    const struct settings *settings;
};

/* Sends a message of the given size, a copy of `first`, to that actor of all reactors at once.
 * Leaves the messages, home again, in *ret for the caller to read and free. Returns the first
 * failure. Waits. */
MUST_USE int control_broadcast(enum actor_id actor, uint32_t type, const void *first, size_t size, void **ret);
