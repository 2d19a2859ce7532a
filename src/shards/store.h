/* store.h -- one reactor's part of the data folder: its log, and its shard of each collection.
 *
 *   DIR/lock                        locked by the process that uses the folder
 *   DIR/manifest                    names the collections and sealed segments (manifest.h)
 *   DIR/log/NUMBER/R-POSITION.log   the log of reactor R (log.h)
 *   DIR/reserve                     takes space, and is removed when the disk is full (reserve.h)
 *   DIR/segments/ID.seg             sealed segments, immutable (container.h)
 *
 * Every row has a version. A new version is larger than all versions that its reactor knows. Of all
 * rows and tombstones with one id, the highest version counts, whichever file holds it. So a log
 * can be replayed twice, and a start with another number of reactors moves no data.
 *
 * All functions run in fibers of the reactor that opened the store. A function marked "Waits" may
 * suspend its fiber. A store knows no actors: it calls other reactors through struct
 * store_hooks. */
#pragma once

#include "base/point_id.h"
#include "index/autoindex.h"
#include "index/recall/recall_curve.h"
#include "query/filter.h"
#include "query/plan.h"
#include "reactor/fibers/fiber.h"
#include "shards/background/build_progress.h"
#include "shards/manifest/manifest.h"
#include "shards/point_batch.h"
#include <limits.h>

struct file;
struct filter;
struct store;
struct shard;

/* A row of a sealed segment is dead. All reactors are told so before the write is acknowledged. */
struct remote_delete {
    uint64_t collection, segment;
    uint32_t row;
};

/* A call of one reactor's store to the store of another. It runs in a fiber there, and may wait.
 * `call` lies in the caller's memory until the function returns. */
typedef int (*store_call_fn)(struct store *store, void *call);
#define STORE_ALL_OTHERS UINT_MAX
/* A notice waits for nothing, because writes wait for notices. A step may wait for notices, for the
 * disk, and for searches that read a segment. */
enum store_call { STORE_NOTICE, STORE_STEP };

struct store_hooks {
    /* Commits the edit through the catalog. Waits. */
    int (*commit)(const struct manifest_edit *edit, void *arg);
    /* Runs fn(store, call) on that reactor, or on all others at once, and waits for them. Returns
     * the first failure. A reactor whose store is closed does nothing and returns 0. */
    int (*call)(unsigned reactor, enum store_call kind, store_call_fn fn, void *call, void *arg);
    /* The disk refused an operation that began in `round` (read_only.h). Must
     * not wait. May be NULL. */
    void (*failed)(int rc, uint64_t round, void *arg);
    /* The lowest version that a row of that owner may have in the collection's sealed segments,
     * without those in `but`. The manifest knows. UINT64_MAX: there is no such row. Waits. */
    int (*oldest)(uint64_t collection, unsigned owner, const uint64_t *but, uint32_t but_count, uint64_t *ret,
                  void *arg);
    /* Asks for `wanted` bytes in all. 0: *ret, at least as much, is what the store may use without
     * asking again. -ENOMEM: refused, with a sentence. frees: the work will end with less memory in
     * use, and may use a reserved part of the budget. Waits. NULL: memory is not limited. */
    int (*memory)(uint64_t wanted, bool frees, uint64_t *ret, struct error *error, void *arg);
    /* the order of the fibers that do background work, for which writes wait
     * (reactor/fibers/order.h) */
    unsigned background_order;
    void *arg;
};

/* How much of a reactor's log is replayed at a start. That reactor writes it and any may read it,
 * relaxed: the numbers are only shown to users. */
struct replay_progress {
    _Atomic uint64_t start_ns; /* 0: not begun */
    _Atomic uint64_t bytes_done, bytes, records;
};

