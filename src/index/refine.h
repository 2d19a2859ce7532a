/* refine.h -- scoring the best candidates again, by something finer than the code that found them. */
#pragma once

#include "index/codes.h"
#include "index/scratch.h"

/* Scores hits[0 .. count), nearest first as `found` scored them, by q and keeps the best in top. Those that the bound of their
 * error keeps from being among them are left out. The scratch's batch arrays are used. */
void refine(const struct codes_query *q, const struct codes_query *found, struct hit *hits, uint32_t count,
            struct search_scratch *w, struct topk *top);
