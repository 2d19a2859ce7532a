/* hnsw_reach.c -- every row is found by the search itself.
 *
 * That links lead to a row is not enough: a greedy walk may end before it follows them, because everything near the end of the
 * walk is nearer to the query than the way on is. So each row is searched for by its own vector, and a row that is missed
 * gets links from the rows where its walk ended. (After pull request 340 of zilliztech/knowhere, which does so with rows of GIST1M.)
 *
 *   turn 0     all rows, or in a large graph those that few links lead to and a sample; when many of these are missed, all
 *   turn 1..   those that were missed, and those that lost a link to them
 *   last turn  a row that is missed still is a stray: every walk looks at it at its end; where all rows were searched for and links
 *              were given up, all are once more
 *
 * While the graph grows, later rows may take the place of links that were added here. hnsw_inlinks.c says which links
 * pruning keeps, and which rows are searched for again.
 *
 * In a complete graph a row must be found with the smallest beam that a search has: then the effort that the recall
 * curve chooses finds it, too. Under the inner product up to nine other rows may be nearer to a row's own vector than
 * the row itself.
 *
 * Rows are taken in windows: shares search for the rows of a window in the graph as it stands, then the links are written. The
 * graph does not depend on who did the work. */
#include "index/hnsw_builder.h"

#include "base/bits.h"
#include "index/recall_curve.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define EF             32           /* of searches while the graph grows: half of what a search keeps then; */
#define EF_FIRST       12           /* most rows are found with so little */
#define EF_STRICT      RECALL_K_MIN /* the least that a recall curve gives a search */
#define ALL_ROWS       20000        /* up to so many, each is searched for */
#define SAMPLE_ROWS    8192
#define FEW_LINKS      1    /* so few links lead to a row that is searched for anyway */
#define MISSED_SHARE   200  /* when 1 in so many is missed, the sample was too small */
#define WINDOW         2048 /* rows */
#define TURNS          6
#define SWEEPS         8     /* over all rows */
#define SURE_ROWS      10000 /* up to so many, over all again after any link was given up */
#define SURE_SWEEPS    3
#define REPLACED_SHARE 256 /* when 1 link in so many rows was given up, rows are on new ways */
#define ROWS_AT_ONCE   8
#define ROWS_PER_PAUSE 512
#define ROWS_LOOKED_AT 4096 /* for being wanted, between pauses */

/* Where the walk for a row ended. */
struct walk_end {
    bool done, missed;
    uint32_t nearest[REACH_ANCHORS]; /* rows that may link to it; LINK_NONE: there are no more */
    struct inlink_found inlink;      /* while the graph grows */
};

void hnsw_reach_drop(struct hnsw_builder *b)
{
    struct reaching *r = &b->reaching;
    free(r->list);
    free(r->again);
    free(r->links_to);
    free(r->kept);
    free(r->window);
    free(r->end);
    *r = (struct reaching){0};
}

/* -- which rows -- */

static int add_again(struct reaching *r, uint32_t row)
{
    if (r->again_count == r->again_room) {
        const uint32_t room = r->again_room ? 2 * r->again_room : 64;
        uint32_t *grown = realloc(r->again, room * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        r->again = grown;
        r->again_room = room;
    }
    r->again[r->again_count++] = row;
    return 0;
}

static int begin(const struct hnsw *g, struct hnsw_builder *b, enum metric metric, enum reach_scope scope)
{
    struct reaching *r = &b->reaching;
    hnsw_reach_drop(b);
    *r = (struct reaching){.rows = g->count,
                           .metric = metric,
                           .grows = scope != REACH_ALL,
                           .window = malloc(WINDOW * sizeof(*r->window)),
                           .end = malloc(WINDOW * sizeof(*r->end)),
                           .kept = calloc(bits_words(g->count), sizeof(*r->kept))};
    int rc = r->window && r->end && r->kept ? 0 : -ENOMEM;
    if (rc == 0 && r->grows)
        rc = column_reserve(&b->inlinks.of, g->count);
    if (rc == 0 && r->grows)
        b->inlinks.rows = g->count;
    if (rc == 0 && !r->grows && g->linked > ALL_ROWS) {
        r->links_to = calloc(g->count, sizeof(*r->links_to));
        r->sample_step = g->linked / SAMPLE_ROWS;
        rc = r->links_to ? 0 : -ENOMEM;
    }
    for (uint32_t i = 0; rc == 0 && i < g->stray_count; i++)
        rc = add_again(r, g->strays[i]);
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

/* It is left empty when the turn has no more rows. What the pause returned: then the next call goes on. */
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

/* -- searching for them -- */

struct job {
    const struct reach_search *search;
    struct hnsw_builder *builder;
    _Atomic uint32_t next; /* what nobody has taken yet; only a counter, nothing is published by it */
};

static bool holds(const struct pool *pool, uint32_t row)
{
    bool found = false;
    for (uint32_t i = 0; i < pool->count; i++)
        found |= pool->cand[i].id == row;
    return found;
}

/* As near to its own vector as the row itself. */
static uint32_t count_as_near(const struct pool *pool, uint32_t row, float own)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < pool->count; i++)
        n += pool->cand[i].id != row && pool->cand[i].distance <= own;
    return n;
}

