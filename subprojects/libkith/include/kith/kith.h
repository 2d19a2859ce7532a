/* kith.h -- libkith: talks to a Kith server from C.
 *
 * One thread at a time uses a connection. There are two kinds of calls. A synchronous call sends
 * one request and waits for its answer. The pipelined calls (kith_start_*) start many requests, and
 * kith_next() collects the answers in the order in which they arrive. A program may use both kinds.
 * A synchronous call needs a connection without requests in flight.
 *
 * Functions return 0 or a negative enum kith_code, unless their comment says otherwise.
 * kith_error() returns the sentence of a failure. A call borrows its arguments until it returns. It
 * lends what *ret points to, until the next synchronous call or kith_next() on that connection. A
 * member that is 0 asks for the default.
 *
 * After KITH_DISCONNECTED or KITH_PROTOCOL only kith_reconnect() and kith_close() are of use; every
 * other call returns the same code. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum kith_code { /* the server's codes (docs/protocol.md); those from 100 on are the client's own */
                 KITH_OK = 0,
                 KITH_INVALID_ARGUMENT = 1,
                 KITH_NOT_FOUND = 2,
                 KITH_ALREADY_EXISTS = 3,
                 KITH_DEADLINE_EXCEEDED = 4,
                 KITH_CANCELLED = 5,
                 KITH_RESOURCE_EXHAUSTED = 6,
                 KITH_UNAVAILABLE = 7,
                 KITH_PROTOCOL = 8,
                 KITH_VERSION = 9,
                 KITH_CORRUPT = 10,
                 KITH_IO = 11,
                 KITH_INTERNAL = 12,
                 KITH_TOO_LARGE = 13, /* the server never accepts a request of this size */
                 /* the request is valid, but this version of the server cannot carry it out */
                 KITH_UNIMPLEMENTED = 14,
                 /* the version that the request names is not the current one: read it again */
                 KITH_CONFLICT = 15,
                 KITH_PERMISSION_DENIED = 16,
                 KITH_SERVER_CODES, /* no code: the server's codes are below */
                 KITH_DISCONNECTED = 100,
                 KITH_NO_MEMORY = 101,
                 KITH_REFUSED = 102, /* no connection could be made to the address */
};

enum kith_metric { KITH_L2 = 1, KITH_INNER_PRODUCT = 2, KITH_COSINE = 3 };
enum kith_code_kind {
    KITH_CODE_AUTO = 0,
    KITH_CODE_F32 = 1,
    KITH_CODE_F16 = 2,
    KITH_CODE_BF16 = 3,
    KITH_CODE_SQ8 = 4,
    KITH_CODE_SQ4 = 5,
    KITH_CODE_RABITQ = 6
};
enum kith_refine {
    KITH_REFINE_AUTO = 0,
    KITH_REFINE_NONE = 1,
    KITH_REFINE_F32 = 2,
    KITH_REFINE_F16 = 3,
    KITH_REFINE_BF16 = 4
};
enum kith_links { KITH_LINKS_AUTO = 0, KITH_LINKS_PLAIN = 1, KITH_LINKS_PACKED = 2 };
/* How many cores of the server work on one search. SETTING: as the server's setting search.fan_out
 * says. AUTO: the server chooses by the load of its cores. ONE: the core that serves the
 * connection. ALL: all cores. */
enum kith_fan_out { KITH_FAN_OUT_SETTING = 0, KITH_FAN_OUT_AUTO = 1, KITH_FAN_OUT_ONE = 2, KITH_FAN_OUT_ALL = 3 };
enum kith_durability { KITH_FLUSH = 1, KITH_INTERVAL = 2, KITH_NONE = 3 };

/* An id is a number or a UUID. The number n is {0, n}. A UUID is its 16 bytes, read as two
 * big-endian numbers. A UUID whose upper half is 0 is {KITH_ID_PREFIX, lower half}, because {0, n}
 * is a number. So no UUID may begin with the prefix. kith_id_parse() makes both kinds. */
struct kith_id {
    uint64_t hi, lo;
};
#define KITH_ID_PREFIX UINT64_C(0x4b49544855550000)

struct kith;

