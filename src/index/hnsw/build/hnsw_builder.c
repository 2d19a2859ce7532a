/* hnsw_builder.c -- the memory of a build. It grows with the rounds, and rounds grow with the
 * graph, so a small graph is built in little memory. */
#include "index/hnsw/build/hnsw_builder.h"

#include "base/bits.h"
#include "base/memory.h"
#include <errno.h>
#include <stdlib.h>

static void worker_destroy(struct hnsw_worker *w)
{
    if (!w)
        return;
    search_scratch_destroy(w->scratch);
    memory_free(w->weights);
    memory_free(w->kept_weights);
    memory_free(w->kept_row);
    memory_free(w->kept);
    memory_free(w->kept_length);
    memory_free(w->rows);
    memory_free(w->pruning);
    memory_free(w->waiting);
    memory_free(w);
}

static struct hnsw_worker *worker_create(uint32_t m, uint32_t stride)
{
    const uint32_t links = 2 * m;
    struct hnsw_worker *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->scratch = search_scratch_create();
    w->weights = memory_aligned(stride);
    w->kept_weights = memory_aligned((size_t)links * stride);
    w->kept_row = calloc(links, sizeof(*w->kept_row));
    w->kept = calloc(links, sizeof(*w->kept));
    w->kept_length = calloc(links, sizeof(*w->kept_length));
    w->rows = calloc(links, sizeof(*w->rows));
    if (!w->scratch || !w->weights || !w->kept_weights || !w->kept_row || !w->kept || !w->kept_length || !w->rows) {
        worker_destroy(w);
        return NULL;
    }
    for (uint32_t i = 0; i < links; i++)
        w->kept_row[i] = w->kept_weights + (size_t)i * stride;
    return w;
}

static int worker_reserve(struct hnsw_worker *w, uint32_t candidates)
{
    if (candidates <= w->candidates_max)
        return 0;
    memory_free(w->pruning);
    memory_free(w->waiting);
    w->pruning = calloc(candidates, sizeof(*w->pruning));
    w->waiting = calloc(candidates, sizeof(*w->waiting));
    w->candidates_max = w->pruning && w->waiting ? candidates : 0;
    return w->candidates_max ? 0 : -ENOMEM;
}

static uint64_t worker_bytes(const struct hnsw_worker *w, uint32_t m, uint32_t stride)
{
    const uint64_t links = 2 * (uint64_t)m;
    return sizeof(*w) + search_scratch_bytes(w->scratch) + (links + 1) * stride +
           links * (sizeof(*w->kept_row) + sizeof(*w->kept) + sizeof(*w->kept_length) + sizeof(*w->rows)) +
           w->candidates_max * (sizeof(*w->pruning) + sizeof(*w->waiting));
}

struct hnsw_builder *hnsw_builder_create(const struct hnsw *g, const struct codes *codes)
{
    struct hnsw_builder *b = calloc(1, sizeof(*b));
    if (b) {
        b->m = g->m;
        b->stride = codes->stride;
        row_array_init(&b->inlinks.of, sizeof(struct inlink));
    }
    return b;
}

static void round_fini(struct round *r)
{
    memory_free(r->new_row);
    memory_free(r->chosen);
    memory_free(r->upper_chosen);
    memory_free(r->upper_count);
    memory_free(r->links_back);
    memory_free(r->sorting);
    memory_free(r->group);
    memory_free(r->new_lists);
}

void hnsw_builder_destroy(struct hnsw_builder *b)
{
    if (!b)
        return;
    for (unsigned i = 0; i < b->workers; i++)
        worker_destroy(b->worker[i]);
    memory_free(b->worker);
    round_fini(&b->round);
    hnsw_repair_drop(b);
    hnsw_final_prune_drop(b);
    hnsw_reach_drop(b);
    memory_free(b->reach.confused.row);
    row_array_fini(&b->inlinks.of);
    memory_free(b);
}

