/* shard.h -- a shard from inside src/shards: one collection's data on one reactor.
 * Outsiders include store.h. */
#pragma once

#include "base/memory_use.h"
#include "base/table.h"
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

/* store_memory_grant(): from which pressure on. */
#define MEMORY_LINKS_PACKED  1
#define MEMORY_REFINE_MAPPED 2
#define MEMORY_POOLS_SMALL   3

/* What the manifest says of a collection on this reactor (clean.c). */
enum cleanness { CLEAN, DIRTY, CLEAN_CHANGING };

/* What the other reactors think: are there rows here that they have not
 * borrowed (shared_segment.c)? */
enum unsealed { UNSEALED_NONE, UNSEALED_SOME, UNSEALED_CHANGING };

/* What a shard holds, and what its growing segments will take until they are sealed (memory.c). */
struct shard_memory {
    struct memory_use use;
    uint64_t to_come;
    uint64_t backlog; /* rows that wait for the graph */
};

struct shard {
    struct store *store;
    struct collection_config config;
    struct id_map ids;
    struct segment **segments; /* by handle; NULL: the handle is free */
    uint32_t segment_count, segment_capacity;
    /* how many segments it has had: a search looks whether it missed one */
    uint64_t births;
    struct segment *growing; /* NULL until the first write */
    uint32_t frozen;         /* segments that wait to be sealed */
    /* when the next write may come, while writers are slowed */
    uint64_t throttle_ns;
    /* a code: nothing of this shard may be served; read by shard_damage() */
    struct error damage;
    /* mapping_losses() when its segments were looked at last, or */
    uint64_t losses;
/* there is a new one, of which a page may have been lost before */
#define LOSSES_UNKNOWN UINT64_MAX
    uint64_t compacts_wanted, compacts_done; /* requests to rewrite and merge as far as possible */
    /* who is inside; closed when the collection is dropped */
    struct gate gate;
    enum cleanness cleanness;
    struct event cleanness_changed;
    int dirty_failed; /* errno of the last change, if it was to be DIRTY and its commit failed */
    uint32_t writes;  /* under way: a record of them may be in the log and nowhere else */
    bool unapplied;   /* so may one that could not be made visible: until the next start */
    enum unsealed unsealed;
    struct event unsealed_changed;
    uint64_t unsealed_at[REACTORS_MAX / 64]; /* bit per reactor that said it has such rows */
    uint64_t share_seq;                      /* that we have made since the start */
    /* [reactors]: the newest share of each reactor that we have; NULL: none since the start */
    uint64_t *share_seqs;
    uint64_t merges;    /* that have changed what we search */
    uint64_t died_ns;   /* when another reactor last told of a row that died */
    uint64_t search_ns; /* what a search of all that is here took, lately */
    /* the manifest does not name it any more; the order to drop it is on its way */
    bool dropped;
    struct due_link due[DUE_KINDS];
    struct shard_memory memory;
    struct live_queries *queries; /* owned; NULL: none yet */
    struct recall_effort_watch effort;
    struct shard *previous, *next;
};

struct search_hit;

/* A write between the log and memory: log records from `bound` on are still needed. */
struct write_under_way {
    uint64_t bound;
    struct write_under_way *next, **link;
};

/* What searches work in, pooled. */
struct search_room {
    struct search_scratch *scratch;
    struct segment **segments;
    struct hit *hits;
    struct search_hit *all;
    uint32_t segments_max, hits_max, all_max;
    float *query;
    uint32_t query_max;
    uint64_t *alive, *passing;
    uint32_t alive_max, passing_max;
    struct search_room *next;
};

struct store {
    struct store_options options;
    char dir[PATH_TEXT_MAX];
    uint64_t epoch;
    struct log *log;
    struct shard *shards;
    struct table by_id;             /* the same by their collections */
    struct due_list due[DUE_KINDS]; /* and those to be looked at */
    /* what store_log_needed() said when it was last asked here; it never falls */
    uint64_t log_needed;
    uint64_t log_start; /* the one in the manifest: a start reads the log from here */
    /* a collection was dropped, or this is a start: perhaps less of the log is needed */
    bool log_may_go;
    struct { /* while a snapshot is copied (snapshot.c) */
        bool on;
        uint64_t log_start; /* its files from here on stay */
        uint64_t *segments; /* files that nobody else needs, to be removed afterwards */
        size_t segment_count, segment_capacity;
    } keep;
    uint64_t version_next;
    uint64_t segment_id_max;
    struct write_under_way *writes;
    struct search_room *rooms;
    uint32_t rooms_kept;
    uint64_t live_query_bytes;  /* of all shards' samples */
    struct event indexed;       /* a fiber is done with the index of a segment */
    struct event sealing_ended; /* a frozen segment was sealed, or sealing failed */
    /* wakes the background work when a segment is to be sealed because of its age */
    struct timer idle;
    uint64_t idle_at_ns; /* when that is; 0: it does not run */
    bool replayed;       /* the log is open, and what was in it is here */
    bool interrupted;    /* background work, or the replay, shall end */
    /* errno of the disk because of which nothing new is taken; 0: all is well (read_only.h) */
    int read_only;
    uint64_t round;  /* of trusting the disk (read_only.h) */
    int work_failed; /* errno of the last step of background work, 0: it was fine */
    /* -EBADMSG: what of it read back wrong, in which file at which offset */
    struct error work_damage;
    int maintain_failed;   /* errno of the last merge that failed */
    double row_ns;         /* what the graph of a row costs, lately */
    uint64_t backlog_rows; /* store_tune() */
    uint64_t failures;     /* of steps of background work */
    uint32_t remote_deletes_begun
        /* remote deletes begun and not sent; which count a new one belongs to:
         * remote_deletes_turn */
        [2];
    unsigned remote_deletes_turn;
    struct event remote_deletes_sent;
    void (*on_work)(void *arg);
    void *on_work_arg;
    struct {
        uint64_t granted; /* what may be used without asking */
        /* what is used and will be, at most: counted now and then, and added to meanwhile */
        uint64_t counted;
        uint64_t promised;          /* of it, to writes that have not arrived yet */
        struct memory_work *works;  /* under way */
        struct shard_memory shards; /* of all, as they were counted last */
        uint64_t small_to_come;     /* of the largest small segment that was ever counted */
        unsigned pressure;          /* store_memory_grant() */
        bool wanted;                /* work waits for memory */
        bool put_off;               /* so does a merge, and it was told */
    } memory;
    struct store_stats stats;
    struct build_progress sealing, merging;
};

