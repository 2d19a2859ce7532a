/* hnsw_choose.c -- the two kinds of work that the shares of a round do: choosing neighbours for
 * a new row, and making a new list for a row that more links enter than it has room for. Both
 * read the frozen graph and write to the round. */
#include "index/hnsw/build/hnsw_builder.h"

#include "base/bits.h"
#include <stdlib.h>
#include <string.h>

/* candidates of a layer from which the layer below starts */
#define STARTS_MAX 16
/* a pruned list keeps 1/4 of its places free, because otherwise each new link
 * would prune it again */
#define PRUNED_SPARE  4
#define INLINKS_SPARE 2   /* half of those places may take inlinks, */
#define INLINKS_SHARE 2   /* which have at most half of all places */
#define PREFETCH_MAX  512 /* bytes of a code; the hardware prefetches the rest */
/* bytes of codes compared between two pauses: about 10 us */
#define MEET_BYTES              (256 * 1024)
#define SORTED_BY_INSERTION_MAX 64

/* Makes the candidates of one layer the starts of the layer below. */
static void step_down(const struct hnsw *g, struct pool *pool, uint32_t level, const struct cand *starts, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = starts[i].id;
        pool->cand[i] = (struct cand){starts[i].distance, level == 1 ? hnsw_node(g, id)->row : id};
    }
    pool->count = n;
}

static void insert(struct pool *pool, uint32_t limit, struct cand c)
{
    if (pool->count == limit && c.distance >= pool->cand[limit - 1].distance)
        return;
    uint32_t at = pool->count < limit ? pool->count++ : limit - 1;
    for (; at > 0 && pool->cand[at - 1].distance > c.distance; at--)
        pool->cand[at] = pool->cand[at - 1];
    pool->cand[at] = c;
}

/* Compares a new row with the rows that enter before it in the same round. They are not in the
 * graph yet, but where the input is sorted they are its nearest. Their codes lie in a sequence.
 * It costs a hundredth of the walk. */
static int meet_batch(struct hnsw_worker *w, const struct codes_query *query, const struct round *r, uint32_t new_row,
                      uint32_t limit, const struct pause *pause)
{
    struct search_scratch *s = w->scratch;
    const uint32_t at_once = MEET_BYTES / query->codes->stride + 1, batch = at_once < HOP_MAX ? at_once : HOP_MAX;
    int rc = 0;
    for (uint32_t from = 0; rc == 0 && from < new_row; from += batch) {
        const uint32_t n = new_row - from < batch ? new_row - from : batch;
        for (uint32_t i = 0; i < n; i++)
            s->ids[i] = r->from + from + i;
        codes_distances(query, s->ids, n, s->rows, s->distances);
        for (uint32_t i = 0; i < n; i++)
            if (r->new_row[from + i].linked)
                insert(&s->pool, limit, (struct cand){s->distances[i], s->ids[i]});
        rc = pause_here(pause);
    }
    return rc;
}

int hnsw_choose(const struct hnsw *g, struct hnsw_worker *w, const struct codes *codes, struct round *r,
                uint32_t new_row, const struct pause *pause)
{
    struct new_row *e = &r->new_row[new_row];
    struct codes_query query;
    struct pool *pool = &w->scratch->pool;
    const uint32_t top = hnsw_top(g);
    codes_row_query(&query, codes, r->from + new_row, w->weights);
    const struct hnsw_walk walk = {
        .graph = g, .query = &query, .scratch = w->scratch, .limit = g->count, .node_limit = g->nodes, .pause = pause};
    int rc = hnsw_walk_prepare(&walk, g->ef_construct);
    if (rc < 0)
        return rc;
    hnsw_start(&walk, top, top ? g->entry : 0);
    for (uint32_t level = top;; level--) {
        rc = hnsw_search_layer(&walk, level, level > e->level ? 1 : g->ef_construct);
        if (rc != 0)
            return rc;
        if (level == 0)
            rc = meet_batch(w, &query, r, new_row, g->ef_construct, pause);
        if (rc != 0)
            return rc;
        struct cand starts[STARTS_MAX];
        const uint32_t n = pool->count < STARTS_MAX ? pool->count : STARTS_MAX;
        memcpy(starts, pool->cand, n * sizeof(*starts));
        if (level <= e->level) {
            const struct hnsw_candidates c = {pool->cand, pool->count, level_links_max(g, level), level,
                                              r->from + new_row};
            const uint32_t kept = hnsw_select(g, w, codes, c);
            struct cand *to = level == 0 ? r->chosen + (size_t)new_row * 2 * g->m
                                         : r->upper_chosen + (size_t)(e->list + level - 1) * g->m;
            memcpy(to, pool->cand, kept * sizeof(*to));
            *(level == 0 ? &e->chosen : &r->upper_count[e->list + level - 1]) = kept;
        }
        if (level == 0)
            return 0;
        step_down(g, pool, level, starts, n);
    }
}

