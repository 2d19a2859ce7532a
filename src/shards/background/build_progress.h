/* build_progress.h -- how far a seal, a merge or a compaction is, for users. The fiber that does
 * the work notes its steps. The rest is computed when a user asks. It belongs to one reactor.
 * Zero-initialised: no build is under way. */
#pragma once

#include "reactor/runtime.h"
#include <stddef.h>

struct segment_index;

enum build_kind { BUILD_SEAL, BUILD_MERGE, BUILD_COMPACT, BUILD_KINDS };
enum build_phase {
    BUILD_READING, /* reads the inputs of a merge, with their checksums */
    BUILD_COLUMNS, /* writes the columns of the new file */
    BUILD_GRAPH,
    BUILD_CODES, /* makes the codes of the sealed index */
    BUILD_WRITING,
    BUILD_TAKING_OVER, /* the commit is done; the old segments are replaced */
    BUILD_PHASES
};

struct build_progress {
    uint64_t began_ns; /* 0: no build is under way */
    uint64_t graph_ns; /* when the build of the graph began */
    uint64_t collection;
    enum build_kind kind;
    enum build_phase phase;
    /* rows of the new segment; rows in its graph when graph_ns was noted */
    uint32_t rows, rows_before;
    const struct segment_index *index; /* while its graph is built, else NULL */
};

void build_begin(struct build_progress *p, enum build_kind kind, uint64_t collection, uint32_t rows);
void build_enter(struct build_progress *p, enum build_phase phase);
/* Enters BUILD_GRAPH. Borrows the index until the next phase. */
void build_enter_graph(struct build_progress *p, const struct segment_index *index, uint32_t rows);
void build_end(struct build_progress *p);

struct build_info {
    uint64_t collection;
    enum build_kind kind;
    enum build_phase phase;
    uint32_t rows, rows_done; /* rows_done: in the graph */
    /* left_ns: time to build the rest of the graph, at the rate so far; 0: not known */
    uint64_t elapsed_ns, left_ns;
};
/* Returns whether a build is under way. */
bool build_read(const struct build_progress *p, struct build_info *ret);
const char *build_kind_name(enum build_kind kind);    /* "seal" */
const char *build_phase_name(enum build_phase phase); /* "graph" */
