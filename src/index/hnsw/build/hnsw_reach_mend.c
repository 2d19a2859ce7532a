/* hnsw_reach_mend.c -- writes links to rows that were missed. One fiber writes, while shares
 * only search (hnsw_reach_search.c). */
#include "index/hnsw/build/hnsw_reach.h"

#include "base/bits.h"
#include <errno.h>
#include <stdlib.h>

/* neighbours of a row at which a walk was stuck that are checked too; a list has more places */
#define BESIDE 5

int reach_add_again(struct reaching *r, uint32_t row)
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

/* Whether another row of the list leads to the one at `at`. */
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

/* The index in a full list of a link that can be given up; 2m: none. First a link to whose row
 * another row of the list leads. Otherwise any link, because a row that nothing leads to any
 * more is searched for and missed. Not so for a short row under the inner product, so there only
 * the first kind is given up. */
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

/* Adds the row that loses a link to the next turn, and the rows that were found through
 * it. While the graph grows, only the row itself, because the others would cost nearly as
 * much as linking does. */
static int search_again_behind(const struct hnsw *g, struct reaching *r, uint32_t row)
{
    const uint32_t *links = hnsw_links(g, row);
    int rc = reach_add_again(r, row);
    for (uint32_t i = 0; rc == 0 && !r->grows && i < 2 * g->m && links[i] != LINK_NONE; i++)
        rc = reach_add_again(r, links[i]);
    return rc;
}

/* Adds a link in place of another one, if one can be given up. */
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

/* Adds a link if the list has room. */
static bool link_beside(struct hnsw *g, uint32_t from, uint32_t to)
{
    uint32_t *links = hnsw_links(g, from);
    const uint32_t n = links_count(links, 2 * g->m);
    if (n < 2 * g->m)
        links[n] = to;
    return n < 2 * g->m;
}

int reach_bridge(struct hnsw *g, struct hnsw_builder *b, uint32_t row, const struct walk_end *end)
{
    struct reaching *r = &b->reaching;
    const uint32_t *links = hnsw_links(g, row);
    /* rows behind a link that is given up here are searched for again, but not all rows */
    const uint32_t replaced = r->replaced;
    int rc = r->turn < REACH_BRIDGES ? reach_add_again(r, row) : 0;
    for (uint32_t i = 0; rc == 0 && r->turn == 0 && i < BESIDE && links[i] != LINK_NONE; i++)
        rc = reach_add_again(r, links[i]);
    bits_set(r->kept, end->bridge);
    for (uint32_t i = 0; rc == 0 && i < REACH_ANCHORS; i++) {
        const uint32_t from = end->nearest[i];
        bool linked = false;
        if (from != LINK_NONE && from != end->bridge && !hnsw_links_to(g, from, end->bridge) &&
            !link_beside(g, from, end->bridge))
            rc = link_instead(g, b, from, end->bridge, &linked);
    }
    r->replaced = replaced;
    return rc;
}

int reach_mend(struct hnsw *g, struct hnsw_builder *b, uint32_t row, const struct walk_end *end)
{
    struct reaching *r = &b->reaching;
    bool linked = false;
    int rc = reach_add_again(r, row);
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
