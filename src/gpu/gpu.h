/* gpu.h -- the interface to a device that builds graphs, as a table that main() passes to the
 * server.
 *
 * gpu_none is the table of a build without CUDA. probe() is called once, at the start, before any
 * graph is built. */
#pragma once

#include "base/error.h"

struct gpu {
    const char *name; /* "none" */
    /* 0 when a device can be used; otherwise a negative errno and the reason. */
    int (*probe)(struct error *why);
};

extern const struct gpu gpu_none;
