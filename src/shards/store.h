/* store.h -- one reactor's part of the data folder: its log, and its shard of each collection.
 *
 *   DIR/lock                        held by the process that uses the folder
 *   DIR/manifest                    what is there (manifest.h)
 *   DIR/log/NUMBER/R-POSITION.log   the log of reactor R (log.h)
 *   DIR/reserve                     takes space, to be given up when the disk is full (reserve.h)
 *   DIR/segments/ID.seg             sealed segments, immutable (container.h)
 *
 * Every row carries a version, a number that grows with every write anywhere: of the rows and
 * tombstones with the same id the one with the highest version counts, whichever file it is in.
 * That is what makes replay repeatable, and a restart on another number of reactors a matter of
 * reading, not of moving.
 *
 * All functions run in fibers of the reactor that opened the store; those marked "waits" suspend.
 * Knows no actor: what needs another reactor goes through the hooks. */
#pragma once

#include "base/point_id.h"
#include "index/autoindex.h"
#include "index/recall/recall_curve.h"
#include "reactor/fibers/fiber.h"
#include "shards/background/build_progress.h"
#include "shards/manifest/manifest.h"
#include "shards/point_batch.h"
#include <limits.h>

struct file;
struct filter;
struct store;
struct shard;

/* A row of a sealed segment is dead: all reactors are told before the write is acknowledged. */
struct remote_delete {
    uint64_t collection, segment;
    uint32_t row;
};

/* What one reactor's store asks of another's; runs in a fiber there, and may wait. `call` lies in
 * the asker's memory until it returns. */
typedef int (*store_call_fn)(struct store *store, void *call);
#define STORE_ALL_OTHERS UINT_MAX
/* A notice waits for nothing: writes wait for it. A step may wait for notices, for the disk, and
 * for searches that read. */
enum store_call { STORE_NOTICE, STORE_STEP };

struct store_hooks {
    /* Commits a step through the catalog; waits. */
    int (*commit)(const struct manifest_edit *edit, void *arg);
    /* Runs fn(store, call) on that reactor, or on all others at once, and waits for them. Returns
     * the first failure; a reactor whose store is closed does nothing and is fine. */
    int (*call)(unsigned reactor, enum store_call kind, store_call_fn fn, void *call, void *arg);
    /* The disk refused something that began in that round (read_only.h). Must
     * not wait. May be NULL. */
    void (*failed)(int rc, uint64_t round, void *arg);
    /* The lowest version of a row that may be owned by that reactor, in the collection's segments
     * but these, by the manifest; UINT64_MAX: there is none. Waits. */
    int (*oldest)(uint64_t collection, unsigned owner, const uint64_t *but, uint32_t but_count, uint64_t *ret,
                  void *arg);
    /* May this store use `wanted` bytes in all? -ENOMEM with the sentence; otherwise *ret, at least
     * as many, is what it may use without asking again. frees: to have less in the end, for which a
     * part is kept. Waits. NULL: as much as it likes. */
    int (*memory)(uint64_t wanted, bool frees, uint64_t *ret, struct error *error, void *arg);
    /* of who does background work, for which writes wait (reactor/fibers/order.h) */
    unsigned background_order;
    void *arg;
};

/* How far a start is with replaying a reactor's log. Written by that reactor, read by any; relaxed,
 * for people to look at. */
struct replay_progress {
    _Atomic uint64_t start_ns; /* 0: it has not begun */
    _Atomic uint64_t bytes_done, bytes, records;
};

struct store_options {
    const char *dir;
    unsigned reactor, reactors;
    /* vectors in a growing segment before it is sealed; 0: 122 MiB */
    uint64_t growing_bytes_max;
    uint64_t log_file_bytes;    /* 0: a quarter of the growing segment, 64 KiB to 16 MiB */
    uint64_t log_pending_bytes; /* as in struct log_options */
    uint64_t merge_bytes_max;   /* vectors in a segment that merging makes; 0: 1 GiB */
    /* memory the indexes of all reactors should keep to; 0: no bound */
    uint64_t index_bytes_max;
    uint64_t open_bytes_max;  /* memory for what is sealed, at the start; 0: no bound */
    uint32_t compact_percent; /* a segment with so many deleted rows is rewritten; 0: 20 */
    /* a growing segment this old is sealed though it is not full; 0: 3600 */
    uint32_t seal_age_s;
    /* errno for which the folder is read-only from the start; 0: it is not */
    int read_only;
    uint64_t round;                   /* of trusting the disk, at the start (read_only.h) */
    struct replay_progress *progress; /* may be NULL */
    /* helps with graphs that are sealed or merged; NULL: nobody */
    const struct workers *workers;
    struct store_hooks hooks;
};

