/* load_picture.h -- draws latency over time as an SVG: for each interval the median and the 99th
 * percentile, on a logarithmic axis, with the phases in the background. */
#pragma once

#include "load/load.h"

#define PICTURE_PHASES_MAX 8

struct load_picture_phase {
    const char *name;
    double began_s, ended_s;
};

struct load_picture {
    struct drive_trace *trace; /* its points are sorted in place */
    struct load_picture_phase phases[PICTURE_PHASES_MAX];
    unsigned phase_count;
    double line_us; /* a level to compare with; 0: none */
    const char *line;
};

MUST_USE int load_picture_write(const struct load_picture *p, const char *path, struct error *e);
