/* manifest_parse.h -- the manifest from its bytes: no I/O, so that a fuzzer can eat it. */
#pragma once

#include "base/memory.h"
#include "shards/manifest.h"

/* name: for the sentence. On success manifest_fini() frees *m; on failure there is nothing to free. */
MUST_USE int manifest_parse(const void *bytes, size_t size, struct manifest *m, const char *name, struct error *error);
