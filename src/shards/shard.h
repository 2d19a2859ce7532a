/* shard.h -- a shard as src/shards sees it: one collection's data on one reactor. Other
 * folders include store.h. */
#pragma once

#include "base/memory_use.h"
#include "base/table.h"
#include "query/filter_scratch.h"
#include "reactor/fibers/sync.h"
#include "reactor/timer.h"
#include "shards/background/due.h"
#include "shards/background/live_queries.h"
#include "shards/background/recall_effort.h"
#include "shards/folder/whole_file.h"
#include "shards/id_map.h"
#include "shards/log/log.h"
#include "shards/segment/segment.h"
#include "shards/store.h"

struct record;

/* The pressure from which on something is held smaller (store_memory_grant()). */
#define MEMORY_LINKS_PACKED  1
#define MEMORY_REFINE_MAPPED 2
#define MEMORY_POOLS_SMALL   3

/* What the manifest says of a collection on this reactor (clean.c). */
enum cleanness { CLEAN, DIRTY, CLEAN_CHANGING };

/* What the other reactors were told: whether this one has rows that are not shared with
 * them (shared_segment.c). */
enum unsealed { UNSEALED_NONE, UNSEALED_SOME, UNSEALED_CHANGING };

/* The memory that a shard holds, and the memory that its growing segments will take more until they
 * are sealed (memory.c). */
struct shard_memory {
    struct memory_use use;
    uint64_t to_come;
    uint64_t backlog; /* unindexed rows */
};

/* A segment was added, of which a page may have been lost before. */
#define LOSSES_UNKNOWN UINT64_MAX

struct shard {
    struct store *store;
    struct collection_config config;
    struct id_map ids;
    struct segment **segments; /* by handle; NULL: the handle is free */
    uint32_t segment_count, segment_capacity;
    /* segments it has had so far; tells a search that one came meanwhile */
    uint64_t births;
    struct segment *growing; /* NULL until the first write */
    uint32_t frozen;         /* how many segments wait to be sealed */
    /* when the next write may come, while writers are slowed */
    uint64_t throttle_ns;
    /* with a code: nothing of this shard may be served; read it with shard_damage() */
    struct error damage;
    /* mapping_losses() when the segments were last looked at, or LOSSES_UNKNOWN */
    uint64_t losses;
    /* how many calls of shard_compact() came, and how many are done */
    uint64_t compacts_wanted, compacts_done;
    /* requests are inside; closed when the collection is dropped */
    struct gate gate;
    enum cleanness cleanness;
    struct event cleanness_changed;
    int dirty_failed; /* errno, when the commit of the last change to DIRTY failed */
    uint32_t writes;  /* writes under way: their records may be in the log and not in memory */
    bool unapplied;   /* a record is in the log that could not be applied; until the next start */
    enum unsealed unsealed;
    struct event unsealed_changed;
    /* a bit for each reactor that announced unsealed rows */
    uint64_t unsealed_at[REACTORS_MAX / 64];
    uint64_t share_seq; /* shares made here since the start */
    /* [reactors]: the newest share that arrived from each; NULL: none since the start */
    uint64_t *share_seqs;
    uint64_t merges;    /* merges that changed which segments are searched here */
    uint64_t died_ns;   /* when another reactor last sent a remote delete */
    uint64_t search_ns; /* CPU time of a search of all segments here, a moving average */
    /* the manifest does not name the collection any more; the call to drop it is on its way */
    bool dropped;
    struct due_link due[DUE_KINDS];
    struct shard_memory memory;
    struct live_queries *queries; /* owned; NULL: none noted yet */
    struct recall_effort_watch effort;
    struct shard *previous, *next;
};

struct search_hit;

/* A write whose records are in the log and not all in memory. Log records from `bound`
 * on are still needed. */
struct write_under_way {
    uint64_t bound;
    struct write_under_way *next, **link;
};

/* The buffers of one search. A store keeps a pool of them. */
struct search_workspace {
    struct search_scratch *scratch;
    struct segment **segments;
    struct search_hit *all;
    uint32_t segments_max, all_max;
    float *query;
    uint32_t query_max;
    uint64_t *alive;
    uint32_t alive_max;
    struct filter_scratch filter; /* also holds the hits of one segment without a filter */
    struct search_workspace *next;
};

