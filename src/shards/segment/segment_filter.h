/* segment_filter.h -- tests the rows of one segment against a filter: by columns, and by payloads
 * for fields without a column. */
#pragma once

#include "columns/payload_path.h"
#include "query/filter.h"
#include "query/plan.h"
#include "shards/segment/segment.h"

struct segment_filter {
    const struct filter *filter;
    const struct segment *segment;
    struct filter_rows rows;
    struct payload_reader reader;
    int failed; /* errno of a payload that could not be read; then no result is right */
    const struct column *columns[SCHEMA_FIELDS_MAX];
    struct segment_column *held[SCHEMA_FIELDS_MAX];
};

/* Begins with the first `rows` rows of a segment that the caller holds. Holds its columns until
 * segment_filter_end(). */
void segment_filter_begin(struct segment_filter *f, const struct filter *filter, struct segment *s, uint32_t rows);
void segment_filter_end(struct segment_filter *f);
struct plan segment_filter_plan(const struct segment_filter *f, uint32_t k, uint32_t ef, bool exact);
/* Sets bits, which has bits_words(rows) + 1 words, to the rows that pass. -ENOMEM, or
 * what the pause returned. */
MUST_USE int segment_filter_select(struct segment_filter *f, uint64_t *bits, const struct pause *pause);
/* Keeps the hits that pass, up to k. Returns how many, -ENOMEM, or what the pause returned. */
MUST_USE int segment_filter_hits(struct segment_filter *f, struct hit *hits, uint32_t count, uint32_t k,
                                 const struct pause *pause);