static int nearer(const void *a, const void *b)
{
    const struct cand *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static void sort(struct cand *c, uint32_t n)
{
    if (n > SORTED_BY_INSERTION_MAX) {
        qsort(c, n, sizeof(*c), nearer);
        return;
    }
    for (uint32_t i = 1; i < n; i++) {
        struct cand moving = c[i];
        uint32_t j = i;
        for (; j > 0 && nearer(&moving, &c[j - 1]) < 0; j--)
            c[j] = c[j - 1];
        c[j] = moving;
    }
}

/* Writes the distances of rows or nodes from the row of the query to w->pruning, from `at` on. */
static void score_links(const struct hnsw *g, struct hnsw_worker *w, const struct codes_query *query, uint32_t level,
                        const uint32_t *links, uint32_t n, uint32_t at)
{
    struct search_scratch *s = w->scratch; /* the batch arrays are not used outside walks */
    const struct codes *codes = query->codes;
    for (uint32_t i = 0; i < n; i++) {
        w->rows[i] = level_row(g, level, links[i]);
        const char *code = codes_at(codes, w->rows[i]);
        for (uint32_t line = 0; line < codes->stride && line < PREFETCH_MAX; line += 64)
            __builtin_prefetch(code + line);
    }
    codes_distances(query, w->rows, n, s->rows, s->distances);
    for (uint32_t i = 0; i < n; i++)
        w->pruning[at + i] = (struct cand){s->distances[i], links[i]};
}

/* The largest length of a pruned list of the lowest layer, without the inlinks
 * that are appended to it. */
static uint32_t links_kept(const struct inlinks *l, const uint32_t *links, uint32_t n, uint32_t from, uint32_t max)
{
    const uint32_t inlinks = inlinks_count(l, links, n, from), room = max / INLINKS_SHARE;
    const uint32_t least = max - max / PRUNED_SPARE / INLINKS_SPARE - (inlinks < room ? inlinks : room);
    const uint32_t keep = max - max / PRUNED_SPARE;
    return least < keep ? least : keep;
}

/* The distances of the new rows are known, because each chose this row as a neighbour. */
void hnsw_prune(const struct hnsw *g, struct hnsw_worker *w, const struct codes *codes, struct round *r,
                const struct inlinks *inlinks, uint32_t group)
{
    struct link_group *p = &r->group[group];
    const struct link_back *back = r->links_back + p->first;
    const uint32_t level = back->level, max = level_links_max(g, level);
    const uint32_t *links = level_links(g, level, back->to);
    const uint32_t old = links_count(links, max);
    uint32_t n = old;
    struct codes_query query;
    codes_row_query(&query, codes, level_row(g, level, back->to), w->weights);
    score_links(g, w, &query, level, links, n, 0);
    for (uint32_t i = 0; i < p->count; i++)
        w->pruning[n++] = (struct cand){back[i].distance, back[i].from};
    sort(w->pruning, n);
    const uint32_t keep = level == 0 ? links_kept(inlinks, links, old, back->to, max) : max;
    p->kept =
        hnsw_select(g, w, codes, (struct hnsw_candidates){w->pruning, n, keep, level, level_row(g, level, back->to)});
    uint32_t *to = r->new_lists + (size_t)p->slot * 2 * g->m;
    for (uint32_t i = 0; i < p->kept; i++)
        to[i] = w->pruning[i].id;
    if (level == 0)
        p->kept = inlinks_keep(inlinks, links, old, back->to, to, p->kept, max - max / PRUNED_SPARE / INLINKS_SPARE);
}

uint32_t hnsw_join(const struct hnsw *g, struct hnsw_worker *w, const struct codes *codes, uint32_t row,
                   const uint32_t *others, uint32_t count, uint32_t *ret_list)
{
    const uint32_t max = 2 * g->m, *links = hnsw_links(g, row), n = links_count(links, max);
    if (n + count <= max) {
        memcpy(ret_list, links, n * sizeof(*links));
        memcpy(ret_list + n, others, count * sizeof(*others));
        return n + count;
    }
    struct codes_query query;
    codes_row_query(&query, codes, row, w->weights);
    score_links(g, w, &query, 0, links, n, 0);
    score_links(g, w, &query, 0, others, count, n);
    sort(w->pruning, n + count);
    const uint32_t kept = hnsw_select(g, w, codes, (struct hnsw_candidates){w->pruning, n + count, max, 0, row});
    for (uint32_t i = 0; i < kept; i++)
        ret_list[i] = w->pruning[i].id;
    return kept;
}
