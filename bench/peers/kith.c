/* Kith's own index, held as a shard holds a segment: the vectors in a column of padded rows, the index beside them. */
#include "peers/peer.h"

#include "base/memory.h"
#include "index/segment_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kith_index {
    struct segment_index *index;
    struct search_scratch *scratch;
    struct rows vectors;
    uint8_t *column; /* what vectors points to */
    size_t column_bytes;
    uint32_t count;
    struct hit *hits;
    uint32_t hits_room;
};

static const char *describe(void)
{
    return "segment_index, kernels chosen at start";
}

static const char *refuse(const struct peer_variant *v)
{
    if ((v->code != PEER_CODE_AUTO && v->code != PEER_CODE_SQ8) || v->links == PEER_LINKS_PACKED || v->mapped ||
        (v->refine != PEER_REFINE_AUTO && v->refine != PEER_REFINE_F32))
        return "so far the index has 8-bit codes, plain links, and f32 vectors in memory to score again by";
    return NULL;
}

static unsigned refine_ks(const struct peer_variant *v, double ret[4])
{
    return 0; /* the search decides */
}

static void destroy(void *index)
{
    struct kith_index *x = index;
    if (x->index)
        segment_index_destroy(x->index);
    if (x->scratch)
        search_scratch_destroy(x->scratch);
    if (x->column)
        huge_free(x->column, x->column_bytes);
    free(x->hits);
    free(x);
}

struct build_watch {
    const struct peer_build *build;
    const struct segment_index *index;
    uint32_t calls;
};

static int on_pause(void *arg)
{
    struct build_watch *w = arg;
    if (++w->calls % 64 == 0)
        w->build->progress(w->build->arg, segment_index_graphed(w->index));
    return 0;
}

static int fill_and_link(struct kith_index *x, const struct peer_build *b)
{
    size_t row_bytes = b->dim * sizeof(float), stride = rows_stride(row_bytes);
    x->column_bytes = stride * b->count;
    x->column = huge_alloc(x->column_bytes);
    x->scratch = search_scratch_create();
    if (!x->column || !x->scratch)
        return -1;
    for (uint32_t row = 0; row < b->count; row++)
        memcpy(x->column + row * stride, b->vectors + (size_t)row * b->dim, row_bytes);
    x->vectors = (struct rows){.chunk = &x->column, .stride = (uint32_t)stride, .shift = 31};
    x->count = b->count;

    struct index_options options = {.m = (uint16_t)b->m, .ef_construct = (uint16_t)b->ef_construct, .seed = 1};
    if (segment_index_create((enum metric)b->metric, b->dim, &options, &x->index) < 0)
        return -1;
    struct build_watch watch = {.build = b, .index = x->index};
    struct pause pause = {on_pause, &watch};
    int rc = segment_index_advance(x->index, &x->vectors, b->count, &pause);
    b->progress(b->arg, segment_index_graphed(x->index));
    return rc;
}

static void *build(const struct peer_build *b)
{
    if (b->threads > 1) {
        fprintf(stderr, "kith: builds with one thread so far\n");
        return NULL;
    }
    struct kith_index *x = calloc(1, sizeof(*x));
    if (!x)
        return NULL;
    if (fill_and_link(x, b) < 0) {
        fprintf(stderr, "kith: the index cannot be built: out of memory?\n");
        destroy(x);
        return NULL;
    }
    return x;
}

static int search(void *index, const float *query, const struct peer_search *s, uint32_t *ret_rows)
{
    struct kith_index *x = index;
    if (x->hits_room < s->k) {
        free(x->hits);
        x->hits = calloc(s->k, sizeof(*x->hits));
        x->hits_room = x->hits ? s->k : 0;
        if (!x->hits)
            return -1;
    }
    struct search_params params = {.k = s->k, .ef = s->ef};
    int count = segment_index_search(x->index, &x->vectors, x->count, query, &params, x->scratch, x->hits);
    for (int i = 0; i < count; i++)
        ret_rows[i] = x->hits[i].row;
    return count;
}

static struct peer_memory memory(const void *index)
{
    const struct kith_index *x = index;
    return (struct peer_memory){.held = segment_index_bytes(x->index) + x->column_bytes};
}

const struct peer peer_kith = {"kith", describe, refuse, refine_ks, build, search, memory, destroy};