/* Connects to a server. address: "host:port", "host" or "[IPv6]:port"; without a port 7700; NULL:
 * 127.0.0.1:7700. A host that refuses the connection is tried again for 5 seconds, because its
 * server may be starting. The caller owns *ret, until kith_close(). On failure *ret is NULL, and
 * the sentence is in `error`, which may be NULL if error_size is 0. */
int kith_open(const char *address, struct kith **ret, char *error, size_t error_size);
/* Called before each pause of a call that waits; `why` is a sentence. */
typedef void (*kith_wait_fn)(void *arg, const char *why);
/* As kith_open(), but tries again for wait_ms (0: tries once), and calls on_wait (may be NULL)
 * before each pause. */
int kith_open_within(const char *address, uint32_t wait_ms, kith_wait_fn on_wait, void *arg, struct kith **ret,
                     char *error, size_t error_size);
/* Closes the connection and frees k, which may be NULL. */
void kith_close(struct kith *k);
/* Connects again to the same server, whatever state the connection is in. Requests in flight are
 * forgotten: the server may have carried out some of them. When this returns 0 none of them is
 * still under way, so whatever is written from now on is newer. A host that refuses the connection
 * is tried again for 5 seconds. After a failure every call but this one and kith_close() fails with
 * the same code. */
int kith_reconnect(struct kith *k);
/* A server that starts refuses requests until it has read its data. A synchronous call repeats such
 * a request for ms (10 s unless set), then returns -KITH_UNAVAILABLE. on_wait (may be NULL) is
 * called before each pause. */
void kith_patience_set(struct kith *k, uint32_t ms, kith_wait_fn on_wait, void *arg);
/* The sentence of the last call that failed; lent until the next call. */
const char *kith_error(const struct kith *k);
/* After how many milliseconds the server expects to accept the request that failed; 0: the server
 * did not say. */
uint32_t kith_retry_after_ms(const struct kith *k);
/* The name and the version of the server: "kithd 0.1.0". */
const char *kith_server(const struct kith *k);
/* How many requests of one connection the server works on at once; it reads more later. */
uint32_t kith_requests_max(const struct kith *k);
/* How many reactors (cores) the server has. */
uint32_t kith_reactors(const struct kith *k);

/* How the index of a segment is built. 0 in any member: the server chooses (docs/operations.md). */
struct kith_index {
    uint32_t m, ef_construct; /* of HNSW: links of a row, and the beam of the build */
    enum kith_code_kind code; /* how the rows that a search compares are encoded */
    uint32_t code_bits;       /* of KITH_CODE_RABITQ: bits a dimension, 1 to 8 */
    enum kith_refine refine;  /* the vectors by which the best candidates are scored again */
    float refine_k;           /* how many candidates are scored again, as a multiple of k */
    enum kith_links links;    /* how the links of the graph are stored */
    const char *kind;         /* "flat" or "hnsw"; NULL or "": the server chooses */
};
struct kith_field {
    const char *path; /* keys of nested objects, with dots between them: "address.city" */
    const char *kind; /* the kind of its column: "integer" */
};
struct kith_collection {
    const char *name;
    uint32_t dim;
    enum kith_metric metric;
    enum kith_durability durability; /* 0: flush */
    uint32_t slots;                  /* 0: the server's default */
    struct kith_index index;
    const char *damage;      /* in answers: why the collection cannot be used; "": it can */
    uint64_t schema_version; /* in answers: begins at 1; each change of the schema adds 1 */
    /* the indexed fields of the payloads; kith_list() leaves them out */
    const struct kith_field *fields;
    size_t field_count;
};
enum kith_segment_state { KITH_GROWING = 0, KITH_FROZEN = 1, KITH_SEALED = 2 };
/* The recall at one ef, measured when the segment was sealed. The queries were rows of the segment,
 * each of which was left out of its own answer. */
