/* hnsw_memory.c -- estimates the memory of a graph and its build before it begins: the arrays as
 * they grow, and the memory of the workers. Only the numbers of nodes and of links are guesses. */
#include "index/hnsw/build/hnsw_builder.h"
#include "index/hnsw/hnsw_index.h"

#include "base/bits.h"

/* In eighths: the fill of a new list, and the share of the rows linked to that need a new
 * list in the same round. */
#define FILLED 7
#define PRUNED 5

static uint64_t worker_memory(const struct index_options *o, uint32_t stride, uint64_t rows, uint64_t new_rows)
{
    const uint64_t links = 2 * (uint64_t)o->m, pruned = links + new_rows;
    const uint64_t candidates = pruned > o->ef_construct ? pruned : o->ef_construct;
    const uint64_t visited = bits_words(rows) + bits_words(rows) / 8;
    const uint64_t scratch = sizeof(struct search_scratch) + (VISIT_LOG + HOP_MAX) * sizeof(uint32_t) +
                             visited * sizeof(uint64_t) + 2 * o->ef_construct * sizeof(struct cand);
    return sizeof(struct hnsw_worker) + scratch + (links + 1) * stride +
           links * (sizeof(void *) + sizeof(struct folded_row) + sizeof(float) + sizeof(uint32_t)) +
           candidates * (sizeof(struct cand) + sizeof(struct waiting));
}

static uint64_t round_memory(const struct index_options *o, uint64_t new_rows)
{
    const uint64_t links = 2 * (uint64_t)o->m, back = new_rows * links * FILLED / 8;
    return new_rows * (sizeof(struct new_row) + links * sizeof(struct cand)) +
           back * (2 * sizeof(struct link_back) + sizeof(struct link_group)) +
           back * PRUNED / 8 * links * sizeof(uint32_t);
}

uint64_t hnsw_index_memory(const struct index_host *host, uint32_t rows, unsigned shares)
{
    const struct index_options *o = host->options;
    const uint32_t stride = rows_stride(host->dim), nodes = rows / o->m, lists = rows / (o->m - 1u);
    const uint32_t new_rows = hnsw_round_rows(o->m, rows);
    return sizeof(struct hnsw_index) + row_array_bytes_of(2 * o->m * (uint32_t)sizeof(uint32_t), rows) +
           row_array_bytes_of(sizeof(struct hnsw_node), nodes) +
           row_array_bytes_of(o->m * (uint32_t)sizeof(uint32_t), lists) + sizeof(struct hnsw_builder) +
           shares * (sizeof(void *) + worker_memory(o, stride, rows, new_rows)) + round_memory(o, new_rows);
}
