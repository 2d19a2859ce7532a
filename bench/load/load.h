/* load.h -- load on a running server: options, and declarations that the parts of the program
 * share.
 *
 *   load_options.c    the command line
 *   load_drive.c      sends requests at their times and measures latencies from those times
 *   load_request.c    one request
 *   load_server.c     a kithd that the program starts
 *   load_data.c       the collection: created, filled, indexed
 *   load_target.h     the server under load, as a table of functions
 *   load_live.c       which points exist at a moment, and so which answers are right
 *   load_report.c     tables and JSON
 *   load_cost.c       CPU time of a search on the server, beside the same search in this process
 *   load_metrics.c    reads the server's metrics
 *   load_picture.c    draws latency over time
 *   load_durable.c    durable upserts; load_bare.c: plain writes and flushes beside them
 *   load_draining.c (with load_verdict.c), load_deletes.c ...: one scenario each */
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
    bool pgvector;               /* PostgreSQL with pgvector is the target */
    const char *pg;              /* connection string for libpq; NULL: libpq's default */
    const char *server;          /* address; NULL: libkith's default */
    const char *collection;      /* name */
    double rate;                 /* requests per second in all; 0: as many as possible */
    double seconds, warm_up_s, index_wait_s, write_share;
    uint32_t connections, in_flight; /* in_flight: for each connection */
    uint32_t k, ef, batch, m, ef_construct, requests;
    uint32_t reactors; /* scaling: of the larger server */
    enum kith_fan_out fan_out;
    bool uniform, json, keep;
    bool start_server;       /* start a kithd on a temporary folder */
    const char *kithd;       /* path of kithd; NULL: beside this program */
    const char *kithd_args;  /* further arguments for it, separated by spaces */
    const char *data_folder; /* start: an existing data folder */
    const char *svg;         /* draining: file name of a picture; NULL: none */
    uint32_t server_pid;     /* overhead: process id; 0 when the program starts the server */
};
/* 0: help was printed; 1: go on; negative: an error, printed on stderr. */
int load_options_read(int argc, char **argv, struct load_options *ret);

/* -- a server that this program starts -- */
struct server {
    pid_t pid;
    char address[64];
    char metrics[64]; /* address; "" without HTTP */
    char folder[128]; /* "" when the folder must not be removed */
    char log[160];    /* its output, beside the folder */
};
/* Starts kithd on data_folder, or on a new temporary folder when that is NULL, and waits until it
 * prints its address. *ret_exec_ns (may be NULL) is the moment before the exec. */
MUST_USE int server_start(const struct load_options *o, const char *data_folder, struct server *ret,
                          uint64_t *ret_exec_ns, struct error *e);
/* Sends SIGKILL, like a crash of the process; the folder stays. */
void server_kill(struct server *s);
/* Sends SIGTERM and waits for the end; the folder stays. Returns the exit status as from wait(), or
 * a negative errno. */
int server_stop(struct server *s);
void server_remove(struct server *s); /* removes the files that server_start() made */
/* Ends a server after work that ended with rc: stops it, and removes its files if all went well.
 * Returns rc, or the error of the stop. */
MUST_USE int load_server_end(struct server *s, int rc, struct error *e);
/* Reads a counter or gauge without labels. Needs the server's HTTP listener (--kithd-args "--http
 * 127.0.0.1:0"). */
MUST_USE int server_metric(const struct server *s, const char *name, double *ret, struct error *e);
/* CPU time of all threads of a process; 0 when it cannot be read. */
uint64_t server_cpu_ns(pid_t pid);

/* -- the collection -- */
/* Makes sure that the collection holds the data: creates and fills it if it is missing, and waits
 * until its rows are indexed. *ret_comparable: its rows are those of the data, so recall can be
 * measured. */
MUST_USE int load_collection_prepare(const struct load_options *o, const char *address, const struct dataset *d,
                                     bool *ret_comparable, struct error *e);
MUST_USE int load_collection_create(struct kith *k, const struct load_options *o, const char *name,
                                    const struct dataset *d, struct error *e);
/* Row i of the data becomes the point with id i. w may be NULL. */
MUST_USE int load_collection_import(struct kith *k, const char *name, const struct dataset *d, struct fill_watch *w,
                                    struct error *e);
/* Waits until all rows are sealed, no segment is merged, and two readings one second apart are
 * equal. */
MUST_USE int load_segments_settle(struct kith *k, const char *name, struct error *e);
/* Sets the error of a libkith call as a sentence. Returns a negative errno. */
int load_client_error(struct error *e, const struct kith *k, int code, const char *doing);

/* -- requests at their times -- */

/* Every search of several phases: its intended time, and its latency. All zeros but start_ns at
 * first; the caller frees points. */
struct drive_trace {
    uint64_t start_ns;
    struct drive_point {
        float at_s, us;
    } * points;
    size_t count, capacity;
    bool full; /* further points did not fit into memory */
};
double drive_trace_now(const struct drive_trace *t); /* seconds since its start */

/* The points that upserts write. */
enum drive_writes {
    WRITE_AGAIN,   /* rows of the data, with their own ids */
    WRITE_NEW,     /* rows of the data, with new ids from next_id on */
    WRITE_HALF_NEW /* one point each: a point of plan.live again, or a new one of it */
};

struct drive_plan {
    const char *collection;
    const struct dataset *data;
    struct live *live;                 /* existing points, for recall; NULL: no recall */
    struct drive_trace *trace;         /* NULL: not recorded */
    double rate, seconds, write_share; /* write_share 0: searches, 1: upserts */
    /* a request that is sent so late ends the phase, because the server cannot keep up; 0: never */
    double behind_max_s;
    uint32_t in_flight, k, ef, batch;
    uint32_t queries; /* of one search; 0: 1 */
    enum kith_fan_out fan_out;
    enum drive_writes writes;
    bool uniform;
    uint64_t next_id, seed;
    uint64_t requests; /* 0: by time; otherwise exactly so many (rate 0) */
    /* the phase goes on beyond its seconds until another thread sets this; NULL: it does not */
    atomic_bool *until;
};

struct drive_count {
    struct histogram latency_ns; /* from the intended time */
    uint64_t offered, served, errors;
    double offered_qps, served_qps;
    char error[256]; /* the sentence of the first error */
};

struct drive_result {
    struct drive_count search, upsert;
    uint64_t recall_found, recall_wanted, points;
    uint64_t ghosts; /* hits that had been deleted before their search was sent */
    double seconds;  /* until the last answer */
    /* time after which the phase ended because the server could not keep up; 0: it did not */
    double gave_up_s;
};

struct drive; /* connections that are kept from phase to phase */
MUST_USE int drive_open(const struct target *t, const char *address, uint32_t connections, uint32_t in_flight,
                        struct drive **ret, struct error *e);
void drive_close(struct drive *d);
/* Runs one phase. Negative when a connection was lost. */
MUST_USE int drive_run(struct drive *d, struct drive_plan *plan, struct drive_result *ret, struct error *e);

/* -- CPU time of a search -- */
MUST_USE int load_overhead(const struct load_options *o, const char *address, pid_t pid, const struct dataset *d,
                           struct error *e);

/* Writes groups of group_bytes (rounded up to 4096), each followed by fdatasync(), with `logs`
 * threads, each on a file of its own in folder. *ret: groups per second of all together. */
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