struct kith_recall_rung {
    uint32_t ef;     /* the beam; for a scan of all codes: the number of rows */
    float recall;    /* mean recall, 0 to 1 */
    float floor;     /* the mean minus three standard errors, by which a search chooses its ef */
    float distances; /* mean number of distances that a query computes */
};
struct kith_segment {
    uint64_t id;      /* 0: not sealed yet */
    uint32_t reactor; /* the reactor that owns it */
    enum kith_segment_state state;
    bool merging;                            /* a merge or a compaction reads it now */
    uint64_t rows, deleted_rows, tombstones; /* rows - deleted_rows are alive */
    uint64_t vector_bytes, payload_bytes, index_bytes, memory_bytes, disk_bytes;
    struct kith_index index; /* of a sealed segment: as it was built */
    /* each choice of the index, with its reason; "": not sealed, or sealed by an older server */
    const char *why;
    /* recall@10 and recall@100, rising in ef; none in a segment of few rows, which is scanned */
    const struct kith_recall_rung *recall_10, *recall_100;
    size_t recall_10_count, recall_100_count;
    /* recall@10 of walks that may end early */
    const struct kith_recall_rung *recall_10_early;
    size_t recall_10_early_count;
    struct kith_recall_rung recall_scan; /* recall@10 of a scan of all codes; ef 0: not measured */
};
struct kith_info {
    struct kith_collection collection;
    /* growing_rows: rows in growing and frozen segments that are alive; growing_graphed: those of
     * them that a graph holds; sealed_rows: alive and dead ones */
    uint64_t points, growing_rows, growing_graphed, sealed_segments, sealed_rows, sealed_dead_rows, disk_bytes,
        memory_bytes;
    uint64_t growing_dead_rows; /* rows in growing and frozen segments that are dead */
    const char *read_only;      /* why upserts are refused; "": they are not */
};

/* -- statistics -- what each reactor of the server has done since the server started. For what
 * happened in an interval, read twice and subtract. */

struct kith_search_times {
    bool exact; /* true: scans; false: walks over graphs */
    bool many;  /* true: requests with many queries; false: with one */
    size_t count;
    /* counts[i] searches took at most at_most_ns[i], and more than at_most_ns[i - 1] */
    const uint64_t *at_most_ns, *counts;
    uint64_t sum_ns, min_ns, max_ns;
};
struct kith_build {
    const char *collection;
    const char *kind;         /* "seal", "merge" or "compact" */
    const char *phase;        /* "reading", "columns", "graph", "codes", "writing", "taking over" */
    uint64_t rows, rows_done; /* of the segment; those that the new graph holds */
    uint64_t elapsed_ns;
    uint64_t left_ns; /* an estimate of what the graph still takes; 0: not known */
};
struct kith_counter {
    const char *name;
    uint64_t count;
};
struct kith_reactor_stats {
    uint64_t busy_ns, idle_ns;
    uint64_t interactive_ns, write_ns, background_ns; /* busy time by class of work */
    /* how often a fiber held its core for too long, and the longest such time */
    uint64_t stalls, stall_max_ns;
    uint32_t fibers, run_queue, connections; /* now; run_queue: fibers that are ready to run */
    uint64_t requests, queries, points_written, points_deleted;
    uint64_t backlog_rows; /* unindexed rows: no graph holds them yet */
    uint64_t backlog_ns;   /* an estimate of what linking them takes; 0: not known */
    uint64_t builds, merges, log_flushes;
    /* per mille of the last 10 ms that went to searches and writes */
    uint32_t load;
    uint32_t waiting; /* requests that wait to be admitted */
    uint64_t refused; /* requests that were not admitted */
    /* writes that wait because graphs are behind; the sum of such waits since the start */
    uint64_t slowed_now, slowed_ns;
    uint64_t searches_narrow, searches_wide; /* searches that used one core, and all cores */
    size_t search_count, recent_count, build_count, hardware_count;
    const struct kith_search_times *searches, *recent; /* since the start; in the last minute */
    const struct kith_build *builds_now;
    /* how many searches the hardware counters measured, each with one query on one core */
    uint64_t hardware_samples;
    /* cycles, instructions, cache_misses, branch_misses; none where the kernel allows none */
    const struct kith_counter *hardware;
};
struct kith_collection_stats {
    const char *name;
    bool damaged; /* the collection cannot be read: all below is 0 */
    uint64_t points, sealed_segments, growing_rows, backlog_rows, memory_bytes, disk_bytes;
};
struct kith_stats {
    uint64_t uptime_ns, cpu_ns, resident_bytes;
    const char *read_only; /* why upserts are refused; "": they are not */
    size_t reactor_count;
    const struct kith_reactor_stats *reactors;
    size_t memory_count;
    const struct kith_counter *memory; /* bytes by purpose */
    uint64_t memory_mapped;            /* bytes of files that are mapped */
    uint64_t memory_budget;            /* 0: none */
    /* what the server does to keep to the budget; each level does what those before it do, too. 0:
     * nothing; 1: packs links; 2: leaves the vectors for refining in files; 3: keeps pools small */
    uint32_t memory_pressure;
    size_t collection_count; /* 0 from kith_stats_read() */
    const struct kith_collection_stats *collections;
};
int kith_stats_read(struct kith *k, struct kith_stats *ret);
/* As kith_stats_read(), with all collections. */
int kith_stats_read_all(struct kith *k, struct kith_stats *ret);

