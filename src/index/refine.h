/* refine.h -- scoring the best candidates again, by something finer than the code that found
 * them. */
#pragma once

#include "index/scratch.h"
#include "vectors/codes/codes.h"

/* By how much scores changed: what the code errs, about. */
struct refine_errors {
    uint32_t count;
    double squares; /* their sum */
};

struct refinement {
    const struct codes_query *by;    /* what scores again */
    const struct codes_query *found; /* what scored before */
    const struct pause *pause;
    struct search_scratch *scratch; /* its batch arrays are used */
    struct topk *top;               /* hits are added here */
    struct refine_errors *errors;   /* added to; NULL: nobody asks */
};

/* Scores hits[0 .. count), which are sorted nearest first and get spent. Those that the bound of
 * their error keeps from being among the best are left out. 0, or what the pause returned. */
MUST_USE int refine(const struct refinement *r, struct hit *hits, uint32_t count);

/* About how many rows that were not among `count` hits are nearer than `farthest`, if their
 * scores err as those of the hits did. middle, last: distances by code of the hits in the
 * middle and at the end. */
double refine_missed(const struct refine_errors *errors, uint32_t count, float middle, float last, float farthest);
