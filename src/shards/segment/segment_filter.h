/* segment_filter.h -- tests the rows of one segment against a filter: by columns, and by payloads
 * for fields without a column. */
#pragma once

#include "columns/payload_path.h"
#include "query/filter.h"
#include "shards/segment/segment.h"

struct segment_filter {
    const struct segment *segment;
    struct filter_rows rows;
    struct payload_reader reader;
    size_t unpaused; /* bytes of payloads that were read since the last checkpoint */
    int failed;      /* errno of a payload that could not be read; 0: all could */
    const struct column *columns[SCHEMA_FIELDS_MAX];
    struct segment_column *held[SCHEMA_FIELDS_MAX];
};

/* Begins with the first `rows` rows of a segment that the caller holds. Holds its columns until
 * segment_filter_end(), and adds what is read until then to counts. */
void segment_filter_begin(struct segment_filter *f, struct segment *s, uint32_t rows, struct filter_counts *counts);
void segment_filter_end(struct segment_filter *f);