/* -- the folder, once a process, on reactor 0 -- */

/* Makes the folder if need be, takes its lock, loads the manifest. Errors a user meets here: the
 * folder is in use by another process, was written by a newer version, is corrupt (which file,
 * which offset), the disk is full, no permission. */
MUST_USE int folder_open(const char *dir, struct file **ret_lock, struct manifest *ret_manifest, struct error *error);
/* Only the lock, for who reads a folder and does not serve it; closed with file_close(). */
MUST_USE int folder_lock(const char *dir, struct file **ret, struct error *error);
/* Before folder_open(), which then makes the folder what the snapshot was. A damaged one is
 * refused, and nothing is changed. */
MUST_USE int folder_restore(const char *dir, const char *snapshot, struct error *error);
/* If the number of reactors changed: makes log/NUMBER+1, where the stores write what they replay,
 * and after all stores are open commits the new epoch and removes the old one. If the manifest is
 * a snapshot's, its known ends of the logs are forgotten: by then each store has begun a log file
 * of its own. folder_prepare before, folder_complete after the stores are opened and before the
 * first write. Also removes what an interrupted step left behind (temporary files, segments the
 * manifest does not name). */
MUST_USE int folder_prepare(const char *dir, const struct manifest *m, unsigned reactors, struct error *error);
MUST_USE int folder_complete(const char *dir, struct manifest *m, unsigned reactors, struct error *error);

/* For benchmarks, before the stores are opened: the files of segments and logs leave the
 * system's cache. Waits. */
MUST_USE int folder_drop_caches(const char *dir, struct error *error);

/* -- a reactor's store -- */

/* A start in four steps, each taken on all reactors before the next: open the sealed segments
 * that are ours; lend them to all others; find out which row of each id owned here counts, and
 * tell everybody which are dead; replay the log. After the third, what the manifest calls at rest
 * is complete and can be read. After a failure only store_close() is left. All wait. m is
 * borrowed until they return. */
MUST_USE int store_open(const struct store_options *options, const struct manifest *m, struct store **ret,
                        struct error *error);
MUST_USE int store_share(struct store *s);
MUST_USE int store_map(struct store *s);
/* Changes nothing of what is clean. -ECANCELED after store_interrupt(). Before it has ended only
 * reading and deleting rows is allowed. */
MUST_USE int store_replay(struct store *s, const struct manifest *m, struct error *error);
bool store_is_replayed(const struct store *s);
/* Flushes the log and frees everything, also what other reactors have borrowed: by then nobody may
 * search anywhere. Waits. */
void store_close(struct store *s);

MUST_USE int store_create_collection(struct store *s, const struct collection_config *config);
/* In two steps, each on all reactors before the next: nobody is inside any more; the shard
 * is freed, and the segment files that are ours are removed. The manifest already does not
 * name them. Both wait. */
void store_empty_collection(struct store *s, uint64_t collection);
MUST_USE int store_drop_collection(struct store *s, uint64_t collection);
struct shard *store_shard(struct store *s, uint64_t collection); /* NULL: no such collection */
const struct collection_config *shard_config(const struct shard *s);
/* The shard goes by the next schema of its collection from now on, and takes
 * the caller's reference. */
void shard_set_schema(struct shard *s, struct schema *next);

/* One step of background work, whichever is most needed: bring a growing segment's graph up to
 * date, seal what is full, note in the manifest that nothing is left to seal. Returns 1 when
 * something was done, 0 when there is nothing to do, or a negative errno (logged once, tried again
 * later). Waits; pauses. */
MUST_USE int store_work(struct store *s);
/* Codes and lists for rows that have none, of any segment that store_work() is not at. Returns as
 * it does. Waits; pauses. */
MUST_USE int store_prepare(struct store *s);
/* One step of compaction, meant for a fiber of its own, because it is long: rewrites a segment with
 * many deleted rows, or merges small ones. Returns as store_work(). Waits; pauses. */
MUST_USE int store_maintain(struct store *s);
/* Makes the step that is under way, and all later ones, end soon with -ECANCELED: before a
 * stop. A replay, too. */
void store_interrupt(struct store *s);
/* Called when there may be new work: after writes. The owner sets it. */
void store_on_work(struct store *s, void (*fn)(void *arg), void *arg);

/* -- points: of one shard; ids must be owned here -- */

/* Logs, waits until that is as durable as the collection wants, makes the points visible, returns.
 * Nothing of a batch is visible before it is durable; after an error nothing is promised to be
 * there or not. -ENOSPC, -EIO, -ENOMEM. The batch has passed point_batch_check(), and what it lends
 * is read until the write returns: the log takes vectors and payloads from there. */
