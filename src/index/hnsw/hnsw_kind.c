/* hnsw_kind.c -- the table of the index kind, and the functions that create and destroy its
 * state, estimate the cost of a walk, and choose rows as queries. */
#include "index/hnsw/build/hnsw_builder.h"
#include "index/hnsw/hnsw_index.h"

#include "base/memory_use.h"
#include <errno.h>
#include <stdlib.h>

/* Gives values to options that were not resolved. */
static void give_defaults(struct index_options *o)
{
    o->m = o->m == 0 ? 16 : o->m < 2 ? 2 : o->m > HNSW_M_MAX ? HNSW_M_MAX : o->m;
    o->ef_construct = o->ef_construct ? o->ef_construct : 100;
    if (o->ef_construct < o->m)
        o->ef_construct = o->m;
}

int hnsw_index_create(const struct index_host *host, struct index **ret)
{
    struct hnsw_index *x = calloc(1, sizeof(*x));
    if (!x)
        return -ENOMEM;
    give_defaults(host->options);
    hnsw_init(&x->graph, host->options);
    x->graph.copies = host->copies;
    x->base = (struct index){&index_hnsw, host, &x->graph.count};
    *ret = &x->base;
    return 0;
}

void hnsw_index_destroy(struct index *base)
{
    struct hnsw_index *x = hnsw_index_of(base);
    hnsw_fini(&x->graph);
    hnsw_builder_destroy(x->builder);
    links_packed_fini(&x->packed);
    free(x->header);
    free(x);
}

static void give_back(struct index *base, void (*pause)(void))
{
    struct hnsw_index *x = hnsw_index_of(base);
    struct row_array *arrays[] = {&x->graph.links, &x->graph.packed.sets, &x->graph.node, &x->graph.upper,
                                  &x->packed.sets};
    for (unsigned i = 0; i < ARRAY_LEN(arrays); i++)
        row_array_give_back(arrays[i], pause);
}

static void count_memory(const struct index *base, struct memory_use *use)
{
    const struct hnsw_index *x = hnsw_index_const(base);
    use->bytes[MEMORY_LINKS] += sizeof(*x) + hnsw_bytes(&x->graph) + row_array_bytes(&x->packed.sets);
    use->bytes[MEMORY_BUILDS] += hnsw_builder_bytes(x->builder);
}

/* -- the cost of a walk -- */

/* rows that were not visited, about, among the links of a candidate */
#define HOP_ROWS    24
#define NS_PER_ROW  12  /* visited bits, pool, mispredicted branches */
#define NS_PER_BYTE .06 /* of a code that comes from memory */

static double cost_ns(const struct index *base, const struct index_query *q)
{
    const double rows = (double)hnsw_index_effort(base, q) * HOP_ROWS;
    const double visited = rows < q->limit ? rows : q->limit;
    return visited * (NS_PER_ROW + NS_PER_BYTE * base->host->codes->stride);
}

/* -- rows as queries -- */

/* Nodes are in the order of their rows, so a binary search finds one. */
static bool is_on_a_higher_layer(const struct hnsw *g, uint32_t row)
{
    uint32_t low = 0, high = g->nodes;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (hnsw_node(g, middle)->row < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low < g->nodes && hnsw_node(g, low)->row == row;
}

#define EXAM_ROWS 4096 /* of fewer rows, one in eight would be too few queries */

/* A walk can leave out only a row that is on no higher layer. */
static bool may_hide(const struct index *base, uint32_t row)
{
    const struct hnsw *g = &hnsw_index_const(base)->graph;
    const bool is_exam = base->host->metric != METRIC_IP || g->count < EXAM_ROWS || hnsw_is_exam_row(row);
    return is_exam && !is_on_a_higher_layer(g, row);
}

static uint32_t near_row(const struct index *base, uint32_t row, uint32_t i)
{
    const struct hnsw *g = &hnsw_index_const(base)->graph;
    const uint32_t *links = hnsw_links(g, row), count = links_count(links, 2 * g->m);
    return count ? links[i % count] : row;
}

const struct index_kind index_hnsw = {
    .name = "hnsw",
    .id = 2,
    .version = 1,
    .features = INDEX_NO_TRAIN | INDEX_MMAP | INDEX_GPU | INDEX_FILTERED | INDEX_CODES,
    .check_options = hnsw_options_check,
    .resolve = hnsw_options_resolve,
    .most = hnsw_options_most,
    .say = hnsw_options_say,
    .row_bytes = hnsw_options_row_bytes,
    .memory = hnsw_index_memory,
    .create = hnsw_index_create,
    .destroy = hnsw_index_destroy,
    .give_back = give_back,
    .count_memory = count_memory,
    .build = hnsw_index_build,
    .codes_changed = hnsw_index_codes_changed,
    .finish = hnsw_index_finish,
    .reach = hnsw_index_reach,
    .join = hnsw_index_join,
    .effort = hnsw_index_effort,
    .search = hnsw_index_search,
    .cost_ns = cost_ns,
    .may_hide = may_hide,
    .near = near_row,
    .save = hnsw_index_save,
    .open = hnsw_index_open,
};
