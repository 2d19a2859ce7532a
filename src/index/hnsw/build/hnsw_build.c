/* hnsw_build.c -- builds the graph, one round after another. hnsw_builder.h says what a round
 * is; the work of a round is in hnsw_choose.c and hnsw_reverse.c.
 *
 * A round that was stopped keeps what it has done, and goes on later. No search sees anything of
 * it until it is written down. Writing down has no pause, so a search meets the graph before the
 * round or after it. That bounds the size of a round. */
#include "index/hnsw/build/hnsw_builder.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

/* a round has at most 1/32 of the rows of the graph */
#define GRAPH_SHARE 32
/* of lists that a round may have to write down, which takes a fraction of a millisecond */
#define ROUND_BYTES_MAX ((uint32_t)2 << 20)
#define GROUPS_AT_ONCE  8
/* with fewer rows, a message to another core costs more than it saves */
#define ROWS_PER_SHARE_MIN 4

/* floor(-ln U / ln m). U is drawn from the seed and the row alone (SplitMix64), so that the same
 * input makes the same graph. */
static uint32_t level_of(const struct hnsw *g, uint32_t row)
{
    uint64_t z = g->seed + (row + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    double u = ((double)(z >> 11) + 1) * 0x1p-53; /* in (0, 1] */
    double level = -log(u) / log(g->m);
    return level < LEVEL_MAX ? (uint32_t)level : LEVEL_MAX;
}

/* -- the rows of a round -- */

uint32_t hnsw_round_rows(uint32_t m, uint32_t count)
{
    const uint32_t bytes_max = ROUND_BYTES_MAX / (4 * m * m * (uint32_t)sizeof(uint32_t));
    uint32_t rows = count / GRAPH_SHARE;
    rows = rows < bytes_max ? rows : bytes_max;
    return rows ? rows : 1;
}

/* A dead row is not linked, because no search will return it. Row 0 always is, because walks may
 * begin there. Without memory the row is linked all the same. */
static void leave_out_if_dead(struct hnsw_builder *b, uint32_t row)
{
    if (row > 0 && b->alive && *b->alive && b->copies && copies_is_linked(b->copies, row))
        (void)!copies_leave_out(b->copies, row, *b->alive);
}

/* Chooses the rows of the round. The round ends before a row that would be the new top: it
 * enters alone, so that later rows can link to it. */
static void choose_new_rows(const struct hnsw *g, struct hnsw_builder *b, uint32_t limit, uint32_t linked_max)
{
    struct round *r = &b->round;
    const uint32_t top = hnsw_top(g);
    uint32_t linked = 0;
    r->from = r->to = g->count;
    r->nodes = r->lists = 0;
    while (r->to < limit && linked < linked_max) {
        leave_out_if_dead(b, r->to);
        const bool is_linked = hnsw_is_linked(g, r->to);
        const uint32_t level = is_linked ? level_of(g, r->to) : 0;
        if (level > top && r->to > r->from)
            break;
        linked += is_linked;
        r->nodes += level > 0;
        r->lists += level;
        r->to++;
        if (level > top)
            break;
    }
}

/* Writes empty lists behind the graph's own, where no search looks yet. */
static void lay_out(struct hnsw *g, struct round *r)
{
    uint32_t node = g->nodes, list = 0;
    for (uint32_t i = 0; i < r->to - r->from; i++) {
        const bool linked = hnsw_is_linked(g, r->from + i);
        const uint32_t level = linked ? level_of(g, r->from + i) : 0;
        r->new_row[i] = (struct new_row){.level = level, .list = list, .linked = linked, .done = !linked};
        memset(hnsw_links(g, r->from + i), 0xff, 2 * g->m * sizeof(uint32_t));
        if (level) {
            *hnsw_node(g, node) = (struct hnsw_node){.row = r->from + i, .first = g->lists + list, .level = level};
            for (uint32_t l = 1; l <= level; l++)
                memset(hnsw_upper_links(g, node, l), 0xff, g->m * sizeof(uint32_t));
            node++;
            list += level;
        }
    }
    for (uint32_t i = 0; i < r->lists; i++)
        r->upper_count[i] = 0;
}

static int round_begin(struct hnsw *g, struct hnsw_builder *b, const struct workers *workers, uint32_t count)
{
    struct round *r = &b->round;
    const uint32_t rows = hnsw_round_rows(g->m, g->count), limit = count - g->count < rows ? count : g->count + rows;
    choose_new_rows(g, b, limit, hnsw_round_rows(g->m, g->linked));
    const uint32_t new_rows = r->to - r->from;
    int rc = row_array_reserve(&g->links, r->to);
    if (rc == 0)
        rc = row_array_reserve(&g->node, g->nodes + r->nodes);
    if (rc == 0)
        rc = row_array_reserve(&g->upper, g->lists + r->lists);
    if (rc == 0)
        rc = hnsw_round_reserve_rows(r, g->m, new_rows, r->lists);
    if (rc == 0)
        rc = hnsw_builder_reserve(b, g, workers_shares(workers), new_rows);
    if (rc < 0)
        return rc;
    lay_out(g, r);
    r->step = ROUND_SEARCH;
    return 0;
}

/* -- the work of the shares -- */

struct job {
    const struct hnsw *graph;
    const struct codes *codes;
    struct hnsw_builder *builder;
    /* the next piece that no share has taken; only counts, no data are published by it */
    _Atomic uint32_t next;
};

static int search_share(void *arg, unsigned share, const struct pause *pause)
{
    struct job *job = arg;
    struct round *r = &job->builder->round;
    const uint32_t count = r->to - r->from;
    for (;;) {
        uint32_t i = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
        if (i >= count)
            return 0;
        if (r->new_row[i].done)
            continue;
        int rc = hnsw_choose(job->graph, job->builder->worker[share], job->codes, r, i, pause);
        if (rc == 0) {
            r->new_row[i].done = true;
            rc = pause_here(pause);
        }
        if (rc != 0)
            return rc;
    }
}

static bool needs_list(const struct link_group *p)
{
    return p->slot != LINK_NONE && p->kept == 0;
}

static int prune_share(void *arg, unsigned share, const struct pause *pause)
{
    struct job *job = arg;
    struct round *r = &job->builder->round;
    for (;;) {
        uint32_t from = atomic_fetch_add_explicit(&job->next, GROUPS_AT_ONCE, memory_order_relaxed), made = 0;
        if (from >= r->groups)
            return 0;
        for (uint32_t i = from; i < from + GROUPS_AT_ONCE && i < r->groups; i++) {
            if (!needs_list(&r->group[i]))
                continue;
            hnsw_prune(job->graph, job->builder->worker[share], job->codes, r, &job->builder->inlinks, i);
            made++;
        }
        int rc = made ? pause_here(pause) : 0;
        if (rc != 0)
            return rc;
    }
}

/* -- writing down -- */

/* No search looks behind the graph's own lists, so this is done before the rest
 * of the round is known. */
static void write_new_rows(struct hnsw *g, const struct round *r)
{
    uint32_t node = g->nodes;
    for (uint32_t i = 0; i < r->to - r->from; i++) {
        const struct new_row *e = &r->new_row[i];
        uint32_t *links = hnsw_links(g, r->from + i);
        for (uint32_t j = 0; j < e->chosen; j++)
            links[j] = r->chosen[(size_t)i * 2 * g->m + j].id;
        for (uint32_t l = 1; l <= e->level; l++) {
            links = hnsw_upper_links(g, node, l);
            for (uint32_t j = 0; j < r->upper_count[e->list + l - 1]; j++)
                links[j] = r->upper_chosen[(size_t)(e->list + l - 1) * g->m + j].id;
        }
        node += e->level > 0;
    }
}

/* Marks new rows that a row of the graph links to. A new row to which only rows of its round
 * link may be on an island with them. */
static void mark_reached(struct round *r, const struct link_back *back, const uint32_t *links, uint32_t n)
{
    for (uint32_t i = 0; back->level == 0 && back->to < r->from && i < n; i++)
        if (links[i] >= r->from)
            r->new_row[links[i] - r->from].reached = true;
}

static void write_group(struct hnsw *g, struct round *r, const struct link_group *p)
{
    const struct link_back *back = r->links_back + p->first;
    const uint32_t max = level_links_max(g, back->level);
    uint32_t *links = level_links(g, back->level, back->to);
    if (p->slot == LINK_NONE) {
        uint32_t n = links_count(links, max);
        for (uint32_t i = 0; i < p->count; i++)
            links[n + i] = back[i].from;
        mark_reached(r, back, links + n, p->count);
        return;
    }
    memcpy(links, r->new_lists + (size_t)p->slot * 2 * g->m, p->kept * sizeof(*links));
    memset(links + p->kept, 0xff, (max - p->kept) * sizeof(*links));
    mark_reached(r, back, links, p->kept);
}

static void round_end(struct hnsw *g, struct round *r, const struct inlinks *inlinks)
{
    for (uint32_t i = 0; i < r->groups; i++) {
        if (i + 8 < r->groups)
            __builtin_prefetch(
                level_links(g, r->links_back[r->group[i + 8].first].level, r->links_back[r->group[i + 8].first].to), 1);
        write_group(g, r, &r->group[i]);
    }
    for (uint32_t i = 0; i < r->to - r->from; i++) {
        g->linked += r->new_row[i].linked;
        if (!r->new_row[i].reached && r->new_row[i].chosen)
            hnsw_link_surely(g, inlinks, r->chosen[(size_t)i * 2 * g->m].id, r->from + i);
    }
    if (r->new_row[0].level > hnsw_top(g)) /* the new top is alone in its round */
        g->entry = g->nodes;
    g->nodes += r->nodes;
    g->lists += r->lists;
    g->count = r->to;
    r->step = ROUND_NONE;
}

/* -- the round -- */

static int round_go_on(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, const struct workers *workers,
                       const struct pause *pause)
{
    struct round *r = &b->round;
    if (r->to - r->from < ROWS_PER_SHARE_MIN * workers_shares(workers))
        workers = NULL;
    struct job job = {.graph = g, .codes = codes, .builder = b};
    int rc = 0;
    if (r->step == ROUND_SEARCH) {
        if (g->count > 0)
            rc = workers_run(workers, search_share, &job, pause);
        if (rc == 0) {
            write_new_rows(g, r);
            rc = hnsw_reverse_links(g, r, pause);
        }
    }
    if (rc != 0)
        return rc;
    job.next = 0;
    rc = workers_run(workers, prune_share, &job, pause);
    if (rc == 0) {
        b->changes += r->to - r->from;
        round_end(g, r, &b->inlinks);
    }
    return rc;
}

int hnsw_build(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, uint32_t count,
               const struct workers *workers, const struct pause *pause)
{
    while (g->count < count) {
        int rc = b->round.step == ROUND_NONE
                     ? round_begin(g, b, workers, count)
                     : hnsw_builder_reserve(b, g, workers_shares(workers), b->round.to - b->round.from);
        if (rc == 0)
            rc = round_go_on(g, b, codes, workers, pause);
        if (rc == 0)
            rc = pause_here(pause);
        if (rc != 0)
            return rc;
    }
    return 0;
}

void hnsw_round_drop(struct hnsw_builder *b)
{
    b->round.step = ROUND_NONE;
}
