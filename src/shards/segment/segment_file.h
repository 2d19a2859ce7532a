/* segment_file.h -- a segment as a container file: the columns under names that begin with "row.", what is one for the whole segment under
 * "seg.", and the index's own regions under theirs. */
#pragma once

#include "shards/segment/segment.h"

/* Region "seg.meta". Little-endian, no padding. */
struct segment_meta {
    uint64_t id, collection, version_min, version_max;
    uint32_t rows, tombstones, dim, metric, stride, zero;
};

/* Rows of one segment that go into a file. */
struct segment_part {
    const struct segment *segment;
    const uint32_t *kept; /* ROW_NONE: this row is left out; NULL: all are kept */
};

/* What a file is written from: the kept rows of the parts, one after the other. */
struct segment_source {
    const struct segment_part *parts;
    uint32_t part_count, rows; /* rows: all that are kept */
    const struct tombstone *tombstones;
    uint32_t tombstone_count;
    uint64_t version_max; /* no row or tombstone has a higher one */
};

/* Writes all but the index; the vectors come last, so that container_region_offset() is then where they begin. pause may end it. Waits. */
MUST_USE int segment_write_columns(struct container_writer *w, const struct collection_config *c, uint64_t id,
                                   const struct segment_source *source, const struct pause *pause,
                                   uint64_t *ret_version_min);
/* Writes the index, which is finished, and why it is as it is ("seg.why"). Waits. */
MUST_USE int segment_write_index(struct container_writer *w, struct segment_index *index, const struct index_why *why);
