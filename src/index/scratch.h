/* scratch.h -- what one walk works in: pooled, grown on demand before the walk starts,
 * never while it runs. */
#pragma once

#include "index/segment_index.h"
#include "vek.h"

#define HOP_MAX 512 /* links of one row at most */

struct cand {
    float distance;
    uint32_t id;
};

/* The nearest candidates of a layer. A walk starts from `cand` and leaves there what it found,
 * sorted; meanwhile they are in `near`, where the top bit of an id says that its candidate has been
 * expanded. Sorted arrays beat heaps here: most newcomers are refused by one compare with the last,
 * and the nearest to expand is found by looking on from the cursor. */
struct pool {
    struct cand *cand;
    uint32_t count, capacity;
    struct vek_nearest near;
    uint32_t cursor; /* all before it have been expanded */
    float reach;     /* early_end_reach() */
};
#define CAND_EXPANDED 0x80000000u

/* A candidate that is being expanded: its neighbours that were not visited yet. Ids, for a
 * pause may move the codes. */
struct hop {
    const uint32_t *ids;  /* in the log; of nodes on higher layers */
    const uint32_t *rows; /* the same on the lowest layer */
    uint32_t count;
    uint32_t row_of_node[HOP_MAX];
};

struct search_scratch {
    struct pool pool;
    uint64_t *visited; /* bit per row or node; all clear between layers */
    size_t visited_words;
    uint32_t *log; /* ids whose bit is set, so that clearing costs what walking cost */
    uint32_t log_count;
    uint32_t log_forgotten; /* ids that the log has lost since it was cleared */
    bool log_overflow;      /* then clearing clears all */
    /* rows that the last layer searched has visited: distances computed, but for one or two */
    uint32_t walked;
    void *query; /* a folded one, aligned to 64 */
    size_t query_bytes;
    struct hit *hits;
    uint32_t hits_capacity;
    const void *rows[HOP_MAX];
    float distances[HOP_MAX];
    uint32_t ids[HOP_MAX];
    uint32_t links[HOP_MAX];   /* of the row that is expanded, where they are kept packed */
    uint32_t unindexed_seen;   /* rows in lists that the last search looked at, */
    uint32_t unindexed_scored; /* and of these scored by their codes */
    struct hop hop[2];         /* the one to be scored, and the one being fetched */
};

/* when it is full it begins again, and still holds the hops of the moment */
#define VISIT_LOG 16384

/* Room for ids below `ids`, a pool of ef, a folded query of `query_bytes`, `hits` hits. -ENOMEM. */
MUST_USE int scratch_reserve(struct search_scratch *s, uint32_t ids, uint32_t ef, size_t query_bytes, uint32_t hits);
/* Forgets what was visited. */
void scratch_clear(struct search_scratch *s);

static inline void scratch_mark(struct search_scratch *s, uint32_t id)
{
    s->visited[id / 64] |= (uint64_t)1 << (id % 64);
    s->log[s->log_count++] = id;
}
