/* load.h -- load on a running server: what is asked for, and what the parts of the
 * program hand each other.
 *
 *   load_options.c  the command line        load_drive.c   requests at their times, latencies from
 *                   those times (load_request.c: one)
 *   load_server.c   a kithd of our own      load_data.c    the collection: created, filled, indexed
 *   load_target.h   who is under load       load_live.c    which points are there at a moment, and
 *                   so what is right
 *   load_report.c   tables and JSON         load_cost.c    what a search costs the server, beside
 *                   the same search here
 *   load_metrics.c  what the server counts  load_durable.c, load_bare.c: durable upserts, beside
 *                   bare writes and flushes
 *   load_picture.c  latency over time       load_draining.c (load_verdict.c), load_deletes.c ...: a
 *                   scenario each */
#pragma once

#include "base/histogram.h"
#include "load/load_live.h"
#include "load/load_target.h"
#include <stdatomic.h>
#include <sys/types.h>

enum scenario {
    SCENARIO_SEARCH,
    SCENARIO_UPSERT,
    SCENARIO_MIX,
    SCENARIO_OVERHEAD,
    SCENARIO_START,
    SCENARIO_DURABLE,
    SCENARIO_REPLAY,
    SCENARIO_SPACE,
    SCENARIO_DELETES,
    SCENARIO_DRAINING,
    SCENARIO_SCALING
};

struct load_options {
    enum scenario scenario;
    struct dataset_options data;
    const struct target *target; /* set by main() */
    bool pgvector;               /* is wanted */
    const char *pg;              /* where it is, as libpq takes it; NULL: libpq's default */
    const char *server;          /* address; NULL: libkith's default */
    const char *collection;      /* name */
    double rate;                 /* requests a second, all connections together; 0: as many as go */
    double seconds, warm_up_s, index_wait_s, write_share;
    uint32_t connections, in_flight; /* in_flight of each connection */
    uint32_t k, ef, batch, m, ef_construct, requests;
    uint32_t reactors; /* scaling: of the larger server */
    enum kith_fan_out fan_out;
    bool uniform, json, keep;
    bool start_server;       /* a kithd of our own, on a temporary folder */
    const char *kithd;       /* its path; NULL: found beside this program */
    const char *kithd_args;  /* more arguments for it, with spaces between */
    const char *data_folder; /* start: an existing folder of a server */
    const char *svg;         /* draining: where the picture goes; NULL: none */
    uint32_t server_pid;     /* overhead: 0 when it is our own */
};
/* 0: help was asked for and given; 1: go on; negative: wrong, said on stderr. */
int load_options_read(int argc, char **argv, struct load_options *ret);

/* -- a server of our own -- */
struct server {
    pid_t pid;
    char address[64];
    char metrics[64]; /* address; "" without HTTP */
    char folder[128]; /* "" when the folder is not ours to remove */
    char log[160];    /* what it writes, beside the folder */
};
/* Starts kithd on data_folder, or on a new temporary folder when that is NULL, and waits until it
 * says where it listens. *ret_exec_ns (may be NULL) is the moment before the exec. */
MUST_USE int server_start(const struct load_options *o, const char *data_folder, struct server *ret,
                          uint64_t *ret_exec_ns, struct error *e);
/* SIGKILL, as a crash of the process; the folder stays. */
void server_kill(struct server *s);
/* SIGTERM, and waits for the end; the folder stays. Returns the exit status as of wait(),
 * or a negative errno. */
int server_stop(struct server *s);
void server_remove(struct server *s); /* what server_start() made on the disk */
/* The end of a server of our own after work that ended with rc: stops it, and removes what it left
 * when all went well. Returns rc, or the error of the stop. */
MUST_USE int load_server_end(struct server *s, int rc, struct error *e);
/* A counter or gauge without labels. Needs the server's HTTP listener (--kithd-args
 * "--http 127.0.0.1:0"). */
MUST_USE int server_metric(const struct server *s, const char *name, double *ret, struct error *e);
/* CPU time of all threads of a process; 0 when it cannot be read. */
uint64_t server_cpu_ns(pid_t pid);

/* -- the collection -- */
/* Makes sure that the collection holds the data: creates and fills it when it is missing,
 * and waits until its rows are indexed. *ret_comparable: its rows are those of the data,
 * so recall can be told. */
MUST_USE int load_collection_prepare(const struct load_options *o, const char *address, const struct dataset *d,
                                     bool *ret_comparable, struct error *e);
