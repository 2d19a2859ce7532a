/* sealed.h -- an index that was built and finished, as regions in separate allocations, so that
 * a sanitizer sees a read beyond their ends. */
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
/* The same, with lent queries; NULL: none. */
struct query_sample;
void sealed_init_asked(struct sealed *s, enum dataset_kind kind, enum metric metric, uint32_t dim, uint32_t count,
                       const struct index_options *options, const struct query_sample *queries);
void sealed_fini(struct sealed *s);
/* Opens the regions as they are now; returns as segment_index_open(). */
int sealed_open(const struct sealed *s, bool copy_hot, struct segment_index **ret);
