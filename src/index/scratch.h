/* scratch.h -- the memory that one walk works in. It comes from a pool, and grows before a walk
 * starts, never while it runs. */
#pragma once

#include "index/segment_index.h"
#include "vek.h"

#define HOP_MAX 512 /* the most links of one row */

struct cand {
    float distance;
    uint32_t id;
};

/* The nearest candidates of a layer. A walk starts from `cand`, and leaves its sorted result
 * there. While it runs, the candidates are in `near`; there the top bit of an id says that
 * the candidate has been expanded. Sorted arrays are quicker here than heaps. One compare
 * with the last candidate refuses most new rows, and the nearest one to expand is found by
 * going on from the cursor. */
struct pool {
    struct cand *cand;
    uint32_t count, capacity;
    struct vek_nearest near;
    uint32_t cursor; /* all candidates before it have been expanded */
    float reach;     /* early_end_reach() */
};
#define CAND_EXPANDED 0x80000000u

/* A candidate that is being expanded: its neighbours that were not visited before. They are kept
 * as ids, because codes may move at a pause. */
struct hop {
    const uint32_t *ids;  /* in scratch.log; numbers of nodes on higher layers */
    const uint32_t *rows; /* the rows of these ids; the same on the lowest layer */
    uint32_t count;
    uint32_t row_of_node[HOP_MAX];
};

struct search_scratch {
    struct pool pool;
    uint64_t *visited; /* a bit for each row or node; all clear between layers */
    size_t visited_words;
    uint32_t *log; /* ids whose bit is set, so that clearing takes no longer than the walk */
    uint32_t log_count;
    uint32_t log_forgotten; /* ids that were overwritten in the log since it was cleared */
    bool log_overflow;      /* the log was overwritten; then all bits are cleared */
    /* rows that were visited on the last layer; about the number of distances that were computed */
    uint32_t walked;
    void *query; /* the prepared query, aligned to 64 bytes */
    size_t query_bytes;
    struct hit *hits;
    uint32_t hits_capacity;
    const void *rows[HOP_MAX];
    float distances[HOP_MAX];
    uint32_t ids[HOP_MAX];
    uint32_t links[HOP_MAX];   /* links of the row that is expanded, unpacked */
    uint32_t unindexed_seen;   /* rows of lists that the last search looked at, */
    uint32_t unindexed_scored; /* and how many of them it scored by their codes */
    /* the one that is scored, and the one whose codes are being fetched */
    struct hop hop[2];
};

/* When the log is full it begins again; it still holds the ids of the hops at work. */
#define VISIT_LOG 16384

/* Makes room for ids below `ids`, a pool of ef, a prepared query of `query_bytes`, and
 * `hits` hits. -ENOMEM. */
MUST_USE int scratch_reserve(struct search_scratch *s, uint32_t ids, uint32_t ef, size_t query_bytes, uint32_t hits);
/* Clears the visited bits. */
void scratch_clear(struct search_scratch *s);

static inline void scratch_mark(struct search_scratch *s, uint32_t id)
{
    s->visited[id / 64] |= (uint64_t)1 << (id % 64);
    s->log[s->log_count++] = id;
}
