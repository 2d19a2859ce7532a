/* segment_pages.h -- pages of a sealed segment's file, for an index that reads them while it
 * searches (INDEX_DISK).
 *
 * Such an index names bytes by where they lie in the mapping and does not touch them there: a page
 * that is not in memory would stop the whole core, where a read stops one fiber. One per search and
 * segment; belongs to the fiber of the search. */
#pragma once

#include "shards/segment/segment.h"

struct segment_pages {
    const struct store *store;
    const struct segment *segment;
    struct file *file; /* opened by the first fetch */
    bool removed;      /* a merge took the segment's place, and the file is gone */
    uint64_t offset;   /* of what was read last */
};

/* What index_query.fetch is, with a struct segment_pages. Negative, the first that failed.
 * Waits. */
MUST_USE int segment_pages_fetch(void *arg, const struct page_read *reads, unsigned n);
void segment_pages_close(struct segment_pages *p);
/* The sentence on pages that are not what was written, with file and offset. */
void segment_pages_damage(const struct segment_pages *p, struct error *ret);
