#include "peers/kith.h"
#include "peers/kith_crew.h"

#include "base/memory.h"

#include <string.h>

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

static int link_rows(struct grown *g, const struct peer_build *b)
{
    const struct peer_variant *v = &b->variant;
    const struct index_options options = {.m = (uint16_t)b->m,
                                          .ef_construct = (uint16_t)b->ef_construct,
                                          .seed = 1,
                                          .code = (enum code_kind)v->code,
                                          .code_bits = (uint8_t)v->code_bits,
                                          .refine = (enum refine_kind)v->refine,
                                          .links = (enum links_kind)v->links};
    if (segment_index_create((enum metric)b->metric, b->dim, &options, &g->index) < 0)
        return -1;
    struct build_watch watch = {.build = b, .index = g->index};
    struct pause pause = {on_pause, &watch};
    struct thread_crew *crew = b->threads > 1 ? thread_crew_create(b->threads) : NULL;
    if (b->threads > 1 && !crew)
        return -1;
    int rc = segment_index_build(g->index, &g->vectors, b->count, thread_crew_lend(crew), &pause);
    if (crew)
        *b->ret_spared_ns = thread_crew_spared_ns(crew);
    thread_crew_destroy(crew);
    if (rc == 0)
        rc = segment_index_finish(g->index, &g->vectors, &pause);
    b->progress(b->arg, segment_index_graphed(g->index));
    return rc;
}

int grown_init(const struct peer_build *b, struct grown *ret)
{
    size_t row_bytes = b->dim * sizeof(float), stride = rows_stride(row_bytes);
    *ret = (struct grown){.column_bytes = stride * b->count};
    ret->column = huge_alloc(ret->column_bytes);
    if (!ret->column)
        return -1;
    for (uint32_t row = 0; row < b->count; row++)
        memcpy(ret->column + row * stride, b->vectors + (size_t)row * b->dim, row_bytes);
    ret->vectors = (struct rows){.chunk = &ret->column, .stride = (uint32_t)stride, .shift = 31};
    return link_rows(ret, b);
}

void grown_fini(struct grown *g)
{
    if (g->index)
        segment_index_destroy(g->index);
    if (g->column)
        huge_free(g->column, g->column_bytes);
    *g = (struct grown){0};
}
