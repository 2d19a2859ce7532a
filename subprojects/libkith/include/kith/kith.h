/* kith.h -- libkith: talks to a Kith server from C.
 *
 * A connection is used by one thread at a time. Two ways to ask: the synchronous calls do one
 * request and wait; the pipelined ones start requests and collect answers in whatever order they
 * come (kith_start_*, kith_next). Both may be mixed as long as nothing is in flight when a
 * synchronous call is made.
 *
 * Functions return 0 or a negative enum kith_code; kith_error() has the sentence. After
 * KITH_DISCONNECTED the connection is only good for kith_close(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum kith_code { /* the server's codes (docs/protocol.md), and three of the client's own */
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
                 KITH_TOO_LARGE = 13, /* the server can never take so much at once */
                 /* understood, but this version of the server cannot do it */
                 KITH_UNIMPLEMENTED = 14,
                 /* what the request goes by has changed meanwhile: look again */
                 KITH_CONFLICT = 15,
                 KITH_PERMISSION_DENIED = 16,
                 KITH_DISCONNECTED = 100,
                 KITH_NO_MEMORY = 101,
                 KITH_REFUSED = 102, /* nobody listens there */
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
/* How many cores of the server work on one search: as it is set (its setting search.fan_out), as
 * their load says, the one of the connection, or all. */
enum kith_fan_out { KITH_FAN_OUT_SETTING = 0, KITH_FAN_OUT_AUTO = 1, KITH_FAN_OUT_ONE = 2, KITH_FAN_OUT_ALL = 3 };
enum kith_durability { KITH_FLUSH = 1, KITH_INTERVAL = 2, KITH_NONE = 3 };

/* The number n is {0, n}. A UUID is its 16 bytes, big-endian; where its upper half is 0 it is
 * {KITH_ID_PREFIX, lower half}, so that it is not a number. kith_id_parse() makes both. No UUID may
 * begin with the prefix. */
struct kith_id {
    uint64_t hi, lo;
};
#define KITH_ID_PREFIX UINT64_C(0x4b49544855550000)

struct kith;

/* address: "host:port", "host" or NULL for 127.0.0.1:7700. A host that refuses the connection is
 * tried again for 5 seconds: its server may be starting. On failure *ret is NULL and `error` (may
 * be NULL) has the sentence. */
int kith_open(const char *address, struct kith **ret, char *error, size_t error_size);
/* Told why a call waits before each pause. */
typedef void (*kith_wait_fn)(void *arg, const char *why);
/* The same, trying again for so long (0: once) and telling on_wait (may be NULL). */
int kith_open_within(const char *address, uint32_t wait_ms, kith_wait_fn on_wait, void *arg, struct kith **ret,
                     char *error, size_t error_size);
void kith_close(struct kith *k);
/* Connects again, to the same server, whatever state the connection is in. Requests in flight are
 * forgotten: some may have been carried out, but when this returns 0 none of them is still under
 * way, so what is written from now on is newer. As kith_open(), a host that refuses the connection
 * is tried again for 5 seconds. After a failure the sentence is in kith_error(), and every call but
 * this one and kith_close() fails with it. */
int kith_reconnect(struct kith *k);
/* A server that is still reading its data refuses requests for now. A synchronous call repeats them
 * for so long (10 s unless set) before it returns -KITH_UNAVAILABLE. on_wait (may be NULL) is told
 * why. */
void kith_patience_set(struct kith *k, uint32_t ms, kith_wait_fn on_wait, void *arg);
/* of the last call that failed; lives until the next call */
const char *kith_error(const struct kith *k);
uint32_t kith_retry_after_ms(
    /* of the same call: when the server expects to have time; 0: it did not say */
    const struct kith *k);
const char *kith_server(const struct kith *k); /* "kithd 0.1.0" */
uint32_t kith_requests_max(const struct kith *k);
uint32_t kith_reactors(const struct kith *k);

