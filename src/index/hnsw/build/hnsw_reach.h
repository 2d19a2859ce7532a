/* hnsw_reach.h -- what the files of the search for every row share: hnsw_reach.c has the turns,
 * hnsw_reach_search.c searches, hnsw_reach_mend.c writes links. */
#pragma once

#include "index/hnsw/build/hnsw_builder.h"

#define REACH_TURNS 6
/* the last turn that adds bridges; more turns would cost a tenth of the build's time */
#define REACH_BRIDGES 3

/* The result of the search for one row. */
struct walk_end {
    bool done, missed;
    bool lost; /* no beam finds it, because its code is like those of many others */
    /* a wider beam finds a row that is nearer than all that the smallest beam found: */
    bool stuck;
    uint32_t bridge; /* that row, to which `nearest` shall link */
    /* the beam of later searches that must find the row; 0: none must, or the smallest does */
    uint32_t beam;
    uint32_t nearest[REACH_ANCHORS]; /* rows that may link to the row; LINK_NONE: the list ends */
    struct inlink_found inlink;      /* set while the graph grows */
};

/* Searches for the rows of the window; each share takes some at a time. -ENOMEM, or what the
 * pause returned; then another call goes on. */
MUST_USE int reach_search_window(const struct reach_search *search, struct hnsw_builder *b,
                                 const struct workers *workers, const struct pause *pause);
/* Adds the row to those of the next turn. -ENOMEM. */
MUST_USE int reach_add_again(struct reaching *r, uint32_t row);
/* Links to a row that was missed, from all rows where its search ended that have room. If none
 * has room, replaces one link of one of them, in each turn of another one. -ENOMEM. */
MUST_USE int reach_mend(struct hnsw *g, struct hnsw_builder *b, uint32_t row, const struct walk_end *end);
/* Links to end->bridge from all rows where the walk for the row was stuck. -ENOMEM. */
MUST_USE int reach_bridge(struct hnsw *g, struct hnsw_builder *b, uint32_t row, const struct walk_end *end);