struct store {
    struct store_options options;
    char dir[PATH_TEXT_MAX];
    uint64_t epoch;
    struct log *log;
    struct shard *shards;
    struct table by_id;             /* the same shards, found by collection id */
    struct due_list due[DUE_KINDS]; /* the shards that a step has to look at */
    /* what store_log_needed() last returned here; it never falls */
    uint64_t log_needed;
    uint64_t log_start; /* the position in the manifest: a start replays the log from here */
    /* after a drop or a start: perhaps less of the log is needed */
    bool log_may_go;
    struct { /* while a snapshot is copied (snapshot.c) */
        bool on;
        uint64_t log_start; /* log files from this position on stay */
        uint64_t *segments; /* files that only the snapshot needs, removed when it is complete */
        size_t segment_count, segment_capacity;
    } keep;
    uint64_t version_next;
    uint64_t segment_id_max;
    struct write_under_way *writes;
    struct search_workspace *workspaces;
    uint32_t workspaces_kept;
    uint64_t live_query_bytes;  /* of the samples of live queries of all shards */
    struct event indexed;       /* a fiber has ended its work on the index of a segment */
    struct event sealing_ended; /* a frozen segment was sealed, or sealing failed */
    /* wakes the background work when a segment has to be sealed because of its age */
    struct timer idle;
    uint64_t idle_at_ns; /* when the timer fires; 0: it does not run */
    bool replayed;       /* the log is open, and its records are in memory */
    bool interrupted;    /* background work and the replay must end */
    /* errno of the disk because of which upserts are refused; 0: they are taken (read_only.h) */
    int read_only;
    uint64_t round;  /* the round at hand (read_only.h) */
    int work_failed; /* errno of the last step of background work; 0: it succeeded */
    /* of -EBADMSG: which file read back wrong, at which offset */
    struct error work_damage;
    int maintain_failed;   /* errno of the last merge that failed */
    double row_ns;         /* time to link a row, a moving average */
    uint64_t backlog_rows; /* store_tune() */
    uint64_t failures;     /* steps of background work that failed */
    /* lists of remote deletes that were begun and not sent, in two counters: a new list counts in
     * the counter of remote_deletes_turn, so that a drain can wait for the other one */
    uint32_t remote_deletes_begun[2];
    unsigned remote_deletes_turn;
    struct event remote_deletes_sent;
    void (*on_work)(void *arg);
    void *on_work_arg;
    struct {
        uint64_t granted; /* what the store may use without asking */
        /* what is used and will be needed, at most: counted by walks, and added to between them */
        uint64_t counted;
        uint64_t promised;          /* the part of it that is for writes under way */
        struct memory_work *works;  /* the work under way */
        struct shard_memory shards; /* the sum over all shards, as last counted */
        uint64_t small_to_come;     /* the most that a small segment was found to need */
        unsigned pressure;          /* store_memory_grant() */
        bool wanted;                /* background work waits for memory */
        bool put_off;               /* a merge waits for memory, and that was logged */
    } memory;
    struct store_stats stats;
    struct build_progress sealing, merging;
};

/* Rows of sealed segments that died by one batch of writes. Between begin and send, the id map
 * knows of deaths of which other reactors do not know. */
struct remote_deletes {
    struct remote_delete *items;
    uint32_t count, capacity;
    unsigned turn; /* index of the counter in store.remote_deletes_begun */
};

MUST_USE int shard_create(struct store *store, const struct collection_config *config, struct shard **ret);
void shard_destroy(struct shard *s);

/* Gives the segment the next handle. Owns it afterwards. */
MUST_USE int shard_add_segment(struct shard *s, struct segment *segment);
/* The sealed segment with that id; NULL: it is not here. */
struct segment *shard_find_segment(const struct shard *s, uint64_t id);
/* Frees the handle at once, and the segment when no search holds it any more. */
void shard_remove_segment(struct shard *s, struct segment *segment);

/* Makes a record of the log visible, if no newer version of its id is there. The id map must have
 * room. An upsert must have the collection's first vector, with the right size. payload_owner: the
 * arena that holds the payload, and that the segment takes over; NULL: the segment copies the
 * payload. bound: a position not above the record's position in the log. Does not wait. */
