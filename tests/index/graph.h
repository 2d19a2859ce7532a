/* graph.h -- access to the graph of an HNSW index, for tests that look into it. */
#pragma once

#include "index/hnsw/build/hnsw_builder.h"
#include "index/hnsw/hnsw_index.h"
#include "index/segment_index_internal.h"

static inline struct hnsw *graph_of(const struct segment_index *x)
{
    return &hnsw_index_of(x->index)->graph;
}

/* NULL: no row was linked yet. */
static inline struct hnsw_builder *builder_of(const struct segment_index *x)
{
    return hnsw_index_of(x->index)->builder;
}