MUST_USE int load_collection_create(struct kith *k, const struct load_options *o, const char *name,
                                    const struct dataset *d, struct error *e);
/* Row i of the data becomes the point of id i. w may be NULL. */
MUST_USE int load_collection_import(struct kith *k, const char *name, const struct dataset *d, struct fill_watch *w,
                                    struct error *e);
/* Waits until all rows are sealed, nothing is merged, and two looks a second apart see the same. */
MUST_USE int load_segments_settle(struct kith *k, const char *name, struct error *e);
/* The error of a call of libkith, as a sentence. Returns a negative errno. */
int load_client_error(struct error *e, const struct kith *k, int code, const char *doing);

/* -- requests at their times -- */

/* Every search of several phases: when it should have left, and how long it took. Zero-initialised
 * but for start_ns; points is the caller's to free. */
struct drive_trace {
    uint64_t start_ns;
    struct drive_point {
        float at_s, us;
    } * points;
    size_t count, capacity;
    bool full; /* there was no memory for more */
};
double drive_trace_now(const struct drive_trace *t); /* seconds since its start */

/* What upserts write. */
enum drive_writes {
    WRITE_AGAIN,   /* rows of the data, under the ids that they have */
    WRITE_NEW,     /* the same, under new ids from next_id on */
    WRITE_HALF_NEW /* one point each: a point of plan.live again, or a new one of it */
};

struct drive_plan {
    const char *collection;
    const struct dataset *data;
    struct live *live;                 /* what there is, and so recall; NULL: not told */
    struct drive_trace *trace;         /* NULL: not kept */
    double rate, seconds, write_share; /* write_share 0: searches, 1: upserts */
    /* a request so late to leave ends the phase: it is hopeless; 0: never */
    double behind_max_s;
    uint32_t in_flight, k, ef, batch;
    uint32_t queries; /* of one search; 0: 1 */
    enum kith_fan_out fan_out;
    enum drive_writes writes;
    bool uniform;
    uint64_t next_id, seed;
    uint64_t requests; /* 0: by time; otherwise so many and no more (rate 0) */
    /* the phase goes on, beyond its seconds, until another thread has set this; NULL: it does
     * not */
    atomic_bool *until;
};

struct drive_count {
    struct histogram latency_ns; /* from the intended moment */
    uint64_t offered, served, errors;
    double offered_qps, served_qps;
    char error[256]; /* the first one's sentence */
};

struct drive_result {
    struct drive_count search, upsert;
    uint64_t recall_found, recall_wanted, points;
    uint64_t ghosts;  /* hits that had been deleted before their search left */
    double seconds;   /* until the last answer */
    double gave_up_s; /* after so long the phase was hopeless; 0: it was not */
};

struct drive; /* links, kept from phase to phase */
MUST_USE int drive_open(const struct target *t, const char *address, uint32_t connections, uint32_t in_flight,
                        struct drive **ret, struct error *e);
void drive_close(struct drive *d);
/* Runs one phase. Negative when a link was lost. */
MUST_USE int drive_run(struct drive *d, struct drive_plan *plan, struct drive_result *ret, struct error *e);

/* -- what a search costs -- */
MUST_USE int load_overhead(const struct load_options *o, const char *address, pid_t pid, const struct dataset *d,
                           struct error *e);

/* Writes of group_bytes (rounded up to 4096), each followed by its fdatasync, by `logs` threads at
 * once, each on a file of its own in folder: groups a second of all together. */
MUST_USE int bare_groups_s(const char *folder, unsigned logs, size_t group_bytes, double seconds, double *ret,
                           struct error *e);
MUST_USE int load_durable(const struct load_options *o, const struct dataset *d, struct error *e);
MUST_USE int load_replay(const struct load_options *o, const struct dataset *d, struct error *e);
MUST_USE int load_space(const struct load_options *o, const struct dataset *d, struct error *e);
MUST_USE int load_deletes(const struct load_options *o, const char *address, struct drive *drive,
                          const struct dataset *d, struct error *e);
MUST_USE int load_draining(const struct load_options *o, const char *address, struct drive *drive,
                           const struct dataset *data, struct error *e);
MUST_USE int load_scaling(const struct load_options *o, const struct dataset *d, struct error *e);
MUST_USE int load_start(const struct load_options *o, const struct dataset *d, struct error *e);

/* -- reports -- */
void load_report_head(const struct load_options *o);
void load_report_phase(const struct load_options *o, const char *phase, const struct drive_plan *plan,
                       const struct drive_result *r);
const char *scenario_name(enum scenario scenario);