struct store_options {
    const char *dir;
    unsigned reactor, reactors;
    /* bytes of vectors in a growing segment before it is sealed; 0: 122 MiB */
    uint64_t growing_bytes_max;
    uint64_t log_file_bytes;    /* 0: a quarter of the growing segment, 64 KiB to 16 MiB */
    uint64_t log_pending_bytes; /* as in struct log_options */
    uint64_t merge_bytes_max;   /* bytes of vectors in a merged segment; 0: 1 GiB */
    /* memory that the indexes of all reactors together should not exceed; 0: no bound */
    uint64_t index_bytes_max;
    uint64_t open_bytes_max; /* memory for sealed segments at the start; 0: no bound */
    /* a segment is rewritten when this share of its rows is dead; 0: 20 */
    uint32_t compact_percent;
    /* a growing segment this old is sealed although it is not full; 0: 3600 */
    uint32_t seal_age_s;
    /* errno because of which the folder is read-only from the start; 0: it is writable */
    int read_only;
    uint64_t round;                   /* the round at the start (read_only.h) */
    struct replay_progress *progress; /* may be NULL */
    /* they help to build the graphs of seals and merges; NULL: no help */
    const struct workers *workers;
    struct store_hooks hooks;
};

/* -- the folder: called once a process, on reactor 0 -- */

/* Makes the folder if there is none, takes its lock, and loads the manifest. Errors that users meet
 * here: another process uses the folder; a newer version wrote it; it is corrupt (which file, which
 * offset); the disk is full; no permission. */
MUST_USE int folder_open(const char *dir, struct file **ret_lock, struct manifest *ret_manifest, struct error *error);
/* Refuses a new folder with a sentence if the disk has less than `needed` bytes free. A folder with
 * data is served, read-only if the disk is full. Waits. */
MUST_USE int folder_check_space(const char *dir, uint64_t needed, struct error *error);
/* Takes only the lock, for a program that reads a folder without serving it.
 * Closed with file_close(). */
MUST_USE int folder_lock(const char *dir, struct file **ret, struct error *error);
/* Prepares a restore: the next folder_open() makes the folder what the snapshot was. A damaged
 * snapshot is refused, and nothing is changed. */
MUST_USE int folder_restore(const char *dir, const char *snapshot, struct error *error);
/* folder_prepare() is called before the stores are opened. If the number of reactors changed, it
 * makes log/NUMBER+1, into which the stores write what they replay. It also removes what an
 * interrupted step left behind: temporary files, and segments that the manifest does not name.
 *
 * folder_complete() is called when all stores are open, before the first write. It commits the new
 * epoch and removes the old logs. If the manifest came from a snapshot, it forgets the ends of the
 * logs that the snapshot noted: each store has begun a log file of its own by then. */
MUST_USE int folder_prepare(const char *dir, const struct manifest *m, unsigned reactors, struct error *error);
MUST_USE int folder_complete(const char *dir, struct manifest *m, unsigned reactors, struct error *error);

/* For benchmarks: drops the files of segments and logs from the system's cache. Called before the
 * stores are opened. Waits. */
MUST_USE int folder_drop_caches(const char *dir, struct error *error);

/* -- a reactor's store -- */

/* The bytes of a log file that go with these bytes of a growing segment; 0: the default. */
uint64_t store_log_file_bytes(uint64_t growing_bytes_max);

/* A start has four steps. All reactors take one before any takes the next.
 *
 * 1. store_open() opens the sealed segments that this reactor owns.
 * 2. store_share() shares them with all other reactors.
 * 3. store_map() finds for each id owned here the row with the highest version, and tells all
 *    reactors which rows are dead. Then collections that the manifest calls clean are complete and
 *    can be read.
 * 4. store_replay() replays the log.
 *
 * After a failure only store_close() may be called. All wait. m is borrowed until they return. */
MUST_USE int store_open(const struct store_options *options, const struct manifest *m, struct store **ret,
                        struct error *error);
MUST_USE int store_share(struct store *s);
MUST_USE int store_map(struct store *s);
/* Changes no clean collection. -ECANCELED after store_interrupt(). Until it has ended, rows may
 * only be read and marked dead. */
MUST_USE int store_replay(struct store *s, const struct manifest *m, struct error *error);
bool store_is_replayed(const struct store *s);
/* Flushes the log and frees everything, also segments that other reactors share. So no reactor may
 * search any more. Waits. */
void store_close(struct store *s);