uint64_t hnsw_builder_bytes(const struct hnsw_builder *b)
{
    if (!b)
        return 0;
    const struct round *r = &b->round;
    const uint64_t links = 2 * (uint64_t)b->m;
    uint64_t bytes = sizeof(*b) + b->workers * sizeof(*b->worker);
    for (unsigned i = 0; i < b->workers; i++)
        bytes += worker_bytes(b->worker[i], b->m, b->stride);
    bytes += row_array_bytes(&b->inlinks.of) + (b->reaching.links_to ? b->reaching.rows : 0) +
             ((uint64_t)b->reaching.list_room + b->reaching.again_room) * sizeof(uint32_t);
    bytes += b->final_pruning.room * 2 * (links + 1) * sizeof(uint32_t);
    bytes += bits_words(b->flood.rows) * sizeof(uint64_t) + 2 * (uint64_t)b->flood.rows * sizeof(uint32_t);
    return bytes + r->rows_max * (sizeof(*r->new_row) + links * sizeof(struct cand)) +
           r->lists_max * (b->m * sizeof(struct cand) + sizeof(uint32_t)) +
           r->links_back_max * (2 * sizeof(*r->links_back) + sizeof(*r->group)) +
           r->slots_max * links * sizeof(uint32_t);
}

static int add_workers(struct hnsw_builder *b, unsigned shares)
{
    if (shares <= b->workers)
        return 0;
    struct hnsw_worker **worker = realloc(b->worker, shares * sizeof(*worker));
    if (!worker)
        return -ENOMEM;
    b->worker = worker;
    while (b->workers < shares) {
        b->worker[b->workers] = worker_create(b->m, b->stride);
        if (!b->worker[b->workers])
            return -ENOMEM;
        b->workers++;
    }
    return 0;
}

void hnsw_builder_codes_changed(struct hnsw_builder *b, const struct codes *codes)
{
    hnsw_round_drop(b);
    if (b->stride == codes->stride)
        return;
    for (unsigned i = 0; i < b->workers; i++)
        worker_destroy(b->worker[i]);
    b->workers = 0;
    b->stride = codes->stride;
}

int hnsw_builder_reserve(struct hnsw_builder *b, const struct hnsw *g, unsigned shares, uint32_t new_rows)
{
    const uint32_t pruned = 2 * g->m + new_rows, candidates = pruned > g->ef_construct ? pruned : g->ef_construct;
    int rc = add_workers(b, shares);
    for (unsigned i = 0; i < b->workers && rc == 0; i++) {
        rc = scratch_reserve(b->worker[i]->scratch, g->count + new_rows, g->ef_construct, 0, 0);
        if (rc == 0)
            rc = worker_reserve(b->worker[i], candidates);
    }
    return rc;
}

int hnsw_round_reserve_rows(struct round *r, uint32_t m, uint32_t rows, uint32_t lists)
{
    if (rows > r->rows_max) {
        memory_free(r->new_row);
        memory_free(r->chosen);
        r->new_row = calloc(rows, sizeof(*r->new_row));
        r->chosen = calloc((size_t)rows * 2 * m, sizeof(*r->chosen));
        r->rows_max = r->new_row && r->chosen ? rows : 0;
    }
    if (lists > r->lists_max) {
        memory_free(r->upper_chosen);
        memory_free(r->upper_count);
        r->upper_chosen = calloc((size_t)lists * m, sizeof(*r->upper_chosen));
        r->upper_count = calloc(lists, sizeof(*r->upper_count));
        r->lists_max = r->upper_chosen && r->upper_count ? lists : 0;
    }
    return r->rows_max >= rows && r->lists_max >= lists ? 0 : -ENOMEM;
}

int hnsw_round_reserve_links(struct round *r, uint32_t links_back)
{
    if (links_back <= r->links_back_max)
        return 0;
    memory_free(r->links_back);
    memory_free(r->sorting);
    memory_free(r->group);
    r->links_back = calloc(links_back, sizeof(*r->links_back));
    r->sorting = calloc(links_back, sizeof(*r->sorting));
    r->group = calloc(links_back, sizeof(*r->group));
    r->links_back_max = r->links_back && r->sorting && r->group ? links_back : 0;
    return r->links_back_max ? 0 : -ENOMEM;
}

int hnsw_round_reserve_lists(struct round *r, uint32_t m, uint32_t slots)
{
    if (slots <= r->slots_max)
        return 0;
    memory_free(r->new_lists);
    r->new_lists = calloc((size_t)slots * 2 * m, sizeof(*r->new_lists));
    r->slots_max = r->new_lists ? slots : 0;
    return r->slots_max ? 0 : -ENOMEM;
}
