/* index_memory.c -- estimates the memory of a build before it begins: codes as they grow,
 * copies, and what the kind says about itself. */
#include "index/segment_index_internal.h"

uint64_t index_memory(enum metric metric, uint32_t dim, uint32_t rows, const struct index_options *options,
                      unsigned shares)
{
    struct index_options o = *options;
    const struct index_host host = {.metric = metric, .dim = dim, .options = &o};
    const struct index_kind *kind = index_kind_of(o.kind);
    const uint64_t own = sizeof(struct segment_index) + kind->memory(&host, rows, shares);
    if (!(kind->features & INDEX_CODES))
        return own;
    return own + codes_bytes_of(code_to_build_on(metric, dim), metric, dim, rows) + copies_bytes_of(rows);
}
