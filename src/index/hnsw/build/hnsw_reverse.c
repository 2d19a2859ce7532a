/* hnsw_reverse.c -- reverse links: groups the links of a round by the row that they enter. So
 * the list of that row is made once a round, by one share, however many links enter it. */
#include "index/hnsw/build/hnsw_builder.h"

#define LINKS_AHEAD      8   /* lists to prefetch */
#define GROUPS_PER_PAUSE 256 /* their lists come from memory: some tens of microseconds */

static uint32_t add_links_back(struct link_back *to, const struct cand *chosen, uint32_t count, uint32_t level,
                               uint32_t from)
{
    for (uint32_t i = 0; i < count; i++)
        to[i] = (struct link_back){.to = chosen[i].id, .level = level, .from = from, .distance = chosen[i].distance};
    return count;
}

static uint32_t count_links(const struct round *r)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->to - r->from; i++)
        n += r->new_row[i].chosen;
    for (uint32_t i = 0; i < r->lists; i++)
        n += r->upper_count[i];
    return n;
}

static uint32_t gather_links(const struct hnsw *g, struct round *r)
{
    uint32_t n = 0, node = g->nodes;
    for (uint32_t i = 0; i < r->to - r->from; i++) {
        const struct new_row *e = &r->new_row[i];
        n += add_links_back(r->links_back + n, r->chosen + (size_t)i * 2 * g->m, e->chosen, 0, r->from + i);
        for (uint32_t l = 1; l <= e->level; l++)
            n += add_links_back(r->links_back + n, r->upper_chosen + (size_t)(e->list + l - 1) * g->m,
                                r->upper_count[e->list + l - 1], l, node);
        node += e->level > 0;
    }
    return n;
}

static uint32_t digit(const struct link_back *l, unsigned pass)
{
    return pass < 4 ? l->to >> (8 * pass) & 0xff : l->level;
}

static void sort_by(struct round *r, uint32_t n, unsigned pass)
{
    uint32_t at[256] = {0}, sum = 0;
    for (uint32_t i = 0; i < n; i++)
        at[digit(&r->links_back[i], pass)]++;
    if (n == 0 || at[digit(&r->links_back[0], pass)] == n)
        return;
    for (unsigned d = 0; d < 256; d++) {
        uint32_t count = at[d];
        at[d] = sum;
        sum += count;
    }
    for (uint32_t i = 0; i < n; i++)
        r->sorting[at[digit(&r->links_back[i], pass)]++] = r->links_back[i];
    struct link_back *sorted = r->sorting;
    r->sorting = r->links_back;
    r->links_back = sorted;
}

/* Pauses. The work takes 1 to 2 ms when the graph is not in the cache. It is finished even if a
 * pause ends it; *rc keeps the result of that pause. */
static void pause_unless_ended(const struct pause *pause, int *rc)
{
    if (*rc == 0)
        *rc = pause_here(pause);
}

/* Sorts by layer, then by the row that links back, and keeps the order of the rest. A radix
 * sort, byte by byte; a byte that is the same everywhere is skipped. */
static void sort_links(struct round *r, uint32_t n, const struct pause *pause, int *rc)
{
    for (unsigned pass = 0; pass < 5; pass++) {
        sort_by(r, n, pass);
        pause_unless_ended(pause, rc);
    }
}

static void prefetch_list(const struct hnsw *g, const struct round *r, uint32_t i, uint32_t n)
{
    if (i < n)
        __builtin_prefetch(level_links(g, r->links_back[i].level, r->links_back[i].to));
}

/* Makes the groups. Returns how many of them need a new list. */
static uint32_t group_links(const struct hnsw *g, struct round *r, uint32_t n, const struct pause *pause, int *rc)
{
    uint32_t slots = 0;
    r->groups = 0;
    for (uint32_t i = 0; i < n;) {
        const struct link_back *first = &r->links_back[i];
        const uint32_t max = level_links_max(g, first->level);
        struct link_group *p = &r->group[r->groups++];
        *p = (struct link_group){.first = i, .slot = LINK_NONE};
        while (i < n && r->links_back[i].to == first->to && r->links_back[i].level == first->level)
            prefetch_list(g, r, i++ + LINKS_AHEAD, n);
        p->count = i - p->first;
        if (links_count(level_links(g, first->level, first->to), max) + p->count > max)
            p->slot = slots++;
        if (r->groups % GROUPS_PER_PAUSE == 0)
            pause_unless_ended(pause, rc);
    }
    return slots;
}

int hnsw_reverse_links(const struct hnsw *g, struct round *r, const struct pause *pause)
{
    int rc = hnsw_round_reserve_links(r, count_links(r)), paused = 0;
    if (rc < 0)
        return rc;
    uint32_t n = gather_links(g, r);
    sort_links(r, n, pause, &paused);
    rc = hnsw_round_reserve_lists(r, g->m, group_links(g, r, n, pause, &paused));
    if (rc < 0)
        return rc;
    r->step = ROUND_PRUNE;
    return paused;
}
