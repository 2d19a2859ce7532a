/* hnsw_builder.h -- the state of a build; for the files of src/index only.
 *
 * Rows enter the graph in rounds (ParlayANN: Manohar et al., PPoPP 2024). In a round
 * the graph is frozen:
 * 1. Every new row is searched for in the graph, compared with the rows that enter before it,
 *    and its neighbours are chosen.
 * 2. The links are reversed and grouped by the row that they enter. Each group makes the new
 *    list of that row.
 * 3. All of it is written down at once.
 *
 * Steps 1 and 2 are done in shares, by cores that read the frozen graph and write into the
 * round. The result for a row does not depend on the core that made it, so the graph is the same
 * on any number of cores.
 *
 * Departures from the paper:
 * 1. A new row is also compared with the rows of its round that enter before it.
 * 2. A round is a fixed share of the graph, and bounded in bytes, because it is written
 *    down without a pause.
 * 3. A round can be stopped at any pause and goes on later; searches go on meanwhile.
 * 4. A row that would be the new top of the layers enters alone, so that later
 *    rows can link to it. */
#pragma once

#include "base/workers.h"
#include "index/hnsw/hnsw.h"
#include "index/kind.h"
#include "vectors/codes/codes.h"

#include <stdatomic.h>

/* A candidate that is not kept yet. */
struct waiting {
    struct cand cand;
    const void *norm;     /* beside its code; NULL: nothing is */
    uint32_t met;         /* how many of the kept neighbours it was compared with */
    float occlusion;      /* the largest occlusion by one of them */
    float length, cosine; /* inner product: its length, and the cosine of its angle to the base */
};

/* The memory that one share works in. */
struct hnsw_worker {
    struct search_scratch *scratch;
    int8_t *weights;         /* of the row at hand: stride bytes */
    int8_t *kept_weights;    /* [2m][stride]: of kept neighbours */
    const void **kept_row;   /* [2m]: addresses of these */
    struct folded_row *kept; /* [2m] */
    float *kept_length;      /* [2m]: lengths, for the inner product */
    uint32_t *rows;          /* [2m]: row numbers */
    struct cand *pruning;    /* [candidates_max]: a full list and the new links to it */
    struct waiting *waiting; /* [candidates_max] */
    uint32_t candidates_max;
};

/* A row that enters the graph in this round. */
struct new_row {
    uint32_t level;
    uint32_t list;   /* its first list in upper_chosen; layer 1 first */
    uint32_t chosen; /* number of links on the lowest layer */
    bool linked;     /* it is neither a copy nor absent */
    bool done;       /* its neighbours are chosen */
    bool reached;    /* a row of the graph links to it */
};

/* A reverse link: from `to`, which has to get it, to the new row or node `from`. */
struct link_back {
    uint32_t to, level, from;
    float distance;
};

/* All reverse links of one round that belong into one list. */
struct link_group {
    uint32_t first, count; /* in links_back */
    /* index of the new list in new_lists; LINK_NONE: the old list has room */
    uint32_t slot;
    uint32_t kept; /* length of the new list; 0: not made yet */
};

enum round_step { ROUND_NONE, ROUND_SEARCH, ROUND_PRUNE };

struct round {
    enum round_step step; /* the next step */
    uint32_t from, to;    /* rows that enter; a row above the top layer is alone */
    uint32_t nodes, lists;
    struct new_row *new_row;   /* [rows_max] */
    struct cand *chosen;       /* [rows_max][2m] */
    struct cand *upper_chosen; /* [lists_max][m] */
    uint32_t *upper_count;     /* [lists_max] */
    /* [links_back_max]; sorted by (level, to) by hnsw_reverse_links() */
    struct link_back *links_back;
    struct link_back *sorting; /* [links_back_max] */
    struct link_group *group;  /* [links_back_max] */
    uint32_t *new_lists;       /* [slots_max][2m] */
    uint32_t rows_max, lists_max, links_back_max, slots_max;
    uint32_t groups;
};

/* Only in a growing graph: for each row, a near row that links to it (hnsw_inlinks.c). */
struct inlink {
    _Atomic uint32_t from; /* that row plus 1; 0: none; the row itself: searches need not find it */
    uint32_t due;          /* when the graph has so many rows, `from` may be too far away */
};
struct inlinks {
    struct row_array of; /* row -> struct inlink */
    uint32_t rows;       /* rows behind these have none yet */
};