/* -- settings: what can be tuned while the server runs (docs/operations.md) -- */

enum kith_setting_source {
    KITH_SETTING_DEFAULT = 0,
    KITH_SETTING_SET = 1,   /* by kith_config_set(); outlives a restart */
    KITH_SETTING_OPTION = 2 /* by an option on the server's command line */
};
struct kith_setting {
    const char *name;     /* "search.ef" */
    const char *value;    /* "200", "8GiB", "auto" */
    const char *standard; /* the default */
    enum kith_setting_source source;
    /* the value for programs: bytes of a size, millionths of a share, the number of a choice */
    uint64_t number;
    const char *allowed; /* which values it takes, for people: "auto, or 1 to 10000" */
    const char *what;    /* what it does, in a line */
};
int kith_config_list(struct kith *k, const struct kith_setting **ret, size_t *ret_count);
int kith_config_get(struct kith *k, const char *name, struct kith_setting *ret);
/* Changes a setting, or puts its default back. When the call returns 0 every core uses the new
 * value. *ret (may be NULL) is the setting after the change. */
int kith_config_set(struct kith *k, const char *name, const char *value, struct kith_setting *ret);
int kith_config_reset(struct kith *k, const char *name, struct kith_setting *ret);

int kith_ping(struct kith *k);
int kith_create(struct kith *k, const struct kith_collection *c);
int kith_drop(struct kith *k, const char *name);
/* Adds an indexed field to the schema of a collection, or drops one, while the collection is in
 * use. version: the version that the schema has now, otherwise the call returns -KITH_CONFLICT; 0:
 * any version. *ret_version (may be NULL) is the version after the change. When the call returns 0
 * the change is on stable storage. */
int kith_field_add(struct kith *k, const char *collection, const struct kith_field *field, uint64_t version,
                   uint64_t *ret_version);
int kith_field_drop(struct kith *k, const char *collection, const char *path, uint64_t version, uint64_t *ret_version);
/* All collections, without their fields. */
int kith_list(struct kith *k, const struct kith_collection **ret, size_t *ret_count);
int kith_info_read(struct kith *k, const char *name, struct kith_info *ret);
/* As kith_info_read(), with the segments in *ret. */
int kith_segments_read(struct kith *k, const char *name, struct kith_info *ret_info, const struct kith_segment **ret,
                       size_t *ret_count);
/* kith_seal() seals all growing segments of the collection. kith_compact() rewrites segments that
 * have dead rows, and merges small segments into larger ones. Both return when that is done. */
int kith_seal(struct kith *k, const char *name);
int kith_compact(struct kith *k, const char *name);

struct kith_damage {
    const char *file;   /* in the server's data folder */
    const char *region; /* the damaged part of the file; may be "" */
    uint64_t offset;    /* in the file, in bytes */
    const char *what;   /* what is wrong, as a sentence */
};
/* The position of a check; zero-initialised: the beginning. */
struct kith_cursor {
    uint8_t bytes[64];
    size_t size;
};
struct kith_verified {
    uint64_t bytes_total;  /* bytes of the whole check; from the first call only, later 0 */
    uint64_t bytes, files; /* checked by this call */
    const struct kith_damage *damages;
    size_t damage_count;
    bool finished;
};
/* Compares checksums on the server's disk for about half a second, and moves the cursor on. Call it
 * until ret->finished. collection NULL: everything that the server stores. */
