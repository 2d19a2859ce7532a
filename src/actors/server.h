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

/* A connection of a client that may connect again: the id that the client chose, and the number
 * of connections it made before this one. */
struct client_connection {
    uint8_t client_id[CLIENT_ID_BYTES];
    uint32_t number;
};

#define LISTENERS_MAX 8

enum listener_protocol { PROTOCOL_NATIVE, PROTOCOL_HTTP, PROTOCOLS };

/* An address, and the protocol that is spoken there. */
struct listener_options {
    enum listener_protocol protocol;
    const char *host;
    uint16_t port; /* 0: any free port */
};

/* The front: the protocols of src/net, as a table of functions. net includes actors, so
 * actors cannot include net. */
struct server_front {
    /* Called on every reactor, first on reactor 0. ports[i] belongs to options.listeners[i], as
     * in struct control_listen_message. */
    int (*start)(struct core *c, uint16_t *ports, struct error *error);
    /* Accepts no new connections and ends the open ones. At deadline_ns it cancels the requests
     * that still run. Waits. */
    void (*drain)(struct core *c, uint64_t deadline_ns);
    /* Ends the connections of the same client that have smaller numbers. Returns how many of
     * them still have requests under way; the caller calls again until none has. Does not wait. */
    uint32_t (*supersede)(struct core *c, const struct client_connection *newer);
    /* Bytes of memory that connections and their requests take. */
    uint64_t (*memory)(const struct core *c);
    /* The name of an operation that metrics.requests counts. NULL: no operation has that number. */
    const char *(*operation_name)(unsigned number);
    /* Frees c->front. Not in a fiber. */
    void (*destroy)(struct core *c);
};

struct server_options {
    const char *data;    /* folder */
    const char *restore; /* a snapshot to restore before the start; NULL: none */
    struct listener_options listeners[LISTENERS_MAX];
    unsigned listener_count;
    /* bytes of vectors at which a segment is sealed; 0: the store's default */
    uint64_t growing_bytes;
    /* empty the page cache of segment and log files at the start; for benchmarks */
    bool drop_caches;
    /* bytes of vectors at most in a merged segment; 0: the store's default */
    uint64_t merge_bytes;
    uint64_t memory_default; /* the default of the setting `memory`, in bytes; 0: no bound */
    /* bytes within which AUTOINDEX chooses how indexes are made; 0: a share of `memory` */
    uint64_t index_bytes;
    /* deleted rows, in percent, at which a segment is rewritten; 0: the store's default */
    uint32_t compact_percent;
    /* seconds after which a growing segment is sealed even if it is not full;
     * 0: the store's default */
    uint32_t seal_age_s;
    struct settings settings; /* settings from the command line have the source SETTING_OPTION */
    uint32_t drain_ms;        /* milliseconds for which a stop waits for requests; 0: 5000 */
    struct runtime_options runtime;
    const struct server_front *front;
    const struct gpu *gpu;
    bool signals; /* SIGINT and SIGTERM stop the server */
    /* Called once, in a fiber on reactor 0, when the server serves requests. May be NULL. */
    void (*on_ready)(struct server *s, void *arg);
    /* Called once, in a fiber on reactor 0, when clients can connect; requests are refused until
     * on_ready. May be NULL. Must not wait. */
    void (*on_listening)(struct server *s, void *arg);
    void *arg;
};

struct server {
    struct server_options options;
    struct core *cores[REACTORS_MAX]; /* [r] belongs to reactor r */
    /* of options.listeners, as soon as they listen */
    uint16_t ports[LISTENERS_MAX];
    struct catalog catalog;                        /* reactor 0's */
    struct replay_progress progress[REACTORS_MAX]; /* [r] written by reactor r */
    struct disk_watch disk;                        /* reactor 0's */
    struct settings_keeper settings;               /* reactor 0's */
    struct budget budget;                          /* reactor 0's */
    struct file *lock;
    uint64_t began_ns;
    bool stopping; /* reactor 0's */
    struct event stopped;
    int rc;
    struct error error; /* why the server did not start */
};

const char *server_version(void); /* "0.1.0" */

MUST_USE int server_create(const struct server_options *options, struct server **ret);
/* Returns 0 after an orderly stop, or a negative errno with a sentence in *error. Such errors
 * concern the folder, an address, or memory. Everything that the options point to must live
 * until then. -EOWNERDEAD: the simulator cut the power. */
MUST_USE int server_run(struct server *s, struct error *error);
void server_destroy(struct server *s);

/* Ends serving. Closes listeners, finishes requests or cancels them after drain_ms, flushes
 * logs, closes stores, ends the loops. May be called from any fiber of reactor 0 for which the
 * server itself does not wait. A second call does nothing. */
void server_stop(struct server *s);

/* Fills *error with ERROR_UNAVAILABLE: how far the start is, and about how long it will take.
 * From any reactor. Returns the errno. */
int server_starting(const struct server *s, struct error *error);

/* The port of the first listener of that protocol; 0: there is none. */
uint16_t server_port(const struct server *s, enum listener_protocol protocol);

/* The core of the calling fiber's reactor. */
static inline struct core *server_core(struct server *s)
{
    return s->cores[reactor_id()];
}

/* All reactors open their stores by the manifest. At a start, clean collections are served
 * before the logs are replayed. Waits. */
MUST_USE int server_open_stores(struct server *s, const struct manifest *m, struct error *error);

/* Puts the whole server back to the state of a snapshot, while it runs. Requests are refused
 * meanwhile; connections stay open. The caller has verified the snapshot. After a failure before
 * anything was changed, the server goes on as before. After a later failure it refuses requests
 * until a restore succeeds or the server is started again. On reactor 0. Waits (restore.c). */
MUST_USE int server_restore(struct server *s, const char *snapshot, struct error *error);

/* Writes a sample of every reactor's counts to samples[reactor_count()]. Waits. */
MUST_USE int server_measure(struct metrics_sample *samples, struct arena *arena);
/* Reads how long searches took on one core. From any reactor. Waits. */
MUST_USE int server_measure_times(unsigned reactor, struct search_times *ret);
