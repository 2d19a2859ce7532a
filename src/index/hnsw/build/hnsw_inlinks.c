/* hnsw_inlinks.c -- in a growing graph, each row keeps a link to it from a near row, its inlink.
 * This needs no search; hnsw_reach.c searches.
 *
 * A search for a row's own vector ends among the rows nearest to that vector. If one of these
 * links to the row, and another of them leads to that one, the search finds the row. Two events
 * end this while rows are added: the list that holds the link is pruned, or so many nearer rows
 * come that searches no longer reach the owner of the list. So pruning keeps inlinks. Each row
 * also notes at how many rows the owner may be too far away; then the row is searched for again
 * (hnsw_reach.c). Between the two, no search for the row is needed.
 *
 * Under the inner product the owners are mostly long rows, whose lists cannot lead to all rows
 * that end there. A list keeps inlinks in at most half of its places. A row that loses its
 * inlink is searched for again. */
#include "index/hnsw/build/hnsw_builder.h"

/* a search, which keeps at least 64 candidates, reaches an owner that is among so many nearest */
#define EF_TRUSTED 32
/* a row is searched for again at the latest when the graph has so many times the rows, */
#define GROWTH_MOST 2.0
/* and at the earliest, or when only one link leads to it, at so many times */
#define GROWTH_LEAST 1.125

/* Whether a row of the pool other than `row` leads to `from`, so that the search did not
 * reach `from` by chance. */
static bool is_led_to(const struct hnsw *g, const struct pool *pool, uint32_t row, uint32_t from)
{
    for (uint32_t i = 0; i < pool->count; i++)
        if (pool->cand[i].id != row && pool->cand[i].id != from && hnsw_links_to(g, pool->cand[i].id, from))
            return true;
    return false;
}

struct inlink_found inlink_find(const struct hnsw *g, const struct pool *pool, uint32_t row)
{
    struct inlink_found found = {.from = LINK_NONE};
    for (uint32_t i = 0; i < pool->count && found.owners < 2; i++) {
        const uint32_t from = pool->cand[i].id;
        if (from == row || !hnsw_links_to(g, from, row) || !is_led_to(g, pool, row, from))
            continue;
        if (found.owners++ == 0) {
            found.from = from;
            found.rank = i;
        }
    }
    return found;
}

bool inlink_is_due(const struct inlinks *l, uint32_t row, uint32_t rows)
{
    const struct inlink *at = row_array_at(&l->of, row);
    return inlink_from(l, row) == LINK_NONE || at->due <= rows;
}

void inlink_note(const struct inlinks *l, uint32_t row, const struct inlink_found *found, uint32_t rows)
{
    struct inlink *at = row_array_at(&l->of, row);
    double growth = (double)EF_TRUSTED / (found->rank + 1);
    growth = found->from == row || growth > GROWTH_MOST ? GROWTH_MOST : growth;
    if (growth < GROWTH_LEAST || found->owners == 1)
        growth = GROWTH_LEAST;
    at->due = (uint32_t)(rows * growth) + 1;
    inlink_set(l, row, found->from);
}

uint32_t inlinks_count(const struct inlinks *l, const uint32_t *links, uint32_t n, uint32_t from)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++)
        count += inlink_from(l, links[i]) == from;
    return count;
}

static bool is_among(const uint32_t *list, uint32_t n, uint32_t id)
{
    bool found = false;
    for (uint32_t i = 0; i < n; i++)
        found |= list[i] == id;
    return found;
}

uint32_t inlinks_keep(const struct inlinks *l, const uint32_t *old, uint32_t n, uint32_t from, uint32_t *list,
                      uint32_t kept, uint32_t max)
{
    const uint32_t chosen = kept;
    for (uint32_t i = 0; i < n; i++) {
        if (inlink_from(l, old[i]) != from || is_among(list, chosen, old[i]))
            continue;
        if (kept < max)
            list[kept++] = old[i];
        else
            inlink_set(l, old[i], LINK_NONE);
    }
    return kept;
}