MUST_USE int store_create_collection(struct store *s, const struct collection_config *config);
/* A drop has two steps, each on all reactors before the next. The first waits until no request uses
 * the shard. The second frees the shard and removes the segment files that this reactor owns. The
 * manifest does not name them any more. Both wait. */
void store_empty_collection(struct store *s, uint64_t collection);
MUST_USE int store_drop_collection(struct store *s, uint64_t collection);
struct shard *store_shard(struct store *s, uint64_t collection); /* NULL: no such collection */
const struct collection_config *shard_config(const struct shard *s);
/* The shard uses the next schema of its collection from now on, and takes the caller's
 * reference. */
void shard_set_schema(struct shard *s, struct schema *next);

/* Does one step of background work, the one that is needed most: links rows into a growing
 * segment's graph, seals a frozen segment, or commits that a shard is clean. Returns 1 when it
 * did something, 0 when there is nothing to do, or a negative errno (logged once, tried again
 * later). Waits; pauses. */
MUST_USE int store_work(struct store *s);
/* Makes codes and lists for rows that have none, in a segment at which store_work() does not work.
 * Returns like store_work(). Waits; pauses. */
MUST_USE int store_prepare(struct store *s);
/* Does one step of compaction: rewrites a segment with many dead rows, or merges small ones. A step
 * is long, so it needs a fiber of its own. Returns like store_work(). Waits; pauses. */
MUST_USE int store_maintain(struct store *s);
/* Makes the steps under way, a replay, and all later steps end soon with -ECANCELED.
 * Called before a stop. */
void store_interrupt(struct store *s);
/* Sets the function that is called when there may be new work, for example after a write. */
void store_on_work(struct store *s, void (*fn)(void *arg), void *arg);

/* -- the points of one shard; their ids must be owned here -- */

/* Logs the points, waits until the records are as durable as the collection wants, makes the points
 * visible, and returns. Nothing of a batch is visible before it is durable. After an error each
 * point may be there or not. -ENOSPC, -EIO, -ENOMEM. The batch has passed point_batch_check(). Its
 * arrays must stay until the call returns: the log writes vectors and payloads from them. */
MUST_USE int shard_upsert(struct shard *s, const struct point_batch *batch, struct error *error);
/* *ret_deleted: how many of the ids were there. */
MUST_USE int shard_delete(struct shard *s, const struct point_id *ids, uint32_t count, uint32_t *ret_deleted,
                          struct error *error);

/* A point that shard_get() lends: valid until the calling fiber waits. For cosine the vector
 * is the normalised one. */
struct point_view {
    bool found;
    uint64_t version;
    const float *vector;
    const void *payload;
    uint32_t payload_size;
    struct segment *segment; /* the segment of the point; hold the view to read it across a pause */
};
void shard_get(struct shard *s, struct point_id id, struct point_view *ret);
/* Between these two calls a view stays valid although the fiber pauses. */
void point_view_hold(struct point_view *v);
void point_view_let_go(struct point_view *v);

struct point_hit {
    struct point_id id;
    float distance; /* smaller is nearer */
};

/* Which segments of a collection one reactor searches. Every reactor has all sealed segments: its
 * own, and shared ones (shared_segment.h). It alone has those that it has not sealed or shared yet.
 * So a search takes the sealed segments where it runs. It asks other reactors to search what they
 * alone have, or to search their part of the sealed ones. */
struct search_part {
    bool asked;         /* another reactor asks, for the segments that are not shared with it */
    uint64_t share_seq; /* asked: the newest share of this reactor that the asking one has */
    bool sealed;        /* asked: it asks for all sealed segments owned here, too */
    /* with sealed: how many merges it knows; if another number is known here: -ESTALE */
    uint64_t merges;
    /* not asked: a bit for each reactor that searches its sealed segments itself; NULL: none */
    const uint64_t *delegated;
};