/* A repair under way: the rows that can be reached from the entry. */
struct flood {
    uint64_t *reached;
    /* the row from which it was reached; a link that is not the parent of its row can be given up */
    uint32_t *parent;
    uint32_t *stack; /* reached rows whose links were not followed yet */
    uint32_t depth;
    uint32_t row;   /* all rows before it are reached */
    uint32_t spare; /* the first row that may take a link, when no near row can */
    uint32_t rows;  /* rows of the graph when the repair began; 0: none is under way */
};

/* A final prune under way (hnsw_final_prune.c). */
struct final_pruning {
    uint32_t rows;        /* rows of the graph when it began; 0: none is under way */
    uint32_t from, to;    /* the window; rows before it are done */
    uint32_t asked;       /* rows whose links were looked at for this window */
    uint32_t room;        /* rows of a window at most */
    uint32_t *back;       /* [room][2m]: rows that link to a row of the window */
    uint32_t *back_count; /* [room] */
    uint32_t *lists;      /* [room][2m]: the new lists */
    uint32_t *kept;       /* [room]: their lengths; 0: not made yet */
};

/* A number from 0 to 15 that depends on the row only through a hash, and so not
 * on the order of rows. */
static inline uint32_t hnsw_row_lot(uint32_t row)
{
    return (row * 0x9E3779B1u) >> 28;
}

/* True for one row in eight. Under the inner product, recall is measured only with such
 * rows, and no links are added for them. Otherwise other queries would have a lower
 * recall than was measured. */
static inline bool hnsw_is_exam_row(uint32_t row)
{
    return hnsw_row_lot(row) / 2 == 5;
}

/* The search for every row by its own vector, under way (hnsw_reach.c). */
#define REACH_ANCHORS 4
#define CONFUSED_MAX  OUTLIERS_MAX
struct reaching {
    uint32_t rows; /* rows of the graph when it began; 0: none is under way */
    enum metric metric;
    unsigned turn;
    bool grows;      /* more rows will come, so rows will be searched for again */
    uint32_t next;   /* next row of turn 0, or next index in the list */
    unsigned sweeps; /* how often turn 0 was begun again */
    /* rows of the sample that were searched for, and those of them that were missed */
    uint32_t sampled, missed;
    uint32_t replaced; /* links that were given up for new ones */
    uint32_t *list;    /* rows of this turn; not used in turn 0 */
    uint32_t listed, list_room;
    uint32_t *again; /* rows of the next turn */
    uint32_t again_count, again_room;
    /* number of links that lead to a row, up to 255; NULL: all rows are searched for */
    uint8_t *links_to;
    bool all;             /* all rows are searched for after all, because the sample missed many */
    uint32_t counted;     /* rows whose links links_to counts */
    uint32_t sample_step; /* of each sample_step rows, one is searched for in any case */
    uint64_t *kept;       /* rows for which links were added here; these links are not given up */
    /* rows that only a wider beam finds, or none, because their codes are like those of others */
    uint64_t *confused;
    uint64_t *lost;       /* those of them that no beam finds */
    uint32_t searched;    /* rows that were searched for in the first turn 0 */
    bool is_filled;       /* the window is filled */
    uint32_t *window;     /* rows that are being searched for, */
    struct walk_end *end; /* and the result of each */
    uint32_t window_count;
    uint32_t ended; /* rows of the window whose links were written */
};

struct hnsw_builder {
    uint32_t m, stride;
    struct hnsw_worker **worker; /* [workers] */
    unsigned workers;
    struct round round;
    struct inlinks inlinks;
    struct flood flood;
    struct final_pruning final_pruning;
    struct reaching reaching;
    /* used to leave out rows that are dead when the build comes to them; NULL: none is left out */
    struct copies *copies;
    /* lent: a bit for each row; NULL: all are alive. The array may move at a pause */
    const uint64_t *const *alive;
    uint32_t changes;         /* rows inserted since the last hnsw_repair() */
    uint32_t final_pruned;    /* rows of the graph when hnsw_final_prune() last ended */
    uint32_t watched;         /* rows of the graph when hnsw_reach() last ended */
    struct index_reach reach; /* result of hnsw_reach() of all rows */
};

/* The codes were replaced: drops what depends on them. */
void hnsw_builder_codes_changed(struct hnsw_builder *b, const struct codes *codes);

/* Makes one worker for each share, with room for the graph and so many new rows. -ENOMEM. */
MUST_USE int hnsw_builder_reserve(struct hnsw_builder *b, const struct hnsw *g, unsigned shares, uint32_t new_rows);
/* The largest number of rows that enter a graph of `count` rows in one round. */
uint32_t hnsw_round_rows(uint32_t m, uint32_t count);
/* Make room for the results of the steps of a round. Earlier contents are lost. -ENOMEM. */
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