/* While the graph grows, only with an inlink, or later rows would cut it off. */
static bool is_found(const struct hnsw *g, const struct reaching *r, const struct pool *pool, uint32_t row,
                     struct walk_end *end)
{
    if (!holds(pool, row))
        return false;
    if (r->grows)
        end->inlink = inlink_find(g, pool, row);
    return !r->grows || end->inlink.from != LINK_NONE;
}

/* The nearest. While the graph grows, those with room first: there is no use in a link that the next row takes away. */
static void choose_anchors(const struct hnsw *g, const struct reaching *r, const struct pool *pool, uint32_t row,
                           struct walk_end *end)
{
    const uint32_t max = 2 * g->m;
    uint32_t n = 0;
    for (unsigned full = 0; full < 2; full++)
        for (uint32_t i = 0; i < pool->count && n < REACH_ANCHORS; i++) {
            const uint32_t from = pool->cand[i].id;
            const bool is_full = r->grows && links_count(hnsw_links(g, from), max) == max;
            if (from != row && is_full == (full == 1))
                end->nearest[n++] = from;
        }
    for (; n < REACH_ANCHORS; n++)
        end->nearest[n] = LINK_NONE;
}

/* A row that is farther from its own vector than all that was found is not missed: so it is with codes that cannot tell rows
 * apart, and with short rows under the inner product. */
static int search_for(const struct reach_search *s, struct hnsw_worker *w, uint32_t row, const struct reaching *r,
                      struct walk_end *end, const struct pause *pause)
{
    struct search_scratch *scratch = w->scratch;
    const struct pool *pool = &scratch->pool;
    const uint32_t ef = r->grows ? EF_FIRST : EF_STRICT;
    struct codes_query query;
    end->inlink.from = row;
    end->done = codes_is_outlier(s->codes, row); /* every search scores it by its vector */
    if (end->done)
        return 0;
    int rc = scratch_reserve(scratch, 0, EF, codes_query_bytes(s->codes), 0);
    if (rc < 0)
        return rc;
    codes_query_init(&query, s->codes, rows_at(s->vectors, row), scratch->query);
    const struct hnsw_walk walk = {.graph = s->graph,
                                   .query = &query,
                                   .scratch = scratch,
                                   .limit = s->graph->count,
                                   .node_limit = s->graph->nodes,
                                   .no_strays = true,
                                   .pause = pause};
    rc = hnsw_search(&walk, ef);
    end->done = rc == 0;
    if (rc != 0 || is_found(s->graph, r, pool, row, end))
        return rc;
    rc = hnsw_search(&walk, EF);
    end->done = rc == 0;
    if (rc != 0 || (r->grows && is_found(s->graph, r, pool, row, end)))
        return rc;
    end->inlink.from = row;
    choose_anchors(s->graph, r, pool, row, end);
    codes_distances(&query, &row, 1, scratch->rows, scratch->distances);
    end->missed = count_as_near(pool, row, scratch->distances[0]) < (r->grows ? EF : EF_STRICT);
    return 0;
}

