/* hnsw_reach.c -- makes sure that searches find every row: which rows are searched for, and
 * when. hnsw_reach_search.c searches, hnsw_reach_mend.c writes links.
 *
 * That links lead to a row is not enough. A greedy walk may end before it follows them, when
 * everything at its end is nearer to the query than the way on is. So each row is searched for
 * by its own vector. A row that is missed gets links from the rows where its walk ended.
 *
 *   turn 0     all rows; in a large graph only a sample and rows to which few links lead, and
 *              all rows if many of these are missed
 *   turn 1..   rows that were missed, and rows that lost a link to them
 *   last turn  a row that is still missed becomes a stray: every walk scores it at its end.
 *              If all rows were searched for and links were given up, all rows once more
 *
 * While the graph grows, later rows may take the places of links that were added here.
 * hnsw_inlinks.c says which links pruning keeps, and which rows are searched for again.
 *
 * In a complete graph a row must be found with the smallest beam that a search uses. Then any
 * effort that the recall curve chooses finds it too. Under the inner product up to nine other
 * rows may be nearer to a row's own vector than the row itself, and by codes some more. Then the
 * smallest beam of the curve is made wider, and the row must be found with that beam.
 *
 * Under the inner product walks may also get stuck at a row, whose nearest rows are longer ones
 * in another place. This is checked for every sixteenth row that is not among the nearest of its
 * own vector, by a search with a wider beam. If the walk was stuck, the rows where it ended get
 * a link to the nearest row that the wider beam found, and rows beside them are checked too.
 * Rows that the recall is measured with are left out of this. Like other queries, they are found
 * by links that were made for their neighbours.
 *
 * Rows are taken in windows. Shares search for the rows of a window in the graph as it is, then
 * the links are written. The graph does not depend on which share did the work.
 *
 * After pull request 340 of zilliztech/knowhere, which does so with rows of GIST1M. Departures:
 * 1. All rows are searched for, or a sample that decides whether all are.
 * 2. Links are added where a walk ended, and checked again in turns.
 * 3. Rows that stay missed are strays. */
#include "index/hnsw/build/hnsw_reach.h"

#include "base/bits.h"
#include "base/memory.h"
#include "index/recall/recall_curve.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALL_ROWS    20000 /* in graphs of up to so many rows, each row is searched for */
#define SAMPLE_ROWS 8192
#define FEW_LINKS   1 /* a row to which at most so many links lead is searched for in any case */
/* when 1 in so many of the sample is missed, all rows are searched for */
#define MISSED_SHARE 200
#define WINDOW       2048 /* rows */
#define SWEEPS       8    /* over all rows, at most */
/* graphs of up to so many rows are searched through again after any link was given up */
#define SURE_ROWS   10000
#define SURE_SWEEPS 3
/* when 1 link in so many rows was given up, the ways to many rows have changed */
#define REPLACED_SHARE 256
#define ROWS_PER_PAUSE 512
/* rows that are looked at, to choose those to search for, between pauses */
#define ROWS_LOOKED_AT 4096

void hnsw_reach_drop(struct hnsw_builder *b)
{
    struct reaching *r = &b->reaching;
    memory_free(r->list);
    memory_free(r->again);
    memory_free(r->links_to);
    memory_free(r->kept);
    memory_free(r->confused);
    memory_free(r->lost);
    memory_free(r->window);
    memory_free(r->end);
    *r = (struct reaching){0};
}

/* -- the rows to search for -- */

static int begin(const struct hnsw *g, struct hnsw_builder *b, enum metric metric, enum reach_scope scope)
{
    struct reaching *r = &b->reaching;
    hnsw_reach_drop(b);
    *r = (struct reaching){.rows = g->count,
                           .metric = metric,
                           .grows = scope != REACH_ALL,
                           .window = malloc(WINDOW * sizeof(*r->window)),
                           .end = malloc(WINDOW * sizeof(*r->end)),
                           .kept = calloc(bits_words(g->count), sizeof(*r->kept)),
                           .confused = calloc(bits_words(g->count), sizeof(*r->confused)),
                           .lost = calloc(bits_words(g->count), sizeof(*r->lost))};
    b->reach.effort = 0;
    int rc = r->window && r->end && r->kept && r->confused && r->lost ? 0 : -ENOMEM;
    if (rc == 0 && r->grows)
        rc = row_array_reserve(&b->inlinks.of, g->count);
    if (rc == 0 && r->grows)
        b->inlinks.rows = g->count;
    if (rc == 0 && !r->grows && g->linked > ALL_ROWS) {
        r->links_to = calloc(g->count, sizeof(*r->links_to));
        r->sample_step = g->linked / SAMPLE_ROWS;
        rc = r->links_to ? 0 : -ENOMEM;
    }
    for (uint32_t i = 0; rc == 0 && i < g->stray_count; i++)
        rc = reach_add_again(r, g->strays[i]);
    if (rc < 0)
        hnsw_reach_drop(b);
    return rc;
}

