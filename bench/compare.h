/* compare.h -- two files of `ann --output` lines side by side: did the engine become slower? */
#pragma once

#include "result.h"

enum compare_verdict {
    COMPARE_SAME, /* within the spread of the rounds, or the threshold */
    COMPARE_FASTER,
    COMPARE_SLOWER, /* beyond both: a regression */
    COMPARE_LOST,   /* the recall was reached and is no more: a regression */
    COMPARE_GAINED, /* the recall is reached now */
};

struct compare_options {
    double threshold; /* .05: five in a hundred slower is a regression */
    /* an engine of both files by which both are divided, since machines and hours differ; NULL:
     * none */
    const char *relative;
};

/* new/old at one recall, with its verdict. The ratio's uncertainty is that of the rounds, old and
 * new, and of the engine both are divided by. *ret_ratio is 0 where there is none. */
enum compare_verdict compare_points(const struct compare_options *o, const struct result *old, const struct result *now,
                                    const char *engine, double recall, double *ret_ratio);

/* Writes a line a data, engine and recall that both files have; returns the regressions among them.
 * *ret_compared: lines. */
unsigned compare_results(const struct compare_options *o, const struct results *old, const struct results *now,
                         FILE *to, unsigned *ret_compared);
