/* hnsw_builder.h -- what a build works in; for the files of src/index only.
 *
 * Rows enter the graph in rounds (ParlayANN: Manohar et al., PPoPP 2024). In a round the graph is
 * frozen:
 *  1. Every new row is searched for and compared with those that enter before it, and its
 *     neighbours are chosen.
 *  2. The links are reversed and grouped by the row that they enter, and each group makes that
 *     row's new list.
 *  3. All of it is written down at once.
 * Steps 1 and 2 are done in shares, by cores that read the frozen graph and write into the round.
 * The result for a row does not depend on the core that made it, so the graph is the same on any
 * number of cores.
 *
 * Departures from the paper:
 *  1. A new row is also compared with the rows of its round that enter before it.
 *  2. A round is a fixed share of the graph, and bounded in bytes, because it is written down
 *     without a pause.
 *  3. A round can be stopped at any pause and goes on later; searches go on meanwhile.
 *  4. A row that would be the new top of the layers enters alone, so that later rows can link to
 *     it. */
#pragma once

#include "base/workers.h"
#include "index/hnsw/hnsw.h"
#include "index/kind.h"
#include "vectors/codes/codes.h"

#include <stdatomic.h>

/* A candidate that is not kept, or not yet. */
struct waiting {
    struct cand cand;
    union norm norm;
    uint32_t met;         /* how many of the kept it was compared with */
    float occlusion;      /* the deepest they cast on it */
    float length, cosine; /* inner product: its own, and that of its angle to the base */
};

/* What one share works in. */
struct hnsw_worker {
    struct search_scratch *scratch;
    int8_t *weights;         /* of the row in hand: stride bytes */
    int8_t *kept_weights;    /* [2m][stride] */
    const void **kept_row;   /* [2m]: where each of these begins */
    struct folded_row *kept; /* [2m] */
    float *kept_length;      /* [2m]: inner product */
    uint32_t *rows;          /* [2m] */
    struct cand *pruning;    /* [candidates_max]: a full list and the newcomers */
    struct waiting *waiting; /* [candidates_max] */
    uint32_t candidates_max;
};

/* A row that enters. */
struct new_row {
    uint32_t level;
    uint32_t list;   /* the first of its lists in upper_chosen; layer 1 first */
    uint32_t chosen; /* how many on the lowest layer */
    bool linked;     /* not a copy, and not absent */
    bool done;       /* its neighbours are chosen */
    bool reached;    /* some list holds it */
};

/* A link back: from `to`, which the graph holds, to a row or node that enters. */
struct link_back {
    uint32_t to, level, from;
    float distance;
};

/* All links back of one round that leave the same row. */
struct link_group {
    uint32_t first, count; /* in links_back */
    uint32_t slot;         /* of its new list in lists; LINK_NONE: there is room in the old one */
    uint32_t kept;         /* length of the new list; 0: not made yet */
};

enum round_step { ROUND_NONE, ROUND_SEARCH, ROUND_PRUNE };

struct round {
    enum round_step step; /* what is to be done next */
    uint32_t from, to;    /* rows that enter; none above the top layer but a single one */
    uint32_t nodes, lists;
    struct new_row *new_row;      /* [rows_max] */
    struct cand *chosen;          /* [rows_max][2m] */
    struct cand *upper_chosen;    /* [lists_max][m] */
    uint32_t *upper_count;        /* [lists_max] */
    struct link_back *links_back; /* [links_back_max], sorted by (level, to) in the second step */
    struct link_back *sorting;    /* [links_back_max] */
    struct link_group *group;     /* [links_back_max] */
    uint32_t *new_lists;          /* [slots_max][2m] */
    uint32_t rows_max, lists_max, links_back_max, slots_max;
    uint32_t groups;
};

/* Of a graph that grows: for each row, one of the rows near it that links to it
 * (hnsw_inlinks.c). */
struct inlink {
    _Atomic uint32_t from; /* that row plus 1; 0: none. The row itself: no search has to find it */
    uint32_t due;          /* with so many rows in the graph, `from` may be too far away */
};
struct inlinks {
    struct row_array of; /* row -> struct inlink */
    uint32_t rows;       /* rows beyond have none yet */
};

/* A repair under way: which rows are reached. */
struct flood {
    uint64_t *reached;
    uint32_t *parent; /* the row it was reached from: links that are no parent's can be given up */
    uint32_t *stack;  /* reached, and not looked at yet */
    uint32_t depth;
    uint32_t row;   /* those before it are reached */
    uint32_t spare; /* the first row that may take a link, when none near can */
    uint32_t rows;  /* in the graph when it began; 0: none is under way */
};

