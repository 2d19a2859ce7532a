/* build_progress.c -- the time for the rest of a graph is estimated from the time that
 * its rows took so far. */
#include "shards/background/build_progress.h"
#include "index/segment_index.h"

void build_begin(struct build_progress *p, enum build_kind kind, uint64_t collection, uint32_t rows)
{
    *p = (struct build_progress){
        .began_ns = clock_now_ns(), .collection = collection, .kind = kind, .phase = BUILD_READING, .rows = rows};
}

void build_enter(struct build_progress *p, enum build_phase phase)
{
    p->phase = phase;
    p->index = NULL;
}

void build_enter_graph(struct build_progress *p, const struct segment_index *index, uint32_t rows)
{
    p->phase = BUILD_GRAPH;
    p->graph_ns = clock_now_ns();
    p->index = index;
    p->rows = rows;
    p->rows_before = segment_index_graphed(index);
}

void build_end(struct build_progress *p)
{
    *p = (struct build_progress){0};
}

/* A row takes only a little longer in a larger graph, so the rate so far is a good estimate. */
static uint64_t graph_left_ns(const struct build_progress *p, uint32_t done, uint64_t now_ns)
{
    uint32_t built = done - p->rows_before;
    if (built == 0)
        return 0;
    return (uint64_t)((double)(now_ns - p->graph_ns) / built * (p->rows - done));
}

bool build_read(const struct build_progress *p, struct build_info *ret)
{
    if (p->began_ns == 0)
        return false;
    uint64_t now_ns = clock_now_ns();
    *ret = (struct build_info){.collection = p->collection,
                               .kind = p->kind,
                               .phase = p->phase,
                               .rows = p->rows,
                               .rows_done = p->phase > BUILD_GRAPH ? p->rows : 0,
                               .elapsed_ns = now_ns - p->began_ns};
    if (p->index) {
        uint32_t done = segment_index_graphed(p->index);
        ret->rows_done = done < p->rows ? done : p->rows;
        ret->left_ns = graph_left_ns(p, ret->rows_done, now_ns);
    }
    return true;
}

const char *build_kind_name(enum build_kind kind)
{
    static const char *const names[BUILD_KINDS] = {"seal", "merge", "compact"};
    return names[kind];
}

const char *build_phase_name(enum build_phase phase)
{
    static const char *const names[BUILD_PHASES] = {"reading", "columns", "graph", "codes", "writing", "taking over"};
    return names[phase];
}
