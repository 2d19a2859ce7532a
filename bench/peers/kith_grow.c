#include "peers/kith.h"
#include "peers/kith_workers.h"

#include "base/memory.h"
#include "clock.h"
#include "index/autoindex.h"

#include <string.h>

#define THREADS_MAX 64

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

/* The last grown graph, and its build times for each number of threads. */
static struct {
    struct grown grown;
    struct peer_build how;
    struct peer_times took[THREADS_MAX + 1];
} last;

static struct index_options options_of(const struct peer_build *b)
{
    const struct peer_variant *v = &b->variant;
    return (struct index_options){.m = (uint16_t)b->m,
                                  .ef_construct = (uint16_t)b->ef_construct,
                                  .seed = 1,
                                  .code = (enum code_kind)v->code,
                                  .code_bits = (uint8_t)v->code_bits,
                                  .refine = (enum refine_kind)v->refine,
                                  .links = (enum links_kind)v->links};
}

/* The options that the graph is grown with. With these, finishing does only the last step of the
 * graph, which all variants share. */
static const struct index_options as_grown = {
    .code = CODE_SQ8, .refine = REFINE_F32, .refine_k = 2, .links = LINKS_PLAIN};

static int finish(const struct grown *g, const struct index_options *options, const struct workers *workers)
{
    segment_index_unfinish(g->index, options);
    return segment_index_finish(g->index, &g->vectors, workers, NULL);
}

static int link_rows(struct grown *g, const struct peer_build *b)
{
    struct index_options options = options_of(b);
    struct index_why why = {.text = ""};
    index_options_begin(&options, b->count, &why);
    if (segment_index_create((enum metric)b->metric, b->dim, &options, &g->index) < 0)
        return -1;
    struct build_watch watch = {.build = b, .index = g->index};
    struct pause pause = {on_pause, &watch};
    struct thread_workers *workers = b->threads > 1 ? thread_workers_create(b->threads) : NULL;
    if (b->threads > 1 && !workers)
        return -1;
    int rc = segment_index_build(g->index, &g->vectors, b->count, thread_workers_lend(workers), &pause);
    if (rc == 0)
        rc = finish(g, &as_grown, thread_workers_lend(workers));
    if (workers)
        b->ret_times->spared_ns = thread_workers_spared_ns(workers);
    thread_workers_destroy(workers);
    return rc;
}

static int grow(const struct peer_build *b, struct grown *ret)
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

void kith_forget(void)
{
    if (last.grown.index)
        segment_index_destroy(last.grown.index);
    if (last.grown.column)
        huge_free(last.grown.column, last.grown.column_bytes);
    memset(&last, 0, sizeof(last));
}

/* Whether the last graph has the same data and options, with any number of threads. */
static bool is_last(const struct peer_build *b)
{
    return last.grown.index && last.how.vectors == b->vectors && last.how.count == b->count && last.how.dim == b->dim &&
           last.how.metric == b->metric && last.how.m == b->m && last.how.ef_construct == b->ef_construct;
}

static int grow_measured(const struct peer_build *b)
{
    struct peer_times took[THREADS_MAX + 1] = {0};
    if (is_last(b)) /* built again with another number of threads, to measure the time */
        memcpy(took, last.took, sizeof(took));
    kith_forget();
    uint64_t cpu = clock_process_cpu_ns(), wall = clock_wall_ns();
    int rc = grow(b, &last.grown);
    last.how = *b;
    memcpy(last.took, took, sizeof(took));
    last.took[b->threads] = (struct peer_times){.cpu_ns = clock_process_cpu_ns() - cpu,
                                                .wall_ns = clock_wall_ns() - wall,
                                                .spared_ns = b->ret_times->spared_ns};
    return rc;
}

static int finish_measured(const struct peer_build *b, const struct index_options *options)
{
    struct thread_workers *workers = b->threads > 1 ? thread_workers_create(b->threads) : NULL;
    if (b->threads > 1 && !workers)
        return -1;
    int rc = finish(&last.grown, options, thread_workers_lend(workers));
    if (workers)
        b->ret_times->spared_ns += thread_workers_spared_ns(workers);
    thread_workers_destroy(workers);
    return rc;
}

const struct grown *kith_grow(const struct peer_build *b)
{
    if (b->threads > THREADS_MAX)
        return NULL;
    int rc = 0;
    if (is_last(b) && last.took[b->threads].cpu_ns > 0)
        *b->ret_times = last.took[b->threads];
    else
        rc = grow_measured(b);
    if (rc == 0) {
        const struct index_options options = options_of(b);
        rc = finish_measured(b, &options);
        b->progress(b->arg, segment_index_graphed(last.grown.index));
    }
    if (rc < 0)
        kith_forget();
    return rc < 0 ? NULL : &last.grown;
}