/* A final prune under way (hnsw_final_prune.c). */
struct settling {
    uint32_t rows;        /* in the graph when it began; 0: none is under way */
    uint32_t from, to;    /* the window: those before it are pruned */
    uint32_t asked;       /* rows whose links were looked at for it */
    uint32_t room;        /* rows of a window */
    uint32_t *back;       /* [room][2m]: rows that link to one of the window */
    uint32_t *back_count; /* [room] */
    uint32_t *lists;      /* [room][2m]: the new ones */
    uint32_t *kept;       /* [room]: how long they are; 0: not made yet */
};

/* Draws a row, whatever the order that rows came in: 0 to 15. */
static inline uint32_t hnsw_row_lot(uint32_t row)
{
    return (row * 0x9E3779B1u) >> 28;
}

/* One row in eight. Under the inner product, rows that the recall is measured with are none of
 * those that links were added for, or queries would do worse than these. */
static inline bool hnsw_is_exam_row(uint32_t row)
{
    return hnsw_row_lot(row) / 2 == 5;
}

/* A search for every row under way (hnsw_reach.c). */
#define REACH_ANCHORS 4
#define CONFUSED_MAX  OUTLIERS_MAX
struct reaching {
    uint32_t rows; /* in the graph when it began; 0: none is under way */
    enum metric metric;
    unsigned turn;
    bool grows;               /* more rows will come: this is not the last search for them */
    uint32_t next;            /* row of turn 0, or place in the list */
    unsigned sweeps;          /* times that turn 0 was begun again */
    uint32_t sampled, missed; /* rows of the sample that were searched for, and missed */
    uint32_t replaced;        /* links that were given up for others */
    uint32_t *list;           /* rows of this turn, but for turn 0 */
    uint32_t listed, list_room;
    uint32_t *again; /* rows of the next turn */
    uint32_t again_count, again_room;
    /* how many links lead to a row, at most 255; NULL: all rows are searched for */
    uint8_t *links_to;
    bool all;             /* so they are: the sample missed many */
    uint32_t counted;     /* rows whose links are in that */
    uint32_t sample_step; /* one row in so many is searched for anyway */
    uint64_t *kept;       /* rows that were linked here: these links are not given up for others */
    /* rows that a wider beam finds, or none, as their codes are like those of others */
    uint64_t *confused;
    uint64_t *lost;       /* of these, rows that no beam does */
    uint32_t searched;    /* rows that were searched for in turn 0, the first time */
    bool is_filled;       /* the window is */
    uint32_t *window;     /* rows that are searched for now, */
    struct walk_end *end; /* and what became of each */
    uint32_t window_count;
    uint32_t ended; /* of these, rows whose links are written */
};

struct hnsw_builder {
    uint32_t m, stride;
    struct hnsw_worker **worker; /* [workers] */
    unsigned workers;
    struct round round;
    struct inlinks inlinks;
    struct flood flood;
    struct settling settling;
    struct reaching reaching;
    /* the graph's, to leave out rows that are dead when their turn comes; NULL: none is */
    struct copies *copies;
    const uint64_t *const *alive; /* lent: a bit a row, or NULL: all are. It may move at a pause */
    uint32_t changes;             /* insertions since the last hnsw_repair() */
    uint32_t final_pruned;        /* rows there were when hnsw_final_prune() ended */
    uint32_t watched;             /* and when hnsw_reach() of any did */
    struct index_reach reach;     /* what hnsw_reach() of all came to */
};

/* The codes are others now: what works on them is made anew when it is needed. */
void hnsw_builder_codes_changed(struct hnsw_builder *b, const struct codes *codes);

/* One worker a share, each with room for the graph and so many new rows. -ENOMEM. */
MUST_USE int hnsw_builder_reserve(struct hnsw_builder *b, const struct hnsw *g, unsigned shares, uint32_t new_rows);
/* How many rows enter a graph of `count` rows in a round, at most. */
uint32_t hnsw_round_rows(uint32_t m, uint32_t count);
/* Room for what is known of a round after each of its steps; what was there is lost. -ENOMEM. */
MUST_USE int hnsw_round_reserve_rows(struct round *r, uint32_t m, uint32_t rows, uint32_t lists);
MUST_USE int hnsw_round_reserve_links(struct round *r, uint32_t links_back);
MUST_USE int hnsw_round_reserve_lists(struct round *r, uint32_t m, uint32_t slots);

static inline uint32_t level_row(const struct hnsw *g, uint32_t level, uint32_t id)
{
    return level == 0 ? id : hnsw_node(g, id)->row;
}

static inline uint32_t *level_links(const struct hnsw *g, uint32_t level, uint32_t id)
{
    return level == 0 ? hnsw_links(g, id) : hnsw_upper_links(g, id, level);
}

static inline uint32_t level_links_max(const struct hnsw *g, uint32_t level)
{
    return level == 0 ? 2 * g->m : g->m;
}

