/* sealed.h -- an index built, finished and lent as regions, in memory of its own that a sanitizer
 * watches the ends of. */
#pragma once

#include "dataset.h"

struct sealed {
    struct dataset d;
    struct segment_index *x;
    struct index_region regions[SEGMENT_INDEX_REGIONS];
    void *copy[SEGMENT_INDEX_REGIONS]; /* allocations that end where the region ends */
    unsigned count;
};

void sealed_init(struct sealed *s, enum dataset_kind kind, enum metric metric, uint32_t dim, uint32_t count,
                 const struct index_options *options);
/* The same after queries came; NULL: none. */
struct query_sample;
void sealed_init_asked(struct sealed *s, enum dataset_kind kind, enum metric metric, uint32_t dim, uint32_t count,
                       const struct index_options *options, const struct query_sample *queries);
void sealed_fini(struct sealed *s);
/* What segment_index_open() says of the regions as they are now. */
int sealed_open(const struct sealed *s, bool copy_hot, struct segment_index **ret);