int kith_verify(struct kith *k, const char *collection, struct kith_cursor *at, struct kith_verified *ret);
/* The number of points of a collection. */
int kith_count(struct kith *k, const char *name, uint64_t *ret);

/* -- snapshots of everything the server holds -- */

struct kith_snapshot {
    const char *name;
    bool damaged;        /* the snapshot cannot be read: all below is 0 */
    uint64_t created_ns; /* since 1970, UTC */
    uint64_t collections, segments;
    /* rows of sealed segments, dead ones too; points that are only in the logs are not counted */
    uint64_t segment_rows;
    uint64_t log_bytes, bytes; /* of its logs; of all its files */
};
struct kith_snapshot_check {
    uint64_t next; /* where the next call goes on */
    bool finished;
    uint64_t files_total, files_done, bytes; /* files_done and bytes: by all calls so far */
};

/* name: letters, digits, '.', '_', '-'; NULL: the time of now, UTC. */
int kith_snapshot_create(struct kith *k, const char *name, struct kith_snapshot *ret);
int kith_snapshot_list(struct kith *k, const struct kith_snapshot **ret, size_t *ret_count);
/* Has the server check a part of the snapshot. Call it with a zeroed struct, then with the same
 * struct until check->finished. The sentence of -KITH_CORRUPT names the file and the offset. */
int kith_snapshot_verify(struct kith *k, const char *name, struct kith_snapshot_check *check);
/* Puts the server back to the state of the snapshot: all that was written since then is lost. Other
 * requests get KITH_UNAVAILABLE meanwhile. Connections stay open. */
int kith_snapshot_restore(struct kith *k, const char *name);
int kith_snapshot_delete(struct kith *k, const char *name);

struct kith_points {
    size_t count;
    const struct kith_id *ids; /* numbers and UUIDs may be mixed */
    const float *vectors;      /* count x dim */
    uint32_t dim;
    /* any bytes; filters read JSON objects. NULL, and an entry that is NULL: no payload */
    const char *const *payloads;
    /* the bytes of each payload; NULL: each ends with a 0 byte */
    const uint32_t *payload_sizes;
    uint64_t first_row; /* the number that errors give the first point, say its row in a file */
};
/* Writes points: adds new ones, and replaces those with the same ids. */
int kith_upsert(struct kith *k, const char *collection, const struct kith_points *points);
/* *ret_deleted (may be NULL): how many of the ids had a point. */
int kith_delete(struct kith *k, const char *collection, const struct kith_id *ids, size_t count, uint64_t *ret_deleted);

/* The answer to a get or a search. */
struct kith_result {
    size_t queries;            /* 0 for get */
    const uint32_t *counts;    /* the number of hits of each query */
    size_t count;              /* the number of all hits */
    const struct kith_id *ids; /* query after query, the nearest hit first */
    const float *scores;       /* as the metric says (docs/protocol.md); NULL for get */
    const float *vectors;      /* count x dim; NULL unless asked for */
    /* each ends with a 0 byte, and may be empty; NULL unless asked for */
    const char *const *payloads;
    const uint32_t *payload_sizes; /* without the 0 byte */
};
/* Reads points by id, in the order of ids. Ids without a point are left out. dim: that of the
 * collection, against which the answer is checked; 0: any. */
int kith_get(struct kith *k, const char *collection, const struct kith_id *ids, size_t count, bool with_vectors,
             bool with_payloads, uint32_t dim, struct kith_result *ret);

/* -- filters -- */

enum kith_bound_kind { KITH_UNBOUNDED = 0, KITH_INCLUSIVE, KITH_EXCLUSIVE };
struct kith_bound {
    enum kith_bound_kind kind;
    bool is_real; /* the bound is `real`; else `integer` */
    int64_t integer;
    double real;
};
enum kith_clause { KITH_MUST = 0, KITH_MUST_NOT, KITH_SHOULD };
enum kith_test { KITH_MATCH = 0, KITH_RANGE, KITH_IS_NULL, KITH_IS_EMPTY };
/* A test of one indexed field of the payload. A point passes the filter if it passes all conditions
 * of MUST, none of MUST_NOT, and at least one of SHOULD if there is one. An array passes if one of
 * its elements does. IS_NULL: the field is null, or an array with a null. IS_EMPTY: the field is
 * missing, null or []. */
