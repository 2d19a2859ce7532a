/* build_progress.h -- how far a seal, a merge or a compaction is, for people to look at. The fiber
 * that does the work notes what it does; whoever asks computes the rest. One reactor;
 * zero-initialised is nothing under way. */
#pragma once

#include "reactor/runtime.h"
#include <stddef.h>

struct segment_index;

enum build_kind { BUILD_SEAL, BUILD_MERGE, BUILD_COMPACT, BUILD_KINDS };
enum build_phase {
    BUILD_READING, /* what goes over, with its checksums */
    BUILD_COLUMNS, /* written to the new file */
    BUILD_GRAPH,
    BUILD_CODES, /* for searches once it is sealed */
    BUILD_WRITING,
    BUILD_TAKING_OVER, /* committed; the old ones go */
    BUILD_PHASES
};

struct build_progress {
    uint64_t began_ns; /* 0: nothing is under way */
    uint64_t graph_ns; /* when the graph was begun */
    uint64_t collection;
    enum build_kind kind;
    enum build_phase phase;
    uint32_t rows, rows_before;        /* of the result; in its graph when that was begun */
    const struct segment_index *index; /* while its graph is built */
};

void build_begin(struct build_progress *p, enum build_kind kind, uint64_t collection, uint32_t rows);
void build_enter(struct build_progress *p, enum build_phase phase);
/* Enters BUILD_GRAPH: borrows the index until the next phase. */
void build_enter_graph(struct build_progress *p, const struct segment_index *index, uint32_t rows);
void build_end(struct build_progress *p);

struct build_info {
    uint64_t collection;
    enum build_kind kind;
    enum build_phase phase;
    uint32_t rows, rows_done;     /* in the graph */
    uint64_t elapsed_ns, left_ns; /* left of the graph, at its pace so far; 0: not known */
};
/* Whether anything is under way. */
bool build_read(const struct build_progress *p, struct build_info *ret);
const char *build_kind_name(enum build_kind kind);    /* "seal" */
const char *build_phase_name(enum build_phase phase); /* "graph" */
