/* gpu.h -- a second way to build graphs, as a table that main() hands to the server.
 *
 * gpu_none is the table of a build without CUDA. probe() says whether a device can be used; it
 * answers once, at start, before any graph is built. */
#pragma once

#include "base/error.h"

struct gpu {
    const char *name; /* "none" */
    /* 0 when a device is there and usable; otherwise a negative errno and the reason. */
    int (*probe)(struct error *why);
};

extern const struct gpu gpu_none;
