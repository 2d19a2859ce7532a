/* segment_pages.h -- pages of a sealed segment's file, for an index that reads them while it
 * searches (INDEX_DISK).
 *
 * Such an index names bytes by where they lie in the mapping and does not touch them there: a page
 * that is not in memory would stop the whole core, where a read stops one fiber. One per search and
 * segment; belongs to the fiber of the search, which holds the segment. */
#pragma once

#include "shards/segment/segment.h"

struct segment_pages {
    const struct store *store;
    struct segment *segment; /* keeps the file open for later searches */
    struct error *error;     /* says why a read failed; may be NULL */
    uint64_t offset;         /* of what was read last */
};

/* What index_query.fetch is, with a struct segment_pages. Reads up to FILE_READS_AT_ONCE pages at a
 * time. Negative, the first that failed: then the error names file and offset. Waits. */
MUST_USE int segment_pages_fetch(void *arg, const struct page_read *reads, unsigned n);
/* The sentence on pages that are not what was written, with file and offset. */
void segment_pages_damage(const struct segment_pages *p, struct error *ret);