static int reach_share(void *arg, unsigned share, const struct pause *pause)
{
    struct job *job = arg;
    const struct reaching *r = &job->builder->reaching;
    for (;;) {
        const uint32_t from = atomic_fetch_add_explicit(&job->next, ROWS_AT_ONCE, memory_order_relaxed);
        if (from >= r->window_count)
            return 0;
        for (uint32_t i = from; i < from + ROWS_AT_ONCE && i < r->window_count; i++) {
            if (r->end[i].done)
                continue;
            int rc = search_for(job->search, job->builder->worker[share], r->window[i], r, &r->end[i], pause);
            if (rc == 0)
                rc = pause_here(pause);
            if (rc != 0)
                return rc;
        }
    }
}

/* -- mending -- */

/* Does another row of the list lead to the one at `at`? */
static bool is_led_to(const struct hnsw *g, const uint32_t *links, uint32_t at)
{
    for (uint32_t i = 0; i < 2 * g->m; i++)
        if (i != at && hnsw_links_to(g, links[i], links[at]))
            return true;
    return false;
}

static bool is_kept(const struct hnsw_builder *b, uint32_t from, uint32_t to)
{
    return b->reaching.grows ? inlink_from(&b->inlinks, to) == from : bits_test(b->reaching.kept, to);
}

/* The place in a full list of a link that can be given up; 2m: there is none. A row that nothing leads to any more is searched for,
 * and missed; but not a short one under the inner product. */
static uint32_t spare_link(const struct hnsw *g, const struct hnsw_builder *b, uint32_t from)
{
    const uint32_t max = 2 * g->m, *links = hnsw_links(g, from);
    for (uint32_t i = max; i-- > 0;)
        if (!is_kept(b, from, links[i]) && is_led_to(g, links, i))
            return i;
    for (uint32_t i = max; i-- > 0 && b->reaching.metric != METRIC_IP;)
        if (!is_kept(b, from, links[i]))
            return i;
    return max;
}

/* The row that loses a link, and those that were found through it. But not these while the graph grows: it
 * would cost most of what linking does. */
static int search_again_behind(const struct hnsw *g, struct reaching *r, uint32_t row)
{
    const uint32_t *links = hnsw_links(g, row);
    int rc = add_again(r, row);
    for (uint32_t i = 0; rc == 0 && !r->grows && i < 2 * g->m && links[i] != LINK_NONE; i++)
        rc = add_again(r, links[i]);
    return rc;
}

/* In place of another link, if there is one to spare. */
static int link_instead(struct hnsw *g, struct hnsw_builder *b, uint32_t from, uint32_t to, bool *ret_linked)
{
    struct reaching *r = &b->reaching;
    uint32_t *links = hnsw_links(g, from);
    const uint32_t at = spare_link(g, b, from);
    if (at == 2 * g->m)
        return 0;
    const int rc = search_again_behind(g, r, links[at]);
    if (rc == 0) {
        links[at] = to;
        r->replaced++;
        *ret_linked = true;
    }
    return rc;
}

/* Where there is room. */
static bool link_beside(struct hnsw *g, uint32_t from, uint32_t to)
{
    uint32_t *links = hnsw_links(g, from);
    const uint32_t n = links_count(links, 2 * g->m);
    if (n < 2 * g->m)
        links[n] = to;
    return n < 2 * g->m;
}

/* Links from all of these rows that have room; if none has, one instead of another, from another row each turn. */
static int mend(struct hnsw *g, struct hnsw_builder *b, uint32_t row, const struct walk_end *end)
{
    struct reaching *r = &b->reaching;
    bool linked = false;
    int rc = add_again(r, row);
    bits_set(r->kept, row);
    for (uint32_t i = 0; i < REACH_ANCHORS; i++) {
        const uint32_t from = end->nearest[i];
        if (from != LINK_NONE && from != row && !hnsw_links_to(g, from, row))
            linked |= link_beside(g, from, row);
    }
    for (uint32_t i = 0; rc == 0 && !linked && i < REACH_ANCHORS; i++) {
        const uint32_t from = end->nearest[(i + r->turn) % REACH_ANCHORS];
        if (from != LINK_NONE && from != row && !hnsw_links_to(g, from, row))
            rc = link_instead(g, b, from, row, &linked);
    }
    return rc;
}