struct kith_condition {
    const char *field; /* its path in the payload, as in the schema */
    enum kith_clause clause;
    enum kith_test test;
    /* MATCH: the field equals one of the values, reals, texts and booleans, at most 1 024 in all */
    const int64_t *values;
    size_t value_count;
    const double *reals; /* numbers with a point or an exponent */
    size_t real_count;
    const char *const *texts;
    size_t text_count;
    bool is_true, is_false;
    struct kith_bound low, high; /* RANGE */
};

struct kith_search {
    const char *collection;
    const float *queries; /* count x dim */
    size_t count;
    uint32_t dim, k, ef; /* ef 0: the server chooses it for the recall */
    /* the share of the k nearest that the search aims to find, above 0 to 1; 1: exact; 0: as the
     * server is set */
    float recall;
    bool exact; /* scans all vectors, and finds the true nearest */
    bool with_vectors, with_payloads;
    /* how many candidates are scored again, as a multiple of k; 0: as each segment says */
    float refine_k;
    uint32_t deadline_ms; /* then the search fails with KITH_DEADLINE_EXCEEDED; 0: none */
    enum kith_fan_out fan_out;
    uint64_t first_query;                /* the number that errors give the first query */
    const struct kith_condition *filter; /* which points may be hits; at most 256 conditions */
    size_t filter_count;
};
int kith_search(struct kith *k, const struct kith_search *s, struct kith_result *ret);

/* -- pipelined calls -- each kith_start_*() returns a request id above 0, or a negative code. A
 * search, an upsert or a delete may wait in a buffer until kith_next() or kith_flush() sends it.
 * The other calls return when their request is sent. */
int64_t kith_start_search(struct kith *k, const struct kith_search *s);
int64_t kith_start_upsert(struct kith *k, const char *collection, const struct kith_points *points);
int64_t kith_start_delete(struct kith *k, const char *collection, const struct kith_id *ids, size_t count);
int64_t kith_start_seal(struct kith *k, const char *name);
int64_t kith_start_compact(struct kith *k, const char *name);
int64_t kith_start_snapshot_create(struct kith *k, const char *name);
int64_t kith_start_snapshot_restore(struct kith *k, const char *name);
/* Asks the server to give up a request. Its answer still comes, often with KITH_CANCELLED. The
 * call does nothing, and returns 0, if the answer was collected already. */
int kith_cancel(struct kith *k, int64_t request);

struct kith_reply {
    int64_t request;
    int code;                  /* of this request: 0 or a negative enum kith_code */
    struct kith_result result; /* of a search */
    uint64_t count;            /* of an upsert or a delete: points written or deleted */
};
/* Waits for the next answer, for timeout_us (-1: without a limit; 0: not at all). Returns 1 and
 * fills *ret; 0 at the timeout, or when no request is in flight; a negative code when the
 * connection is broken. */
int kith_next(struct kith *k, int64_t timeout_us, struct kith_reply *ret);
int kith_flush(struct kith *k); /* sends all buffered requests */
/* The socket, for poll(); the connection owns it. */
int kith_fd(const struct kith *k);
/* The time at which the kernel received the last bytes that were read, in ns of CLOCK_REALTIME. 0
 * unless the program has set SO_TIMESTAMPNS on the socket. A program that measures latency need not
 * be running when an answer arrives. */
uint64_t kith_received_ns(const struct kith *k);
/* How many requests have no answer yet. */
size_t kith_in_flight(const struct kith *k);

/* Writes "42" or a UUID into text[40], and returns text. */
char *kith_id_format(struct kith_id id, char *text);
/* Reads a number or a UUID: 0, or -KITH_INVALID_ARGUMENT. */
int kith_id_parse(const char *text, struct kith_id *ret);

#ifdef __cplusplus
}
#endif