/* How the index of a segment is made; 0 in any of them: the server chooses (docs/operations.md). */
struct kith_index {
    uint32_t m, ef_construct;
    enum kith_code_kind code;
    uint32_t code_bits; /* of KITH_CODE_RABITQ: 1 to 8 */
    enum kith_refine refine;
    float refine_k; /* candidates scored again, as a multiple of k */
    enum kith_links links;
    const char *kind; /* "flat", "hnsw"; NULL or "": the server chooses */
};
struct kith_field {
    const char *path; /* keys of nested objects, with dots between them: "address.city" */
    const char *kind; /* of its column: "integer" */
};
struct kith_collection {
    const char *name;
    uint32_t dim;
    enum kith_metric metric;
    enum kith_durability durability; /* 0: flush */
    uint32_t slots;                  /* 0: the server's default */
    struct kith_index index;
    const char *damage;              /* in answers: why nothing of it is served; "": all is well */
    uint64_t schema_version;         /* in answers: from 1 on; each change adds 1 */
    const struct kith_field *fields; /* that are indexed; not in lists */
    size_t field_count;
};
enum kith_segment_state { KITH_GROWING = 0, KITH_FROZEN = 1, KITH_SEALED = 2 };
/* What a sealed segment measured of itself, with rows that were left out as queries. */
struct kith_recall_rung {
    uint32_t ef;
    float recall, floor; /* mean recall; that, less its standard error, which searches go by */
    float distances;     /* computed a query */
};
struct kith_segment {
    uint64_t id;      /* 0: not sealed yet */
    uint32_t reactor; /* the core that searches it */
    enum kith_segment_state state;
    bool merging;
    uint64_t rows, deleted_rows, tombstones; /* live rows are rows - deleted_rows */
    uint64_t vector_bytes, payload_bytes, index_bytes, memory_bytes, disk_bytes;
    struct kith_index index; /* as it is, when it is sealed */
    const char *why;         /* each choice and its reason; "": not sealed, or by an older server */
    const struct kith_recall_rung *recall_10, *recall_100; /* recall@10 and recall@100 by ef */
    size_t recall_10_count, recall_100_count;              /* 0: few rows, which are scanned */
    /* recall@10 by ef of walks that end early */
    const struct kith_recall_rung *recall_10_early;
    size_t recall_10_early_count;
    struct kith_recall_rung recall_scan; /* recall@10 of a scan of all codes; ef 0: not measured */
};
struct kith_info {
    struct kith_collection collection; /* name lives until the next call */
    uint64_t points, growing_rows, growing_graphed, sealed_segments, sealed_rows, sealed_dead_rows, disk_bytes,
        memory_bytes;
    uint64_t growing_dead_rows; /* growing_rows are those that are alive */
    const char *read_only;      /* why writes are refused; "": they are not */
};

/* What every core of the server has done since it started; ask twice and subtract. Arrays live
 * until the next call. */
struct kith_search_times {
    bool exact; /* scans; else walks over graphs */
    bool many;  /* requests with many queries; else with one */
    size_t count;
    /* counts[i] searches took at most at_most_ns[i], and more than at_most_ns[i - 1] */
    const uint64_t *at_most_ns, *counts;
    uint64_t sum_ns, min_ns, max_ns;
};
struct kith_build {
    const char *collection, *kind, *phase; /* "seal", "merge" or "compact"; "graph" and so on */
    uint64_t rows, rows_done;              /* in the graph */
    uint64_t elapsed_ns, left_ns;          /* left of the graph; 0: not known */
};
struct kith_counter {
    const char *name;
    uint64_t count;
};
struct kith_reactor_stats {
    uint64_t busy_ns, idle_ns;
    uint64_t interactive_ns, write_ns, background_ns; /* of the busy time, by class of work */
    uint64_t stalls, stall_max_ns;
    uint32_t fibers, run_queue, connections; /* now */
    uint64_t requests, queries, points_written, points_deleted;
    uint64_t backlog_rows,
        /* rows that no graph holds yet, and what linking them will take (0: not known) */
        backlog_ns;
    uint64_t builds, merges, log_flushes;
    /* per mille of the last 10 ms that went to searches and writes */
    uint32_t load;
    uint32_t waiting; /* requests that wait to be admitted */
    uint64_t refused; /* requests that were not */
    /* writes that wait because graphs are behind, and how long such waited so far */
    uint64_t slowed_now, slowed_ns;
    uint64_t searches_narrow, searches_wide; /* on one core, and on all */
    size_t search_count, recent_count, build_count, hardware_count;
    const struct kith_search_times *searches, *recent; /* recent: of the last minute */
    const struct kith_build *builds_now;
    /* searches of one query on one core in which the core counted: */
    uint64_t hardware_samples;
    const struct kith_counter *hardware; /* cycles, instructions, ...: none where it may not */
};
struct kith_collection_stats {
    const char *name;
    bool damaged; /* and nothing below is known */
    uint64_t points, sealed_segments, growing_rows, backlog_rows, memory_bytes, disk_bytes;
};
struct kith_stats {
    uint64_t uptime_ns, cpu_ns, resident_bytes;
    const char *read_only; /* why nothing new is stored; "": it is */
    size_t reactor_count;
    const struct kith_reactor_stats *reactors;
    size_t memory_count;
    const struct kith_counter *memory; /* bytes by what they are for */
    uint64_t memory_mapped;            /* bytes of files in the address space */
    uint64_t memory_budget;            /* 0: none */
    uint32_t
        /* what is done to keep to it: 1 links packed, 2 rows to score again by in
         * files, 3 pools small */
        memory_stage;
    size_t collection_count; /* 0 unless they were asked for */
    const struct kith_collection_stats *collections;
};
int kith_stats_read(struct kith *k, struct kith_stats *ret);
/* The same, with every collection. */
int kith_stats_read_all(struct kith *k, struct kith_stats *ret);