/* LINK_NONE: none. Shares prune lists at the same time: only the share that prunes the list
 * of `from` writes it. */
static inline uint32_t inlink_from(const struct inlinks *l, uint32_t row)
{
    const struct inlink *at = row < l->rows ? row_array_at(&l->of, row) : NULL;
    return at ? atomic_load_explicit(&at->from, memory_order_relaxed) - 1 : LINK_NONE;
}

/* The row is below l->rows. */
static inline void inlink_set(const struct inlinks *l, uint32_t row, uint32_t from)
{
    struct inlink *at = row_array_at(&l->of, row);
    atomic_store_explicit(&at->from, from + 1, memory_order_relaxed);
}

static inline uint32_t links_count(const uint32_t *links, uint32_t max)
{
    uint32_t n = 0;
    while (n < max && links[n] != LINK_NONE)
        n++;
    return n;
}

/* Keeps, of `count` candidates sorted nearest first, up to `max`, first those that are closer to
 * the base than to each other (the paper's heuristic), then the least occluded (hnsw_select.c);
 * moves them to the front and returns how many. */
struct hnsw_candidates {
    struct cand *cand;
    uint32_t count, max;
    uint32_t level; /* ids are rows on 0, nodes above */
    uint32_t base;  /* the row whose list it is */
};
uint32_t hnsw_select(const struct hnsw *g, struct hnsw_worker *w, const struct codes *codes, struct hnsw_candidates c);
/* The same under the inner product, where occlusion goes by angles (hnsw_select_ip.c). */
uint32_t hnsw_select_ip(const struct hnsw *g, struct hnsw_worker *w, const struct codes *codes,
                        struct hnsw_candidates c);

/* Searches the frozen graph for the neighbours of a new row and writes them to the round.
 * What the pause returned. */
MUST_USE int hnsw_choose(const struct hnsw *g, struct hnsw_worker *w, const struct codes *codes, struct round *r,
                         uint32_t new_row, const struct pause *pause);
/* Groups what the new rows have chosen by the row that will link back; the next step is
 * ROUND_PRUNE. -ENOMEM, or what the pause returned, but done all the same. */
MUST_USE int hnsw_reverse_links(const struct hnsw *g, struct round *r, const struct pause *pause);
/* Makes the new list of a row whose old one cannot take the links back of a group. */
void hnsw_prune(const struct hnsw *g, struct hnsw_worker *w, const struct codes *codes, struct round *r,
                const struct inlinks *inlinks, uint32_t group);

/* The list of a row of the lowest layer, chosen from its links and up to 2m others. ret_list: room
 * for 2m. Returns its length. */
uint32_t hnsw_join(const struct hnsw *g, struct hnsw_worker *w, const struct codes *codes, uint32_t row,
                   const uint32_t *others, uint32_t count, uint32_t *ret_list);

/* A search for a row's own vector has ended with this pool: a row of it that links to the row. */
struct inlink_found {
    uint32_t from;   /* the nearest; LINK_NONE: there is none */
    uint32_t rank;   /* its place in the pool */
    uint32_t owners; /* rows of the pool that link to the row, at most 2 */
};
struct inlink_found inlink_find(const struct hnsw *g, const struct pool *pool, uint32_t row);
/* Notes it for a graph of `rows` rows. */
void inlink_note(const struct inlinks *l, uint32_t row, const struct inlink_found *found, uint32_t rows);
/* Whether the row has no inlink in a graph of `rows` rows, or one that may be too far away. */
bool inlink_is_due(const struct inlinks *l, uint32_t row, uint32_t rows);
/* How many of the links of `from` are inlinks. */
uint32_t inlinks_count(const struct inlinks *l, const uint32_t *links, uint32_t n, uint32_t from);
/* Puts inlinks of the old list of `from` behind the `kept` links of the new one, up to `max` links;
 * the rows of the others have no inlink any more. Returns the new length. */
uint32_t inlinks_keep(const struct inlinks *l, const uint32_t *old, uint32_t n, uint32_t from, uint32_t *list,
                      uint32_t kept, uint32_t max);

/* Forgets a settling that was stopped. */
void hnsw_final_prune_drop(struct hnsw_builder *b);
/* Forgets a repair that was stopped. */
void hnsw_repair_drop(struct hnsw_builder *b);
/* Forgets a search for all rows that was stopped. */
void hnsw_reach_drop(struct hnsw_builder *b);

/* Adds a link on the lowest layer, unpruned: where there is room, or in place of the farthest row
 * that one of the list's own neighbours still links to, or of the last. */
void hnsw_link_surely(struct hnsw *g, const struct inlinks *inlinks, uint32_t row, uint32_t to);