static int count_links(const struct hnsw *g, struct reaching *r, const struct pause *pause)
{
    int rc = 0;
    while (rc == 0 && r->links_to && r->counted < r->rows) {
        const uint32_t *links = hnsw_links(g, r->counted++);
        for (uint32_t i = 0; i < 2 * g->m && links[i] != LINK_NONE; i++)
            r->links_to[links[i]] += r->links_to[links[i]] < UINT8_MAX;
        rc = r->counted % ROWS_PER_PAUSE == 0 ? pause_here(pause) : 0;
    }
    return rc;
}

static bool is_sampled(const struct reaching *r, uint32_t row)
{
    return r->links_to && row % r->sample_step == r->sample_step - 1;
}

static bool is_wanted(const struct hnsw *g, const struct hnsw_builder *b, uint32_t row)
{
    const struct reaching *r = &b->reaching;
    if (!hnsw_is_linked(g, row))
        return false;
    if (r->grows)
        return inlink_is_due(&b->inlinks, row, r->rows);
    return !r->links_to || r->all || r->links_to[row] <= FEW_LINKS || is_sampled(r, row);
}

/* Fills the window; it stays empty when the turn has no more rows. After a pause ended it,
 * another call goes on. */
static int window_fill(const struct hnsw *g, struct hnsw_builder *b, const struct pause *pause)
{
    struct reaching *r = &b->reaching;
    int rc = 0;
    while (rc == 0 && r->window_count < WINDOW && r->next < (r->turn == 0 ? r->rows : r->listed)) {
        const uint32_t row = r->turn == 0 ? r->next : r->list[r->next];
        r->next++;
        if (r->turn > 0 || is_wanted(g, b, row))
            r->window[r->window_count++] = row;
        rc = r->next % ROWS_LOOKED_AT ? 0 : pause_here(pause);
    }
    r->is_filled = rc == 0;
    memset(r->end, 0, r->window_count * sizeof(*r->end));
    return rc;
}

/* -- results -- */

static int row_end(struct hnsw *g, struct hnsw_builder *b, uint32_t row, struct walk_end *end)
{
    struct reaching *r = &b->reaching;
    const bool sampled = r->turn == 0 && is_sampled(r, row), is_last = r->turn + 1 == REACH_TURNS;
    r->sampled += sampled;
    r->searched += r->turn == 0 && r->sweeps == 0;
    if (end->lost || end->beam > RECALL_K_MIN)
        bits_set(r->confused, row);
    if (end->lost)
        bits_set(r->lost, row);
    b->reach.effort = end->beam > b->reach.effort ? end->beam : b->reach.effort;
    /* a stray is not searched for in each round, but only when the graph has grown by an eighth */
    if (end->missed)
        end->inlink =
            is_last ? (struct inlink_found){.from = row, .owners = 1} : (struct inlink_found){.from = LINK_NONE};
    if (r->grows)
        inlink_note(&b->inlinks, row, &end->inlink, r->rows);
    if (end->stuck && !is_last)
        return reach_bridge(g, b, row, end);
    if (!end->missed)
        return 0;
    r->missed += sampled;
    return is_last ? reach_add_again(r, row) : reach_mend(g, b, row, end);
}

/* Writes links for the rows of the window. Pauses behind each row that gets links: where all
 * lists are full, that takes up to a millisecond. After a pause ended it, another call goes on. */
static int window_end(struct hnsw *g, struct hnsw_builder *b, const struct pause *pause)
{
    struct reaching *r = &b->reaching;
    while (r->ended < r->window_count) {
        struct walk_end *end = &r->end[r->ended];
        int rc = row_end(g, b, r->window[r->ended], end);
        r->ended += rc == 0;
        if (rc == 0 && (end->missed || end->stuck))
            rc = pause_here(pause);
        if (rc != 0)
            return rc;
    }
    r->window_count = r->ended = 0;
    r->is_filled = false;
    return 0;
}

/* -- the turns -- */

/* Whether to search for all rows again, because links that were given up may have led to rows
 * that had been found. */
static bool begins_again(const struct reaching *r)
{
    const bool many = r->replaced > r->rows / REPLACED_SHARE && r->sweeps < SWEEPS;
    const bool some = r->replaced > 0 && r->rows <= SURE_ROWS && r->sweeps < SURE_SWEEPS;
    return (!r->links_to || r->all) && !r->grows && (many || some);
}

/* Whether links were given up although every row is searched for. */
static bool is_unsure(const struct reaching *r)
{
    return !r->grows && !r->links_to && r->replaced > 0;
}

