/* refine.h -- scores the best candidates again, by something finer than the
 * code that found them. */
#pragma once

#include "index/scratch.h"
#include "vectors/codes/codes.h"

/* By how much distances changed when they were scored again: an estimate of
 * the error of the code. */
struct refine_errors {
    uint32_t count;
    double squares; /* sum of the squared changes */
};

struct refinement {
    const struct codes_query *by;    /* scores again */
    const struct codes_query *found; /* scored before */
    const struct pause *pause;
    struct search_scratch *scratch; /* its batch arrays are used */
    struct topk *top;               /* hits are added here */
    struct refine_errors *errors;   /* is added to; NULL: not wanted */
};

/* Scores hits[0 .. count) again. They are sorted, nearest first; the array is
 * overwritten. Leaves out hits that cannot be among the best, by the bound of their
 * error. 0, or what the pause returned. */
MUST_USE int refine(const struct refinement *r, struct hit *hits, uint32_t count);

/* Estimates how many rows that are not among `count` hits are nearer than `farthest`, if
 * their distances have the same errors. middle, last: the distances by code of the middle hit
 * and of the last one. */
double refine_missed(const struct refine_errors *errors, uint32_t count, float middle, float last, float farthest);
