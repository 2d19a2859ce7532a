/* gpu_none.c -- the table of a server built without CUDA. */
#include "gpu/gpu.h"

static int probe(struct error *why)
{
    return error_set(why, ERROR_UNAVAILABLE, "no GPU: this server was built without CUDA");
}

const struct gpu gpu_none = {.name = "none", .probe = probe};
