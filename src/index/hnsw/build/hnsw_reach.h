/* hnsw_reach.h -- what the files of the search for every row share: hnsw_reach.c has the turns,
 * hnsw_reach_search.c searches, hnsw_reach_mend.c writes links. */
#pragma once

#include "index/hnsw/build/hnsw_builder.h"

#define REACH_TURNS 6
/* the turn with the last bridges: more would cost a tenth of the build's time */
#define REACH_BRIDGES 3

/* Where the walk for a row ended. */
struct walk_end {
    bool done, missed;
    bool lost; /* no beam finds it: its code is like those of many others */
    /* a wider beam finds a row that is nearer than all that the smallest found: */
    bool stuck;
    uint32_t bridge; /* that row, which `nearest` shall link to */
    /* of the later searches that must find it; 0: none must, or the smallest does */
    uint32_t beam;
    uint32_t nearest[REACH_ANCHORS]; /* rows that may link to it; LINK_NONE: there are no more */
    struct inlink_found inlink;      /* while the graph grows */
};

/* Searches for the rows of the window; shares take some at a time. -ENOMEM, or what the pause
 * returned: then the next call goes on. */
MUST_USE int reach_search_window(const struct reach_search *search, struct hnsw_builder *b,
                                 const struct workers *workers, const struct pause *pause);
/* The row is searched for in the next turn, too. -ENOMEM. */
MUST_USE int reach_add_again(struct reaching *r, uint32_t row);
/* Links to a row that was missed: from all rows where its search ended that have room; if none has,
 * one instead of another, from another row each turn. -ENOMEM. */
MUST_USE int reach_mend(struct hnsw *g, struct hnsw_builder *b, uint32_t row, const struct walk_end *end);
/* Links to end->bridge from all rows where the walk for the row was stuck. -ENOMEM. */
MUST_USE int reach_bridge(struct hnsw *g, struct hnsw_builder *b, uint32_t row, const struct walk_end *end);
