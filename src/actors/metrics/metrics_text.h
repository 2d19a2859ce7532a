/* metrics_text.h -- the Prometheus text format, version 0.0.4, for the files that write metrics.
 * A family has a HELP and a TYPE line, then its samples. */
#pragma once

#include "base/memory.h"

#include <inttypes.h>

/* The first error stays in rc, and is checked once at the end. */
struct metrics_text {
    struct buffer *out;
    int rc;
};

#define PRINT(t, ...)                                                                                                  \
    do {                                                                                                               \
        if ((t)->rc == 0)                                                                                              \
            (t)->rc = buffer_printf((t)->out, __VA_ARGS__);                                                            \
    } while (0)

static inline void metrics_family(struct metrics_text *t, const char *name, const char *type, const char *help)
{
    PRINT(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static inline double metrics_seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

struct metrics_sample;
/* Appends how long searches took, and what they cost the core (metrics_search.c). */
void metrics_searches(struct metrics_text *t, const struct metrics_sample *s, unsigned n,
                      const struct search_times *times);
