/* segment_pages.h -- reads pages of a sealed segment's file, for an index that needs them during a
 * search (INDEX_DISK).
 *
 * Such an index names bytes by their address in the mapping, but does not touch them: a page that
 * is not in memory would stop the whole core. A read stops only one fiber. There is one struct for
 * each search of a segment. It belongs to the fiber of the search, which holds the segment. */
#pragma once

#include "shards/segment/segment.h"

struct segment_pages {
    const struct store *store;
    struct segment *segment; /* it keeps the file open for later searches */
    struct error *error;     /* says why a read failed; may be NULL */
    uint64_t offset;         /* of the page that was read last */
};

/* The function for search_params.fetch; arg: struct segment_pages. Reads up to
 * FILE_READS_AT_ONCE pages at a time. Returns the errno of the first read that failed; the error
 * then names file and offset. Waits. */
MUST_USE int segment_pages_fetch(void *arg, const struct page_read *reads, unsigned n);
/* Makes the error for pages with wrong checksums, with file and offset. */
void segment_pages_damage(const struct segment_pages *p, struct error *ret);
