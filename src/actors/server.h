/* server.h -- a whole server in a process: the reactors, each with its core; the catalog; the
 * front that clients talk to.
 *
 * Used by main() and by the simulator alike. Order of life: server_create(), server_run() (returns
 * when the server has stopped), server_destroy(). server_stop() is called in between, from a
 * fiber. */
#pragma once

#include "actors/catalog/catalog.h"
#include "actors/catalog/settings_keeper.h"
#include "actors/core.h"
#include "reactor/sim/sim.h"

#define CLIENT_ID_BYTES 16

/* A connection of a client that may connect again: the client's name for itself, and how many
 * connections came before. */
struct client_connection {
    uint8_t client_id[CLIENT_ID_BYTES];
    uint32_t number;
};

#define LISTENERS_MAX 8

enum listener_protocol { PROTOCOL_NATIVE, PROTOCOL_HTTP, PROTOCOLS };

/* An address where clients of one protocol come in. */
struct listener_options {
    enum listener_protocol protocol;
    const char *host;
    uint16_t port; /* 0: any free one */
};

/* The front: what src/net offers to clients, as a table, because net stands on actors and not the
 * other way round. */
struct server_front {
    /* On every reactor, the first one first. ports[i] is of options.listeners[i], as in struct
     * control_listen_message. */
    int (*start)(struct core *c, uint16_t *ports, struct error *error);
    /* No new connections; ends the open ones, at deadline_ns by cancelling what still runs.
     * Waits. */
    void (*drain)(struct core *c, uint64_t deadline_ns);
    /* Ends the connections of the same client that have smaller numbers. Returns how many of them
     * still have requests under way: the asker comes again until there are none. Does not wait. */
    uint32_t (*supersede)(struct core *c, const struct client_connection *newer);
    /* Bytes of memory that connections and their requests have. */
    uint64_t (*memory)(const struct core *c);
    /* Of an operation that metrics.requests counts; NULL: there is none of that number. */
    const char *(*operation_name)(unsigned number);
    /* Frees c->front. Not in a fiber. */
    void (*destroy)(struct core *c);
};

struct server_options {
    const char *data;    /* folder */
    const char *restore; /* a snapshot that it is made to be first; NULL: none */
    struct listener_options listeners[LISTENERS_MAX];
    unsigned listener_count;
    uint64_t growing_bytes; /* of vectors before a segment is sealed; 0: the store's default */
    /* the files of segments and logs are read from the disk once more; for benchmarks */
    bool drop_caches;
    /* of vectors in a segment that merging makes; 0: the store's default, as for the next two */
    uint64_t merge_bytes;
    uint64_t memory_default; /* of the setting `memory`; 0: no bound */
    /* of memory that indexes keep to when they choose how to be made; 0: a share of `memory` */
    uint64_t index_bytes;
    uint32_t compact_percent; /* of a segment's rows deleted before it is rewritten */
    uint32_t seal_age_s;      /* after which a growing segment is sealed though it is not full */
    struct settings settings; /* those given have the source SETTING_OPTION */
    uint32_t drain_ms;        /* how long a stop waits for requests; 0: 5000 */
    struct runtime_options runtime;
    const struct server_front *front;
    const struct gpu *gpu;
    bool signals; /* SIGINT and SIGTERM stop the server */
    /* Called once, in a fiber on reactor 0, when clients are served. May be NULL. */
    void (*on_ready)(struct server *s, void *arg);
    /* Likewise, when clients can connect; their requests are refused until it is ready. May be
     * NULL; must not wait. */
    void (*on_listening)(struct server *s, void *arg);
    void *arg;
};

struct server {
    struct server_options options;
    struct core *cores[REACTORS_MAX];              /* [r] belongs to reactor r */
    uint16_t ports[LISTENERS_MAX];                 /* of options.listeners, once ready */
    struct catalog catalog;                        /* reactor 0's */
    struct replay_progress progress[REACTORS_MAX]; /* [r] written by reactor r */
    struct disk_watch disk;                        /* reactor 0's */
    struct settings_keeper settings;               /* likewise */
    struct budget budget;                          /* reactor 0's */
    struct file *lock;
    uint64_t began_ns;
    bool stopping; /* reactor 0's */
    struct event stopped;
    int rc;
    struct error error; /* why it did not start */
};

const char *server_version(void); /* "0.1.0" */

MUST_USE int server_create(const struct server_options *options, struct server **ret);
/* Returns 0 after an orderly stop, or a negative errno with the sentence in *error: the folder,
 * the address, the memory. What options point to must live until then. -EOWNERDEAD: the simulator
 * cut the power. */
MUST_USE int server_run(struct server *s, struct error *error);
void server_destroy(struct server *s);

/* Ends serving: listeners closed, requests finished or cancelled after drain_ms, logs flushed,
 * stores closed, loops ended. Callable from any fiber of reactor 0, but not from one that the
 * server waits for; a second call does nothing. */
void server_stop(struct server *s);

/* ERROR_UNAVAILABLE: how far the start is, and about how long it will take. From any reactor.
 * Returns the errno. */
int server_starting(const struct server *s, struct error *error);

/* Where the first listener of that protocol is; 0: there is none. */
uint16_t server_port(const struct server *s, enum listener_protocol protocol);

/* The core of the calling fiber's reactor. */
static inline struct core *server_core(struct server *s)
{
    return s->cores[reactor_id()];
}

/* All reactors open their stores by the manifest; at a start, what is clean is served from the
 * middle of it on. Waits. */
MUST_USE int server_open_stores(struct server *s, const struct manifest *m, struct error *error);

/* Makes the whole server what it was when the snapshot was taken, while it runs: requests are
 * refused meanwhile, connections live on. The snapshot has been verified. After a failure before
 * anything was changed it goes on as before; after a later one it refuses requests until a restore
 * succeeds or it is started again. On reactor 0. Waits (restore.c). */
MUST_USE int server_restore(struct server *s, const char *snapshot, struct error *error);

/* A sample of every reactor's counts into samples[reactor_count()]. Waits. */
MUST_USE int server_measure(struct metrics_sample *samples, struct arena *arena);
/* What searches took on one core. From any reactor; waits. */
MUST_USE int server_measure_times(unsigned reactor, struct search_times *ret);