/* What can be tuned while the server runs. Text lives until the next call. */
enum kith_setting_source {
    KITH_SETTING_DEFAULT = 0,
    KITH_SETTING_SET = 1,   /* by kith_config_set(); it outlives a restart */
    KITH_SETTING_OPTION = 2 /* on the server's command line */
};
struct kith_setting {
    const char *name;     /* "search.ef" */
    const char *value;    /* "200", "8GiB", "auto" */
    const char *standard; /* what it is when nobody has set it */
    enum kith_setting_source source;
    uint64_t number;     /* the value: bytes of a size, 0 for a word */
    const char *allowed; /* "auto, or 1 to 10000", for people */
    const char *what;    /* it does, as a line */
};
int kith_config_list(struct kith *k, const struct kith_setting **ret, size_t *ret_count);
int kith_config_get(struct kith *k, const char *name, struct kith_setting *ret);
/* When they return 0 every core goes by it. ret may be NULL. */
int kith_config_set(struct kith *k, const char *name, const char *value, struct kith_setting *ret);
int kith_config_reset(struct kith *k, const char *name, struct kith_setting *ret);

int kith_ping(struct kith *k);
int kith_create(struct kith *k, const struct kith_collection *c);
int kith_drop(struct kith *k, const char *name);
/* The schema of a collection, changed while it is used. version: of the schema that is changed, or
 * -KITH_CONFLICT; 0: whatever it is. *ret_version (may be NULL) is the version after the change.
 * When it returns 0 the change is on stable storage. */
int kith_field_add(struct kith *k, const char *collection, const struct kith_field *field, uint64_t version,
                   uint64_t *ret_version);
int kith_field_drop(struct kith *k, const char *collection, const char *path, uint64_t version, uint64_t *ret_version);
/* *ret lives until the next call. */
int kith_list(struct kith *k, const struct kith_collection **ret, size_t *ret_count);
int kith_info_read(struct kith *k, const char *name, struct kith_info *ret);
/* The segments too: *ret lives until the next call. */
int kith_segments_read(struct kith *k, const char *name, struct kith_info *ret_info, const struct kith_segment **ret,
                       size_t *ret_count);
/* Seals what grows; or rewrites what has deleted rows and merges small segments into larger ones.
 * Return when that is done. */
int kith_seal(struct kith *k, const char *name);
int kith_compact(struct kith *k, const char *name);

struct kith_damage {
    const char *file;   /* in the server's data folder */
    const char *region; /* of the file; may be "" */
    uint64_t offset;
    const char *what;
};
/* Where a check stands; zero-initialised is the beginning. */
struct kith_cursor {
    uint8_t bytes[64];
    size_t size;
};
struct kith_verified {
    /* of everything there is to check; 0 unless this was the first stretch */
    uint64_t bytes_total;
    uint64_t bytes, files; /* checked in this stretch */
    const struct kith_damage *damages;
    size_t damage_count;
    bool finished;
};
/* Checks checksums on the server's disk for about half a second and moves the cursor on. collection
 * NULL: everything. *ret lives until the next call. */
int kith_verify(struct kith *k, const char *collection, struct kith_cursor *at, struct kith_verified *ret);
int kith_count(struct kith *k, const char *name, uint64_t *ret);

/* -- snapshots of everything the server holds -- */

struct kith_snapshot {
    const char *name;    /* lives until the next call */
    bool damaged;        /* it cannot be read, and nothing below is known */
    uint64_t created_ns; /* since 1970 */
    uint64_t collections, segments;
    /* in sealed segments, deleted ones too; what is only in the logs is not counted */
    uint64_t segment_rows;
    uint64_t log_bytes, bytes;
};
struct kith_snapshot_check {
    uint64_t next; /* where the next call goes on */
    bool finished;
    uint64_t files_total, files_done, bytes;
};

/* name: letters, digits, '.', '_', '-'; NULL: the time. */
int kith_snapshot_create(struct kith *k, const char *name, struct kith_snapshot *ret);
/* *ret lives until the next call. */
int kith_snapshot_list(struct kith *k, const struct kith_snapshot **ret, size_t *ret_count);
/* Has the server check a part of the snapshot: called with a zeroed struct, and again with the same
 * one until it is finished. -KITH_CORRUPT names the file and the offset. */