MUST_USE int shard_upsert(struct shard *s, const struct point_batch *batch, struct error *error);
/* *ret_deleted: how many were there. */
MUST_USE int shard_delete(struct shard *s, const struct point_id *ids, uint32_t count, uint32_t *ret_deleted,
                          struct error *error);

/* What get() lends: valid until the calling fiber waits. For cosine the vector
 * is the normalised one. */
struct point_view {
    bool found;
    uint64_t version;
    const float *vector;
    const void *payload;
    uint32_t payload_size;
    struct segment *segment; /* where it is; held by who reads it across a pause */
};
void shard_get(struct shard *s, struct point_id id, struct point_view *ret);
/* What a view lends stays until it is let go of, though its fiber pauses. */
void point_view_hold(struct point_view *v);
void point_view_let_go(struct point_view *v);

struct point_hit {
    struct point_id id;
    float distance; /* smaller is nearer */
};

/* Which segments of a collection: every reactor has all sealed segments, its own and borrowed ones
 * (shared_segment.h), and alone those it has not sealed or lent yet. So a search takes the sealed
 * ones wherever it runs, and asks other reactors for what they alone have, or to lend a hand. */
struct search_part {
    bool asked;         /* by another reactor: only what it has not been lent, */
    uint64_t share_seq; /* whose newest share is this one; */
    bool sealed;        /* and all sealed segments that are our own, */
    uint64_t merges;    /* if they are the same as those of who asks */
    /* not asked: bit per reactor to which its sealed segments are left; NULL: none */
    const uint64_t *delegated;
};

struct shard_query {
    const float *vector; /* dim f32, any alignment, not normalised */
    uint32_t k, ef;      /* ef 0: by recall */
    /* wanted, when ef is 0: each segment does what it takes; 0: ef is chosen */
    float recall;
    bool exact;
    /* candidates scored again, as a multiple of k; 0: as each segment does */
    float refine_k;
    const struct filter *filter; /* bound (query/filter.h); NULL: every point may be a hit */
    struct search_part part;
    bool aside; /* nobody waits for it: it says nothing of what searches take */
    const struct context *ctx;
    struct error *error; /* says why a file could not be read; NULL: nobody asks */
};
/* Writes up to k hits of its part, nearest first. Returns how many, or -ETIME, -ECANCELED, -ENOMEM;
 * -EIO and the like: the index could not read its pages, which the query's error explains;
 * -ESTALE: a merge has changed whose the sealed segments are, so who asks has to search them
 * itself. Pauses at checkpoints. */
MUST_USE int shard_search(struct shard *s, const struct shard_query *query, struct point_hit *ret_hits);

/* Live searches are compared with exact ones, now and then (actors/metrics/recall_watch.h): a
 * search that asked for that recall found so many of the `of` nearest. Where they find too little,
 * later ones have a larger effort (recall_effort.h). */
void shard_recall_note(struct shard *s, float recall, uint32_t found, uint32_t of);
/* So few were compared that the next one is worth it. */
bool shard_recall_is_unknown(const struct shard *s);

/* What of another reactor we do not have, as of now. */
struct shard_cover {
    bool unsealed;      /* it may have rows that are not lent to us */
    bool sealed;        /* segments we have are its own */
    uint64_t share_seq; /* the newest of its shares that we have */
    uint64_t merges;    /* that we know of */
};
void shard_cover_read(const struct shard *s, unsigned reactor, struct shard_cover *ret);
/* Whether sealed segments that are searched here are our own. */
bool shard_has_sealed(const struct shard *s);
/* CPU time of a search of everything this reactor has, lately; 0: not known. */
uint64_t shard_search_ns(const struct shard *s);
/* When we were last told that a row died, on clock_now_ns(). Who began a search of several reactors
 * before that may have missed the row that took its place: it was not there yet when its owner was
 * asked, and the old one was dead when it was looked for. */
uint64_t shard_died_ns(const struct shard *s);

struct shard_info {
    uint64_t points; /* live ids owned here */
    uint64_t growing_rows, growing_graphed, growing_bytes;
    uint64_t growing_dead_rows; /* rows of growing segments that are deleted or replaced */
    /* of those that this reactor merges */
    uint64_t sealed_segments, sealed_rows, sealed_dead_rows, sealed_bytes;
    uint64_t memory_bytes;
};
void shard_info_read(struct shard *s, struct shard_info *ret);

/* -- segments -- */

enum segment_state { SEGMENT_GROWING, SEGMENT_FROZEN, SEGMENT_SEALED };

/* What is in one segment, counted exactly. Live rows are rows - deleted_rows, an average payload is
 * payload_bytes / rows. */
