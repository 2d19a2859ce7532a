/* control_messages.h -- messages that start, change, measure and stop one reactor's part of
 * the server, and those that reactors send each other. Pointers are lent until the message
 * is back at its sender. */
#pragma once

#include "actors/addresses.h"
#include "actors/admission/budget.h"
#include "actors/metrics/metrics.h"
#include "reactor/message.h"
#include "shards/store.h"

enum control_message_type {
    /* To ACTOR_CONTROL. */
    MSG_CONTROL_OPEN = 0x200, /* open the store's segments */
    MSG_CONTROL_SHARE,        /* share the opened segments with all other reactors */
    MSG_CONTROL_MAP,          /* find out which rows are alive, by the versions of all reactors */
    MSG_CONTROL_READ,         /* clean collections may be read: all reactors have ended MAP */
    MSG_CONTROL_REPLAY,       /* replay the store's log */
    /* make all that a new collection needs; clients do not see it yet */
    MSG_CONTROL_CREATE,
    MSG_CONTROL_PUBLISH, /* clients see the collection; cannot fail */
    /* keep a copy of a collection's next schema; the present one stays in use */
    MSG_CONTROL_SCHEMA_PREPARE,
    MSG_CONTROL_SCHEMA_PUBLISH, /* use the prepared schema, which is durable; cannot fail */
    /* forget the prepared schema, which did not become durable; cannot fail */
    MSG_CONTROL_SCHEMA_RETRACT,
    MSG_CONTROL_EMPTY,           /* empty a collection that no request uses any more */
    MSG_CONTROL_DROP,            /* remove a collection that all reactors have emptied */
    MSG_CONTROL_ANNOUNCE_DAMAGE, /* tell all others which collections are damaged here */
    MSG_CONTROL_RESTORE,         /* a step of a restore */
    /* To ACTOR_SERVER. */
    /* accept connections; requests are refused until MSG_CONTROL_READ or MSG_CONTROL_SERVE */
    MSG_CONTROL_LISTEN,
    MSG_CONTROL_SERVE,
    MSG_CONTROL_DRAIN, /* take no new connections, end the open ones */
    MSG_CONTROL_HALT,  /* end everything that uses the store */
    /* close the store; all reactors have halted, because stores use each other's segments */
    MSG_CONTROL_CLOSE,
    /* To ACTOR_NOTICE or to ACTOR_STEP, as enum store_call says. */
    MSG_CONTROL_STORE, /* a call from the store of another reactor to the store of this one */
    /* To ACTOR_NOTICE. */
    MSG_CONTROL_DAMAGE,      /* a collection is damaged on some reactor: serve nothing of it */
    MSG_CONTROL_ASK_DAMAGE,  /* which damage of a collection this reactor knows */
    MSG_CONTROL_SETTINGS,    /* use these settings from now on; cannot fail */
    MSG_CONTROL_BUDGET,      /* to reactor 0: a core reports what it uses, and may ask for more */
    MSG_CONTROL_DISK_FAILED, /* to reactor 0: a store met a failure of the disk */
    MSG_CONTROL_SUPERSEDE,   /* end the earlier connections of a client that has connected again */
    /* To ACTOR_STEP. */
    MSG_CONTROL_DISK, /* the disk is full, fails, or works again; or how much space is wanted */
    /* answer how far the log is durable; keep its files up to there, and all segments */
    MSG_CONTROL_SNAPSHOT,
    MSG_CONTROL_SNAPSHOT_END, /* files need not be kept any more */
    /* To ACTOR_ASK. */
    MSG_CONTROL_MEASURE,
    MSG_CONTROL_INFOS,       /* shard_info_read() of many collections */
    MSG_CONTROL_SEGMENTS,    /* add the segments of many collections to the sums of each */
    MSG_CONTROL_LOG_DURABLE, /* how far the log is on stable storage */
};

struct control_open_message {
    struct message base;
    const struct manifest *manifest;
    int read_only;  /* the errno for which the store begins read-only; 0: it takes writes */
    uint64_t round; /* how often the disk was trusted again (read_only.h) */
    struct error error;
};

struct control_replay_message {
    struct message base;
    const struct manifest *manifest; /* as in MSG_CONTROL_OPEN */
    struct error error;
};

struct control_listen_message {
    struct message base;
    /* One port for each listener. 0 lets the first reactor take any free port,
     * which it writes here. */
    uint16_t *ports;
    struct error error;
};

struct control_serve_message {
    struct message base;
    struct error error;
};

struct control_drain_message {
    struct message base;
    uint64_t deadline_ns; /* requests that still run then are cancelled */
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
    const struct schema *schema; /* only of PREPARE */
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
    struct metrics_sample *sample; /* is filled; NULL: not asked for */
    struct search_times *times;    /* is filled; NULL: not asked for */
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
    DISK_READ_ONLY, /* refuse new data, because of `reason` */
    DISK_WRITABLE,  /* take writes again; the status says whether that works */
    DISK_ASK,       /* only answer `wanted` */
};

struct control_disk_message {
    struct message base;
    enum disk_order order; /* of MSG_CONTROL_DISK */
    int reason;
    uint64_t round;  /* READ_ONLY: the round of the failure. WRITABLE: the round that begins */
    uint64_t wanted; /* answer: bytes of disk space that the store needs to go on */
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

/* All reactors take a step before any takes the next, because a reactor that still serves
 * requests may ask the others. */
enum restore_step {
    RESTORE_QUIESCE, /* begin no requests, and wait for those under way */
    RESTORE_STOP,    /* end the background work, which sends messages to other reactors too */
    /* close the store, also one that a failed restore has opened; MSG_CONTROL_OPEN comes next */
    RESTORE_SHUT,
    RESTORE_RESUME, /* take requests again; the only step that can fail */
};

struct control_restore_message {
    struct message base;
    enum restore_step step;
};

struct control_infos_message {
    struct message base;
    const uint64_t *ids; /* of collections; an unknown one gets an info of zeros */
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

/* Sends a copy of `first`, `size` bytes, to that actor of every reactor. Leaves the array
 * of answered messages in *ret; the caller frees it, also after a failure. Returns the
 * first failure. Waits. */
MUST_USE int control_broadcast(enum actor_id actor, uint32_t type, const void *first, size_t size, void **ret);
