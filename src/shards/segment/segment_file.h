/* segment_file.h -- a segment as a container file. The name of a region begins with what it belongs
 * to: "seg." the whole segment; "rows." ids and versions; "payload."; "v0." the vector with number
 * 0 in the collection's schema, and its index; "c3." the column of the field with number 3. */
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

/* What a region belongs to: 'v' a vector or 'c' a column, with its number; 's' something else that
 * this version knows; 0: this version does not know the name. */
struct region_owner {
    char kind;
    uint16_t number;
    const char *rest; /* of 'v' and 'c': the part of the name behind the dot */
};
struct region_owner region_owner(const char *name);
/* Makes a name like "v0.codes" from the kind ('v' or 'c'), the number of the vector or field, and
 * `what` (at most 15 bytes). */
const char *region_name(char ret[CONTAINER_NAME_MAX], char kind, uint16_t number, const char *what);

/* The rows of one segment that go into a file. */
struct segment_part {
    const struct segment *segment;
    const uint32_t *kept; /* a row with ROW_NONE is left out; NULL: all rows are kept */
};

/* The content of a new file: the kept rows of all parts, one part after the other. */
struct segment_source {
    const struct segment_part *parts;
    uint32_t part_count, rows; /* rows: how many are kept in all */
    const struct tombstone *tombstones;
    uint32_t tombstone_count;
    uint64_t version_max; /* the highest of rows and tombstones */
};

/* Writes all regions but those of the index. Regions of the sources that this version does not know
 * are copied if they are marked CONTAINER_KEEP. The vectors come last, so container_region_offset()
 * says where they begin. The pause may end it. Waits. */
MUST_USE int segment_write_columns(struct container_writer *w, const struct collection_config *c, uint64_t id,
                                   const struct segment_source *source, const struct pause *pause,
                                   uint64_t *ret_version_min);
/* Writes the regions of a finished index, and the reasons for its options ("v0.why"). Waits. */
MUST_USE int segment_write_index(struct container_writer *w, const struct vector_spec *v, struct segment_index *index,
                                 const struct index_why *why);
