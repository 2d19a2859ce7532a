/* fan_out.h -- the number of cores that work on a search.
 *
 * All cores together answer one search soonest. One core a search answers the most searches,
 * because each part on another core costs two messages and a walk of its own. So a search fans
 * out while the other cores have little to do and the search is long enough to be worth waking
 * them. Runs on the core of the search. */
#pragma once

#include "query/query.h"

/* What one core knows of the load of the others. Zero-initialised. */
struct fan_out_view {
    uint64_t looked_ns; /* when the loads were last read; 0: never */
    bool idle;          /* the others had time then */
};
/* Reads the loads of the other cores if the last reading is at least a millisecond old. `load`
 * gives the load of a core, 0 to 1000, as runtime_load(). Returns whether the others have time. */
bool fan_out_look(struct fan_out_view *v, uint64_t now_ns, unsigned self, unsigned reactors,
                  unsigned (*load)(unsigned));

struct core;

/* Whether a search should also go to other cores. work_ns is the CPU time of all its
 * parts together, about; `parts` is the number of cores with a part. 0 means that the
 * time is not known, and the search stays here. One part stays here too, because it ends
 * no sooner elsewhere. */
bool fan_out_wide(struct core *c, uint64_t work_ns, unsigned parts);
/* The same for a search that may ask for a fan-out itself. Counts the decision in c->metrics,
 * but not on a single core, which has no choice. */
bool fan_out_choose(struct core *c, enum fan_out asked, uint64_t work_ns, unsigned parts);
