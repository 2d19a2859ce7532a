/* segment_file.h -- a segment as a container file. A region is named by what it belongs to: "seg."
 * the whole segment, "rows." ids and versions, "payload.", "v0." the vector with that number in the
 * collection's schema, and its index, "c3." the column of the field with that number. */
#pragma once

#include "shards/segment/segment.h"
#include "vectors/spec.h"

/* Region "seg.meta". Little-endian, no padding. */
struct segment_meta {
    uint64_t id, collection, version_min, version_max;
    uint32_t rows, tombstones;
};

/* Region "v0.meta", for each vector. */
struct segment_vector_meta {
    /* enum vector_type, enum metric; bytes from one row to the next */
    uint32_t type, dim, metric, stride;
    uint32_t zero[4];
};

#define REGION_SEG_META       "seg.meta"
#define REGION_SEG_TOMBSTONES "seg.tombstones"
#define REGION_ROWS_IDS       "rows.ids"
#define REGION_ROWS_VERSIONS  "rows.versions"
#define REGION_PAYLOAD_ENDS   "payload.ends"
#define REGION_PAYLOAD_BYTES  "payload.bytes"

struct segment_vector_meta segment_vector_meta(const struct vector_spec *v);

/* What a region belongs to: 'v' a vector, 'c' a column, with its number; 's' anything else that
 * this version knows; 0: it knows none such. */
struct region_owner {
    char kind;
    uint16_t number;
    const char *rest; /* of 'v' and 'c': the name behind the dot */
};
struct region_owner region_owner(const char *name);
/* "v0.codes": kind 'v' or 'c', the number of the vector or field, and what of
 * it (at most 15 bytes). */
const char *region_name(char ret[CONTAINER_NAME_MAX], char kind, uint16_t number, const char *what);

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

/* Writes all but the index. Regions that this version does not know are written again if they ask
 * for it (CONTAINER_KEEP). The vectors come last, so that container_region_offset() is then where
 * they begin. pause may end it. Waits. */
MUST_USE int segment_write_columns(struct container_writer *w, const struct collection_config *c, uint64_t id,
                                   const struct segment_source *source, const struct pause *pause,
                                   uint64_t *ret_version_min);
/* Writes the index, which is finished, and why it is as it is ("v0.why"). Waits. */
MUST_USE int segment_write_index(struct container_writer *w, const struct vector_spec *v, struct segment_index *index,
                                 const struct index_why *why);