static int row_end(struct hnsw *g, struct hnsw_builder *b, uint32_t row, struct walk_end *end)
{
    struct reaching *r = &b->reaching;
    const bool sampled = r->turn == 0 && is_sampled(r, row), is_last = r->turn + 1 == TURNS;
    r->sampled += sampled;
    if (end->missed) /* a stray is searched for again when an eighth has come, not each time */
        end->inlink =
            is_last ? (struct inlink_found){.from = row, .owners = 1} : (struct inlink_found){.from = LINK_NONE};
    if (r->grows)
        inlink_note(&b->inlinks, row, &end->inlink, r->rows);
    if (!end->missed)
        return 0;
    r->missed += sampled;
    return is_last ? add_again(r, row) : mend(g, b, row, end);
}

/* Pauses behind each row that is mended: where all lists are full, it takes up to a millisecond. What the pause returned: then
 * the next call goes on. */
static int window_end(struct hnsw *g, struct hnsw_builder *b, const struct pause *pause)
{
    struct reaching *r = &b->reaching;
    while (r->ended < r->window_count) {
        struct walk_end *end = &r->end[r->ended];
        int rc = row_end(g, b, r->window[r->ended], end);
        r->ended += rc == 0;
        if (rc == 0 && end->missed)
            rc = pause_here(pause);
        if (rc != 0)
            return rc;
    }
    r->window_count = r->ended = 0;
    r->is_filled = false;
    return 0;
}

/* -- the turns -- */

/* Links that were given up may have been on the way to rows that had been found. */
static bool begins_again(const struct reaching *r)
{
    const bool many = r->replaced > r->rows / REPLACED_SHARE && r->sweeps < SWEEPS;
    const bool some = r->replaced > 0 && r->rows <= SURE_ROWS && r->sweeps < SURE_SWEEPS;
    return (!r->links_to || r->all) && !r->grows && (many || some);
}

/* Were links given up, and is each row searched for? */
static bool is_unsure(const struct reaching *r)
{
    return !r->grows && !r->links_to && r->replaced > 0;
}

static int add_all_again(const struct hnsw *g, struct reaching *r)
{
    int rc = 0;
    r->again_count = 0;
    for (uint32_t row = 0; rc == 0 && row < r->rows; row++)
        rc = hnsw_is_linked(g, row) ? add_again(r, row) : 0;
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
    const bool is_last_next = r->turn + 2 == TURNS || (r->again_count == 0 && r->turn + 1 < TURNS);
    if (is_last_next && is_unsure(r)) {
        const int rc = add_all_again(g, r);
        if (rc < 0)
            return rc;
        r->turn = TURNS - 2;
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

/* Each once, in their order. */
static void keep_strays(struct hnsw *g, struct reaching *r)
{
    free(g->strays);
    g->strays = r->list;
    g->stray_count = 0;
    if (r->listed > 1)
        qsort(r->list, r->listed, sizeof(*r->list), ascending);
    for (uint32_t i = 0; i < r->listed && g->stray_count < STRAYS_MAX; i++)
        if (i == 0 || r->list[i] != r->list[i - 1])
            g->strays[g->stray_count++] = r->list[i];
    if (g->stray_count == 0) {
        free(g->strays);
        g->strays = NULL;
    }
    r->list = NULL;
}

int hnsw_reach(struct hnsw *g, struct hnsw_builder *b, const struct reach_search *search, enum reach_scope scope,
               const struct crew *crew, const struct pause *pause)
{
    struct reaching *r = &b->reaching;
    if (g->count == 0 || b->reached == g->count)
        return 0;
    int rc = hnsw_builder_reserve(b, g, crew_shares(crew), 0);
    if (rc == 0 && r->rows != g->count)
        rc = begin(g, b, search->codes->metric, scope);
    if (rc == 0)
        rc = count_links(g, r, pause);
    while (rc == 0 && r->turn < TURNS && (r->turn == 0 || r->listed > 0)) {
        rc = r->is_filled ? 0 : window_fill(g, b, pause);
        if (rc == 0 && r->window_count == 0) {
            r->is_filled = false;
            rc = turn_end(g, r);
            continue;
        }
        struct job job = {.search = search, .builder = b};
        if (rc == 0)
            rc = crew_run(crew, reach_share, &job, pause);
        if (rc == 0)
            rc = window_end(g, b, pause);
    }
    if (rc != 0)
        return rc;
    keep_strays(g, r);
    hnsw_reach_drop(b);
    b->reached = scope == REACH_ALL ? g->count : 0;
    b->watched = g->count;
    return 0;
}