/* The row that is noted for `row`; LINK_NONE: none. Shares prune lists at the same time, but
 * only the share that prunes the list of `from` writes the entry. */
static inline uint32_t inlink_from(const struct inlinks *l, uint32_t row)
{
    const struct inlink *at = row < l->rows ? row_array_at(&l->of, row) : NULL;
    return at ? atomic_load_explicit(&at->from, memory_order_relaxed) - 1 : LINK_NONE;
}

/* Sets the entry of a row below l->rows. */
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

/* Of `count` candidates, sorted nearest first, keeps up to `max`. First it keeps those that are
 * closer to the base than to each other (the paper's heuristic), then the least occluded ones
 * (hnsw_select.c). Moves them to the front and returns their number. */
struct hnsw_candidates {
    struct cand *cand;
    uint32_t count, max;
    uint32_t level; /* layer; ids are rows on layer 0, nodes above */
    uint32_t base;  /* the row whose list is chosen */
};
uint32_t hnsw_select(const struct hnsw *g, struct hnsw_worker *w, const struct codes *codes, struct hnsw_candidates c);
/* The same under the inner product, where occlusion is by angles (hnsw_select_ip.c). */
uint32_t hnsw_select_ip(const struct hnsw *g, struct hnsw_worker *w, const struct codes *codes,
                        struct hnsw_candidates c);

/* Searches the frozen graph for the neighbours of a new row, and writes them to the round. 0, or
 * what the pause returned. */
MUST_USE int hnsw_choose(const struct hnsw *g, struct hnsw_worker *w, const struct codes *codes, struct round *r,
                         uint32_t new_row, const struct pause *pause);
/* Groups the links that new rows have chosen by the row that will link back. The next step is
 * ROUND_PRUNE. -ENOMEM; or what the pause returned, although the work is done. */
MUST_USE int hnsw_reverse_links(const struct hnsw *g, struct round *r, const struct pause *pause);
/* Makes the new list of a row whose old list has no room for the reverse links of a group. */
void hnsw_prune(const struct hnsw *g, struct hnsw_worker *w, const struct codes *codes, struct round *r,
                const struct inlinks *inlinks, uint32_t group);

/* Chooses the list of a row of the lowest layer from its links and up to 2m others. ret_list has
 * room for 2m links. Returns its length. */
uint32_t hnsw_join(const struct hnsw *g, struct hnsw_worker *w, const struct codes *codes, uint32_t row,
                   const uint32_t *others, uint32_t count, uint32_t *ret_list);

/* The row of a pool that links to `row`, after a search for the row's own vector. */
struct inlink_found {
    uint32_t from;   /* the nearest such row; LINK_NONE: none */
    uint32_t rank;   /* its index in the pool */
    uint32_t owners; /* how many rows of the pool link to the row, at most 2 */
};
struct inlink_found inlink_find(const struct hnsw *g, const struct pool *pool, uint32_t row);
/* Notes it, in a graph of `rows` rows. */
void inlink_note(const struct inlinks *l, uint32_t row, const struct inlink_found *found, uint32_t rows);
/* Whether the row has no inlink in a graph of `rows` rows, or one that may be too far away. */
bool inlink_is_due(const struct inlinks *l, uint32_t row, uint32_t rows);
/* How many of the links of `from` are inlinks. */
uint32_t inlinks_count(const struct inlinks *l, const uint32_t *links, uint32_t n, uint32_t from);
/* Appends inlinks of the old list of `from` to the `kept` links of its new list, up to `max`
 * links. Rows whose inlink finds no place have none any more. Returns the new length. */
uint32_t inlinks_keep(const struct inlinks *l, const uint32_t *old, uint32_t n, uint32_t from, uint32_t *list,
                      uint32_t kept, uint32_t max);

/* Drops a final prune that was stopped. */
void hnsw_final_prune_drop(struct hnsw_builder *b);
/* Drops a repair that was stopped. */
void hnsw_repair_drop(struct hnsw_builder *b);
/* Drops a search for all rows that was stopped. */
void hnsw_reach_drop(struct hnsw_builder *b);

/* Adds a link on the lowest layer without pruning. If the list is full, the link replaces the
 * farthest one to which another neighbour still leads, or else the last one. */
void hnsw_link_surely(struct hnsw *g, const struct inlinks *inlinks, uint32_t row, uint32_t to);
