/* refine.h -- scoring the best candidates again, by something finer than the code that found them. */
#pragma once

#include "index/codes.h"
#include "index/scratch.h"

/* Scores hits[0 .. count) by q and keeps the best in top. The scratch's batch arrays are used. */
void refine(const struct codes_query *q, const struct hit *hits, uint32_t count, struct search_scratch *w,
            struct topk *top);