static int add_all_again(const struct hnsw *g, struct reaching *r)
{
    int rc = 0;
    r->again_count = 0;
    for (uint32_t row = 0; rc == 0 && row < r->rows; row++)
        rc = hnsw_is_linked(g, row) ? reach_add_again(r, row) : 0;
    return rc;
}

static int turn_end(const struct hnsw *g, struct reaching *r)
{
    if (r->turn == 0 && r->links_to && !r->all && r->missed > r->sampled / MISSED_SHARE) {
        r->all = true;
        r->next = 0;
        return 0;
    }
    if (r->again_count == 0 && begins_again(r)) {
        r->turn = r->next = r->replaced = 0;
        r->sweeps++;
        return 0;
    }
    const bool is_last_next = r->turn + 2 == REACH_TURNS || (r->again_count == 0 && r->turn + 1 < REACH_TURNS);
    if (is_last_next && is_unsure(r)) {
        const int rc = add_all_again(g, r);
        if (rc < 0)
            return rc;
        r->turn = REACH_TURNS - 2;
        r->replaced = 0;
    }
    uint32_t *list = r->list;
    const uint32_t room = r->list_room;
    r->list = r->again;
    r->listed = r->again_count;
    r->list_room = r->again_room;
    r->again = list;
    r->again_room = room;
    r->again_count = r->next = 0;
    r->turn++;
    return 0;
}

static int ascending(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Keeps each stray once, in ascending order. */
static void keep_strays(struct hnsw *g, struct reaching *r)
{
    memory_free(g->strays);
    g->strays = r->list;
    g->stray_count = 0;
    if (r->listed > 1)
        qsort(r->list, r->listed, sizeof(*r->list), ascending);
    for (uint32_t i = 0; i < r->listed && g->stray_count < STRAYS_MAX; i++)
        if (i == 0 || r->list[i] != r->list[i - 1])
            g->strays[g->stray_count++] = r->list[i];
    if (g->stray_count == 0) {
        memory_free(g->strays);
        g->strays = NULL;
    }
    r->list = NULL;
}

/* Adds the rows of `these` that are not in `but` to the list. Returns their number. */
static uint32_t list_rows(const struct reaching *r, const uint64_t *these, const uint64_t *but,
                          struct index_confused *list)
{
    uint32_t all = 0;
    for (uint32_t row = 0; row < r->rows; row++) {
        if (!bits_test(these, row) || (but && bits_test(but, row)))
            continue;
        if (list->count < CONFUSED_MAX)
            list->row[list->count++] = row;
        all++;
    }
    return all;
}

/* Keeps the result for segment_index_finish(); it replaces that of an earlier search. -ENOMEM. */
static int keep_confused(const struct hnsw *g, struct hnsw_builder *b)
{
    const struct reaching *r = &b->reaching;
    struct index_confused *c = &b->reach.confused;
    memory_free(c->row);
    *c = (struct index_confused){.row = malloc(CONFUSED_MAX * sizeof(*c->row))};
    if (!c->row)
        return -ENOMEM;
    const uint32_t lost = list_rows(r, r->lost, NULL, c);
    c->lost = c->count;
    const uint32_t others = list_rows(r, r->confused, r->lost, c);
    c->all_lost = r->searched ? (double)lost * g->linked / r->searched : lost;
    c->is_whole = c->count == lost + others && (!r->links_to || r->all);
    return 0;
}

int hnsw_reach(struct hnsw *g, struct hnsw_builder *b, const struct reach_search *search, enum reach_scope scope,
               const struct workers *workers, const struct pause *pause)
{
    struct reaching *r = &b->reaching;
    if (g->count == 0 || b->reach.rows == g->count)
        return 0;
    int rc = hnsw_builder_reserve(b, g, workers_shares(workers), 0);
    if (rc == 0 && r->rows != g->count)
        rc = begin(g, b, search->codes->metric, scope);
    if (rc == 0)
        rc = count_links(g, r, pause);
    while (rc == 0 && r->turn < REACH_TURNS && (r->turn == 0 || r->listed > 0)) {
        rc = r->is_filled ? 0 : window_fill(g, b, pause);
        if (rc == 0 && r->window_count == 0) {
            r->is_filled = false;
            rc = turn_end(g, r);
            continue;
        }
        if (rc == 0)
            rc = reach_search_window(search, b, workers, pause);
        if (rc == 0)
            rc = window_end(g, b, pause);
    }
    if (rc != 0)
        return rc;
    keep_strays(g, r);
    rc = scope == REACH_ALL ? keep_confused(g, b) : 0;
    hnsw_reach_drop(b);
    if (rc != 0)
        return rc;
    b->reach.rows = scope == REACH_ALL ? g->count : 0;
    b->watched = g->count;
    return 0;
}