int kith_snapshot_verify(struct kith *k, const char *name, struct kith_snapshot_check *check);
/* Everything written since is gone. Other requests get KITH_UNAVAILABLE meanwhile;
 * connections live on. */
int kith_snapshot_restore(struct kith *k, const char *name);
int kith_snapshot_delete(struct kith *k, const char *name);

struct kith_points {
    size_t count;
    const struct kith_id *ids; /* all numbers or all UUIDs */
    const float *vectors;      /* count x dim */
    uint32_t dim;
    const char *const *payloads; /* NULL: none */
    const uint32_t *payload_sizes;
    uint64_t first_row; /* errors call the first point's row so */
};
int kith_upsert(struct kith *k, const char *collection, const struct kith_points *points);
int kith_delete(struct kith *k, const char *collection, const struct kith_id *ids, size_t count, uint64_t *ret_deleted);

/* An answer of get or search; lives until the next call on the connection (pipelined: until
 * the next kith_next). */
struct kith_result {
    size_t queries;         /* 0 for get */
    const uint32_t *counts; /* hits of each query */
    size_t count;           /* all hits */
    const struct kith_id *ids;
    const float *scores;         /* NULL for get */
    const float *vectors;        /* NULL unless asked for; count x dim */
    const char *const *payloads; /* NULL unless asked for; entries end with 0 and may be empty */
    const uint32_t *payload_sizes;
};
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
/* What one indexed field of a point's payload must be like. Points are hits that pass all
 * of MUST, none of MUST_NOT, and at least one of SHOULD, if there are any. Of an array
 * one element must pass. */
struct kith_condition {
    const char *field; /* its path in the payload, as in the schema */
    enum kith_clause clause;
    enum kith_test test;
    const int64_t *values; /* MATCH: any of these and of the others below, at most 1 024 */
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
    uint32_t dim, k, ef; /* ef 0: what the recall takes */
    /* the share of the k nearest that shall be found: above 0, 1 is exact; 0: as the server is
     * set */
    float recall;
    bool exact, with_vectors, with_payloads;
    float refine_k;       /* candidates scored again, as a multiple of k; 0: as each segment does */
    uint32_t deadline_ms; /* 0: none */
    enum kith_fan_out fan_out;
    uint64_t first_query;                /* errors call the first query so */
    const struct kith_condition *filter; /* which points may be hits; at most 256 */
    size_t filter_count;
};
int kith_search(struct kith *k, const struct kith_search *s, struct kith_result *ret);

/* -- pipelined -- each start returns a request id > 0, or a negative code; it buffers
 * and sends when it can. */
int64_t kith_start_search(struct kith *k, const struct kith_search *s);
int64_t kith_start_upsert(struct kith *k, const char *collection, const struct kith_points *points);
int64_t kith_start_delete(struct kith *k, const char *collection, const struct kith_id *ids, size_t count);
int64_t kith_start_seal(struct kith *k, const char *name);
int64_t kith_start_compact(struct kith *k, const char *name);
int64_t kith_start_snapshot_create(struct kith *k, const char *name);
int64_t kith_start_snapshot_restore(struct kith *k, const char *name);
int kith_cancel(struct kith *k, int64_t request);

struct kith_reply {
    int64_t request;
    /* 0 or a negative enum kith_code: this request failed, the connection is fine */
    int code;
    struct kith_result result; /* of a search */
    uint64_t count;            /* of an upsert or a delete */
};
/* Waits up to timeout_us for the next answer (-1: for ever; 0: looks only). Returns 1
 * with *ret filled, 0 at the timeout or when nothing is in flight, or a negative code
 * when the connection is lost. */
int kith_next(struct kith *k, int64_t timeout_us, struct kith_reply *ret);
int kith_flush(struct kith *k); /* sends what is buffered */
int kith_fd(const struct kith *k);
/* When the last bytes that were read had come, in ns of CLOCK_REALTIME; 0 unless the
 * program set SO_TIMESTAMPNS on the socket. For programs that measure: they need not be
 * awake when an answer comes. */
uint64_t kith_received_ns(const struct kith *k);
size_t kith_in_flight(const struct kith *k);

/* "42" or a UUID, into text[40]; and back (0 or -KITH_INVALID_ARGUMENT). */
char *kith_id_format(struct kith_id id, char *text);
int kith_id_parse(const char *text, struct kith_id *ret);

#ifdef __cplusplus
}
#endif
