/* compare.h -- compares two files of `ann --output` lines: has an engine become slower? */
#pragma once

#include "result.h"

enum compare_verdict {
    COMPARE_SAME, /* within the variation of the rounds, or the threshold */
    COMPARE_FASTER,
    COMPARE_SLOWER, /* beyond both: a regression */
    COMPARE_LOST,   /* the recall is no longer reached: a regression */
    COMPARE_GAINED, /* the recall was not reached before */
};

struct compare_options {
    double threshold; /* 0.05: 5 % slower is a regression */
    /* an engine of both files by whose speed both are divided, because machines and times differ;
     * NULL: none */
    const char *relative;
};

/* The verdict on new/old at one recall. The uncertainty of the ratio comes from the rounds, old and
 * new, and from the engine that both are divided by. *ret_ratio is 0 if there is no ratio. */
enum compare_verdict compare_points(const struct compare_options *o, const struct result *old, const struct result *now,
                                    const char *engine, double recall, double *ret_ratio);

/* Writes a line for each data, engine and recall that both files have. Returns the number of
 * regressions; *ret_compared: lines. */
unsigned compare_results(const struct compare_options *o, const struct results *old, const struct results *now,
                         FILE *to, unsigned *ret_compared);
