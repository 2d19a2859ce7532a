/* fan_out.h -- over how many cores a search goes.
 *
 * All cores answer one search soonest; one core answers most searches in the end, because every
 * part on another core costs two messages and a walk of its own. So a search fans out while the
 * others have little to do and it is long enough to be worth waking them for. Runs on the core of
 * the search. */
#pragma once

#include "query/query.h"

/* One core's view of the others. Zero-initialised. */
struct fan_out_view {
    uint64_t looked_ns; /* when their loads were last read; 0: never */
    bool idle;          /* they had time then */
};
/* Reads the loads of the others again if the last time is a millisecond ago or more; `load` gives
 * one of 0..1000 as runtime_load(). Returns whether they have time. */
bool fan_out_look(struct fan_out_view *v, uint64_t now_ns, unsigned self, unsigned reactors,
                  unsigned (*load)(unsigned));

struct core;

/* Shall a search of about so much CPU time, all its parts together, go to the cores whose parts
 * they are, so many? A time of 0 is not known, and then it does not; nor where it has one part,
 * which is not done sooner elsewhere. */
bool fan_out_wide(struct core *c, uint64_t work_ns, unsigned parts);
/* The same for a search that may have asked for a way of its own. Counts what was decided in
 * c->metrics; on a single core nothing is to decide, and nothing is counted. */
bool fan_out_choose(struct core *c, enum fan_out asked, uint64_t work_ns, unsigned parts);