struct shard_query {
    const float *vector; /* dim f32, any alignment, not normalised */
    uint32_t k, ef;      /* ef 0: by recall */
    /* the recall that is wanted when ef is 0: each segment chooses its effort; 0: ef is chosen */
    float recall;
    bool exact;
    /* candidates that are scored again, as a multiple of k; 0: each segment chooses */
    float refine_k;
    const struct filter *filter; /* bound (query/filter.h); NULL: every point may be a hit */
    struct search_part part;
    /* no client waits for it: it is left out of shard_search_ns() and of the live queries */
    bool aside;
    const struct context *ctx;
    struct error *error; /* set when a file could not be read; may be NULL */
};
/* Writes up to k hits of its part, nearest first. Returns how many, or -ETIME, -ECANCELED, -ENOMEM.
 * -EBADMSG: see shard_damage(). -EIO and so on: the index could not read its pages; query->error
 * has the reason. -ESTALE: a merge has changed which reactor owns the sealed segments, so the
 * asking reactor has to search them. Pauses at checkpoints. */
MUST_USE int shard_search(struct shard *s, const struct shard_query *query, struct point_hit *ret_hits);

/* Some live searches are compared with exact ones (actors/metrics/recall_watch.h). Notes that a
 * search which asked for `recall` found `found` of the `of` nearest. When searches find too little,
 * later ones get a larger effort (recall_effort.h). */
void shard_recall_note(struct shard *s, float recall, uint32_t found, uint32_t of);
/* So few searches were compared that the next comparison is worth its cost. */
bool shard_recall_is_unknown(const struct shard *s);

/* What this reactor knows, at the moment, of the segments of another one. */
struct shard_cover {
    bool unsealed;      /* the other one may have rows that are not shared with this reactor */
    bool sealed;        /* sealed segments of the other one are shared with this reactor */
    uint64_t share_seq; /* the newest share of the other one that arrived here */
    uint64_t merges;    /* how many merges are known here */
};
void shard_cover_read(const struct shard *s, unsigned reactor, struct shard_cover *ret);
/* Whether this reactor owns sealed segments that are searched. */
bool shard_has_sealed(const struct shard *s);
/* The expected CPU time of such a search of all segments of this reactor, by what their indexes say
 * and have learned. Does not read query->vector. Pauses. */
uint64_t shard_cost_ns(const struct shard *s, const struct shard_query *query);
/* CPU time of a search of all segments of this reactor, a moving average; 0: not known. */
uint64_t shard_search_ns(const struct shard *s);
/* When another reactor last told that a row died (clock_now_ns()). A search of several reactors
 * that began earlier may have missed the new row of that point. It was not there yet when its owner
 * was asked, and the old row was already dead when its segment was searched. */
uint64_t shard_died_ns(const struct shard *s);

struct shard_info {
    uint64_t points; /* live ids owned here */
    uint64_t growing_rows, growing_graphed, growing_bytes;
    uint64_t growing_dead_rows; /* rows of growing segments that are deleted or replaced */
    /* of the collections that this reactor merges */
    uint64_t sealed_segments, sealed_rows, sealed_dead_rows, sealed_bytes;
    uint64_t memory_bytes;
};
void shard_info_read(struct shard *s, struct shard_info *ret);

/* -- segments -- */

enum segment_state { SEGMENT_GROWING, SEGMENT_FROZEN, SEGMENT_SEALED };

/* What one segment holds, counted exactly. Live rows are rows - deleted_rows. The average payload
 * is payload_bytes / rows. */
struct segment_info {
    uint64_t id;      /* 0: not sealed yet */
    unsigned reactor; /* the reactor that has it in memory */
    enum segment_state state;
    bool merging;
    uint32_t rows, deleted_rows, tombstones;
    uint64_t vector_bytes, payload_bytes, index_bytes, memory_bytes, disk_bytes;
    struct index_options index; /* of a sealed segment */
    struct index_why why;       /* each choice and its reason; empty in files that have none */
    /* of a sealed segment, as it was measured; without rungs where rows are few */
    struct recall_curve recall;
};
/* Writes up to max segments: those that only this reactor has, and the sealed ones if this reactor
 * merges them. Returns how many there are. */
uint32_t shard_segments(const struct shard *s, struct segment_info *ret, uint32_t max);

/* Sums over segments of one state. */
struct segment_sums {
    uint64_t segments, rows, deleted_rows, tombstones, memory_bytes, disk_bytes;
};
#define SEGMENT_STATES (SEGMENT_SEALED + 1)
/* Adds the segments that shard_segments() lists. */
void shard_segments_add(const struct shard *s, struct segment_sums by_state[SEGMENT_STATES]);