struct segment_info {
    uint64_t id;      /* 0: not sealed yet */
    unsigned reactor; /* in whose memory it is */
    enum segment_state state;
    bool merging;
    uint32_t rows, deleted_rows, tombstones;
    uint64_t vector_bytes, payload_bytes, index_bytes, memory_bytes, disk_bytes;
    struct index_options index; /* sealed: as it is */
    struct index_why why;       /* each choice and its reason; empty in older files */
    /* sealed: as it was measured; without rungs in segments of few rows */
    struct recall_curve recall;
};
/* Up to max of the segments that only this reactor has, and the sealed ones if it merges them;
 * returns how many there are. */
uint32_t shard_segments(const struct shard *s, struct segment_info *ret, uint32_t max);

/* Those segments added up, by enum segment_state. */
struct segment_sums {
    uint64_t segments, rows, deleted_rows, tombstones, memory_bytes, disk_bytes;
};
#define SEGMENT_STATES (SEGMENT_SEALED + 1)
/* Adds the segments that shard_segments() lists. */
void shard_segments_add(const struct shard *s, struct segment_sums by_state[SEGMENT_STATES]);

/* Seals what grows, and waits until that is done. -ENOSPC, -EIO, -ECANCELED (stopping, or the
 * collection is dropped). pause (may be NULL) is asked several times a second; a negative return
 * ends the waiting, not the work. Waits. */
MUST_USE int shard_seal(struct shard *s, const struct pause *pause, struct error *error);
/* Rewrites every segment with deleted rows and merges as far as the largest segment
 * allows. Same errors. Waits. */
MUST_USE int shard_compact(struct shard *s, const struct pause *pause, struct error *error);

/* Why nothing of this shard may be served: a damaged segment (ERROR_CORRUPT with file, offset and
 * what to do). NULL: all is well. Who has read rows asks before it believes them: a page that the
 * disk did not give back reads as zeros. */
const struct error *shard_damage(struct shard *s);
/* Another reactor found damage: nothing of this shard is merged or believed complete any more
 * either. The first damage stays. */
void shard_set_damage(struct shard *s, const struct error *damage);

/* Everything the log holds below this position is on stable storage. */
uint64_t store_log_durable(const struct store *s);

struct store_stats {
    uint64_t log_bytes, log_flushes, log_records, seals, replayed_records, growing_backlog_rows;
    uint64_t growing_backlog_ns; /* what linking those rows will take, lately; 0: not known */
    uint64_t log_needed_bytes;   /* that a start would replay */
    /* at the end of the log that the start could not believe (struct log_end) */
    uint64_t log_cut_bytes;
    uint64_t
        /* in the log, of a collection that the manifest called at rest, and in no segment: a bug */
        unexpected_records;
    uint64_t seal_ns_total, sealed_bytes;
    /* of several segments into one; of one without its deleted rows */
    uint64_t merges, compactions;
    uint64_t merged_segments, merged_rows, merged_bytes, merge_ns_total;
    uint64_t slowed_writes,
        /* batches that waited because graphs, or the first codes, were behind
         * (throttle.h), and how long */
        slowed_ns;
    uint64_t slowed_now;   /* that wait */
    uint64_t memory_waits; /* merges that were put off for want of memory */
    uint64_t build_ns_total, builds;
    uint64_t
        /* cumulative style is the reader's: builds within 1, 2, 4, ... 512 s, and more */
        build_seconds_buckets[11];
};
void store_stats_read(struct store *s, struct store_stats *ret);

#define STORE_BUILDS_MAX 2
/* What is sealed and merged just now: so many. */
unsigned store_builds_read(const struct store *s, struct build_info ret[STORE_BUILDS_MAX]);
/* Adds what the store holds in memory. */
struct memory_use;
void store_memory_read(struct store *s, struct memory_use *use);
/* What may be changed while it runs. */
struct store_tuning {
    uint64_t growing_bytes_max, index_bytes_max; /* as in the options; of what begins from now on */
    uint64_t log_pending_bytes;                  /* likewise */
    /* rows without a graph, of a shard, before its writers are slowed; 0: chosen (throttle.h) */
    uint64_t backlog_rows;
};
void store_tune(struct store *s, const struct store_tuning *t);
/* Frees buffers that were not used since the last call. */
void store_memory_trim(struct store *s);
/* What it holds and will hold until all that grows is sealed and all that is being built is
 * done. */
uint64_t store_memory_needed(struct store *s);
/* What it may use from now on without asking, and how scarce memory is: 0 plenty, 1
 * links are packed, 2 refine rows stay in the mapped file, 3 pools are small. What is
 * made from now on is made so. */
void store_memory_grant(struct store *s, uint64_t granted, unsigned pressure);