/* Rows that died on other reactors, collected over a batch: between begin and send the id map knows
 * of deaths that their owners do not. */
struct remote_deletes {
    struct remote_delete *items;
    uint32_t count, capacity;
    unsigned turn; /* which of store.remote_deletes_begun counts it */
};

MUST_USE int shard_create(struct store *store, const struct collection_config *config, struct shard **ret);
void shard_destroy(struct shard *s);

/* Gives the segment the next handle. Owns it afterwards. */
MUST_USE int shard_add_segment(struct shard *s, struct segment *segment);
/* The sealed segment of that id; NULL: it is not here. */
struct segment *shard_find_segment(const struct shard *s, uint64_t id);
/* Frees its handle, and the segment when nobody reads it any more. */
void shard_remove_segment(struct shard *s, struct segment *segment);

/* Applies a record of the log: makes it visible, if nothing newer is there. The id map must have
 * room, and a written point has the collection's first vector in its size. payload_owner: the
 * payload lies there, and the segment takes all of it over; NULL: it copies. bound: no later than
 * the record's position in the log. Does not wait. */
MUST_USE int shard_apply(struct shard *s, const struct record *r, struct arena *payload_owner, uint64_t bound,
                         struct remote_deletes *remote_deletes);
void remote_deletes_begin(struct store *store, struct remote_deletes *remote_deletes);
/* Tells the other reactors; frees the list. Must follow begin. Waits. */
MUST_USE int remote_deletes_send(struct store *store, struct remote_deletes *remote_deletes);
MUST_USE int remote_deletes_reserve(struct remote_deletes *b,
                                    /* so that as many more can be added without fail; -ENOMEM */
                                    uint32_t n);
MUST_USE int remote_deletes_add(struct remote_deletes *b, uint64_t collection, uint64_t segment, uint32_t row);

/* Waits until all that had begun when it was called has been sent and has arrived. */
void remote_deletes_drain(struct store *store);

/* The row that e points to died: marks it here, and notes that all others are to be told. */
MUST_USE int shard_delete_old(struct shard *s, const struct id_entry *e, struct remote_deletes *remote_deletes);

/* Rows that a growing segment of this shard is for. */
uint32_t shard_growing_rows(const struct shard *s);
/* Freezes the growing segment, if it holds anything. */
void shard_freeze(struct shard *s);

/* The position of the log from which records are still needed. skip: a segment
 * that is being sealed. */
uint64_t store_log_needed(const struct store *store, const struct segment *skip);
/* The growing segment is so small that it is kept in the log instead of becoming a file. */
bool shard_stays_in_log(const struct shard *s);
/* Small growing segments that need the log before `position` are appended to it again. False: the
 * small ones of the store have more than bytes_max in all, and have to be sealed (log_again.c).
 * Waits. */
bool log_again(struct store *store, uint64_t position, uint64_t bytes_max);
/* After a drop: files of the log that nothing needs any more are freed, if there is a whole one, or
 * the disk is full. Waits. */
void log_let_go(struct store *store);
/* An id that makes this reactor the one that searches the segment. */
uint64_t store_next_segment_id(struct store *store);
/* container_finish() into the folder of segments. */
MUST_USE int store_finish_container(const struct store *store, struct container_writer *w, uint64_t *ret_bytes);
void store_count_build(struct store *store, uint64_t duration_ns);
MUST_USE int store_segment_path(const struct store *store, uint64_t id, char *path);
void store_notify_work(struct store *store);

/* The reactor that merges the sealed segments of all. */
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

/* Sees to it that the manifest does not call the clean collection here, before a record of it is
 * appended to the log. Waits. */
MUST_USE int shard_make_dirty(struct shard *s);
/* True: once `sealing` (may be NULL) is sealed, the log has nothing of s that segments do not, and
 * this stays so until clean_end(): the commit in between may say that it is clean. */
MUST_USE bool clean_begin(struct shard *s, const struct segment *sealing);
void clean_end(struct shard *s);
/* Commits that shards are clean which are so without a seal: after writes that failed, or a start
 * that found nothing in the log. Returns whether there were any. Waits. */
MUST_USE bool store_clean(struct store *store);

void search_rooms_destroy(struct search_room *rooms);
/* Frees all but a few of the pool, and keeps no more while memory is scarce. */
void search_rooms_trim(struct store *store);
uint64_t search_rooms_bytes(const struct search_room *rooms);

/* A commit has found that the manifest does not name it any more. Writes that wait for room end. */
void shard_note_dropped(struct shard *s);

/* The pause of background work: yields, and ends the work when the shard is dropped. */
int shard_pause(void *shard);