/* Seals the growing segment, and waits until that is done. -ENOSPC, -EIO, -ECANCELED (the server
 * stops, or the collection is dropped). pause (may be NULL) is called several times a second. When
 * it returns a negative errno, the waiting ends, and the work goes on. Waits. */
MUST_USE int shard_seal(struct shard *s, const struct pause *pause, struct error *error);
/* Rewrites every segment with dead rows, and merges as far as merge_bytes_max allows.
 * The same errors. Waits. */
MUST_USE int shard_compact(struct shard *s, const struct pause *pause, struct error *error);

/* Why nothing of this shard may be served: a segment is damaged (ERROR_CORRUPT with file, offset
 * and what to do). NULL: no damage is known. Code that has read rows must call this before it uses
 * them, because a page that the disk did not give back reads as zeros. */
const struct error *shard_damage(struct shard *s);
/* Notes damage that another reactor found. From then on this shard is not merged and not served.
 * The first damage stays. */
void shard_set_damage(struct shard *s, const struct error *damage);

/* Everything below this position of the log is on stable storage. */
uint64_t store_log_durable(const struct store *s);

struct store_stats {
    uint64_t log_bytes, log_flushes, log_records, seals, replayed_records, growing_backlog_rows;
    uint64_t growing_backlog_ns; /* time to link those rows, by the latest rate; 0: not known */
    uint64_t log_needed_bytes;   /* bytes that a start would replay */
    /* bytes that the start cut off the end of the log (struct log_end) */
    uint64_t log_cut_bytes;
    /* in the log, and in no segment, of a collection that the manifest calls clean: a bug */
    uint64_t unexpected_records;
    /* searches of one segment with a filter, by plan, and what their filters read */
    uint64_t filtered[PLAN_KINDS];
    struct filter_counts filters;
    uint64_t damaged_columns; /* left out or dropped, because their bytes in the file are damaged */
    uint64_t seal_ns_total, sealed_bytes;
    /* merges: several segments into one; compactions: one segment without its dead rows */
    uint64_t merges, compactions;
    uint64_t merged_segments, merged_rows, merged_bytes, merge_ns_total;
    /* batches that waited because graphs, or the first codes, were behind (throttle.h) */
    uint64_t slowed_writes, slowed_ns;
    uint64_t slowed_now;   /* batches that wait now */
    uint64_t memory_waits; /* merges that were put off because memory was short */
    uint64_t build_ns_total, builds;
    /* builds that took at most 1, 2, 4, ... 512 s, and longer ones; not cumulative */
    uint64_t build_seconds_buckets[11];
};
void store_stats_read(struct store *s, struct store_stats *ret);

#define STORE_BUILDS_MAX 2
/* The builds under way: at most one seal and one merge. Returns how many. */
unsigned store_builds_read(const struct store *s, struct build_info ret[STORE_BUILDS_MAX]);
/* Adds what the store holds in memory. */
struct memory_use;
void store_memory_read(struct store *s, struct memory_use *use);
/* Options that can be changed while the store runs. */
struct store_tuning {
    /* as in store_options; for segments that begin later */
    uint64_t growing_bytes_max, index_bytes_max;
    uint64_t log_pending_bytes; /* as in store_options */
    /* a shard's writers are slowed when so many of its rows are unindexed; 0: chosen
     * (throttle.h) */
    uint64_t backlog_rows;
};
void store_tune(struct store *s, const struct store_tuning *t);
/* Frees buffers of the log that were not used since the last call. */
void store_memory_trim(struct store *s);
/* What the store holds, and what it will need until everything that grows is sealed and
 * all builds have ended. */
uint64_t store_memory_needed(struct store *s);
/* Sets what the store may use without asking, and how scarce memory is. Each pressure adds to the
 * ones below: 0 plenty; 1 links are packed and growing segments are half as large; 2 refine rows
 * stay in the mapped file; 3 pools are small. It applies to segments that are made later. */
void store_memory_grant(struct store *s, uint64_t granted, unsigned pressure);