MUST_USE int shard_apply(struct shard *s, const struct record *r, struct arena *payload_owner, uint64_t bound,
                         struct remote_deletes *remote_deletes);
void remote_deletes_begin(struct store *store, struct remote_deletes *remote_deletes);
/* Tells the other reactors, and frees the list. Must follow remote_deletes_begin(). Waits. */
MUST_USE int remote_deletes_send(struct store *store, struct remote_deletes *remote_deletes);
/* Makes room, so that n more can be added without failing. -ENOMEM. */
MUST_USE int remote_deletes_reserve(struct remote_deletes *b, uint32_t n);
MUST_USE int remote_deletes_add(struct remote_deletes *b, uint64_t collection, uint64_t segment, uint32_t row);

/* Waits until all remote deletes that had begun before the call have arrived on all reactors. */
void remote_deletes_drain(struct store *store);

/* Marks the row that e points to as dead here, and adds it to what the other reactors are told. */
MUST_USE int shard_delete_old(struct shard *s, const struct id_entry *e, struct remote_deletes *remote_deletes);

/* How many rows the next growing segment of this shard can hold. */
uint32_t shard_growing_rows(const struct shard *s);
/* Freezes the growing segment, if it holds a row or a tombstone. */
void shard_freeze(struct shard *s);

/* The position of the log from which on records are still needed. skip: a segment that is being
 * sealed, and does not count. */
uint64_t store_log_needed(const struct store *store, const struct segment *skip);
/* Whether the growing segment is so small that it stays in the log instead of becoming a file. */
bool shard_stays_in_log(const struct shard *s);
/* Appends the rows of small growing segments that need the log before `position` to the log again.
 * False: the small segments of the store have more than bytes_max together, and have to be sealed
 * (log_again.c). Waits. */
bool log_again(struct store *store, uint64_t position, uint64_t bytes_max);
/* After a drop: frees log files that are not needed any more, if there is a whole one, or if the
 * disk is full. Waits. */
void log_let_go(struct store *store);
/* A new segment id, for which segment_owner() is this reactor. So this reactor opens the
 * file at the next start. */
uint64_t store_next_segment_id(struct store *store);
/* Calls container_finish() with the folder of segments. */
MUST_USE int store_finish_container(const struct store *store, struct container_writer *w, uint64_t *ret_bytes);
void store_count_build(struct store *store, uint64_t duration_ns);
MUST_USE int store_segment_path(const struct store *store, uint64_t id, char *path);
void store_notify_work(struct store *store);

/* Whether this reactor merges the sealed segments of the collection. */
static inline bool shard_merges(const struct shard *s)
{
    return s->config.id % s->store->options.reactors == s->store->options.reactor;
}

static inline const struct vector_spec *shard_vector(const struct shard *s)
{
    return collection_vector(&s->config);
}

static inline bool shard_owns_id(const struct shard *s, struct point_id id)
{
    return slot_owner(collection_slot(&s->config, point_id_hash(id)), s->store->options.reactors) ==
           s->store->options.reactor;
}

/* Commits that the collection is dirty on this reactor, if the manifest calls it clean. Called
 * before a record of it is appended to the log. Waits. */
MUST_USE int shard_make_dirty(struct shard *s);
/* True: when `sealing` (may be NULL) is sealed, the log has nothing of s that its segments lack.
 * This stays so until clean_end(), so the commit in between may call the shard clean. */
MUST_USE bool clean_begin(struct shard *s, const struct segment *sealing);
void clean_end(struct shard *s);
/* Commits that shards are clean which became so without a seal: after writes that failed, or a
 * start that found nothing in the log. Returns whether there were any. Waits. */
MUST_USE bool store_clean(struct store *store);

void search_workspaces_destroy(struct search_workspace *workspaces);
/* Shrinks the pool to the size that the pressure allows. */
void search_workspaces_trim(struct store *store);
uint64_t search_workspaces_bytes(const struct search_workspace *workspaces);

/* A commit has found that the manifest does not name the collection any more. Ends writes
 * that wait for a seal. */
void shard_note_dropped(struct shard *s);

/* The pause hook of background work: lets other fibers run, and ends the work when the shard is
 * dropped or the store is interrupted. */
int shard_pause(void *shard);
