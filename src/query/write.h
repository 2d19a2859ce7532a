/* write.h -- a write as the server understands it, whichever protocol it came by.
 *
 * A protocol translates its request into one of these and hands it to the router. All pointers are
 * borrowed until the router returns. Points are in the order of their ids; an id that is named
 * twice is written twice, and the later one counts. */
#pragma once

#include "base/point_id.h"
#include <stdint.h>

#define WRITE_POINTS_MAX 1000000u /* of one write */

enum write_kind { WRITE_UPSERT, WRITE_DELETE };

/* One of the collection's vectors, of all points of the write. */
struct write_vectors {
    const char *name;  /* NULL or "": the unnamed one */
    const float *data; /* one after the other; 64-byte aligned; not normalised */
    uint64_t bytes;
};

struct write_payloads {
    const uint8_t *data; /* one after the other */
    uint64_t bytes;
    const uint32_t *sizes; /* NULL: no point has a payload */
    uint64_t size_count;
};

struct write {
    enum write_kind kind;
    const char *collection;
    const struct point_id *ids;
    uint64_t count;
    uint64_t first_row; /* the first point's number in errors */
    /* Of an upsert: */
    const struct write_vectors *vectors;
    uint32_t vector_count; /* vectors of a point */
    struct write_payloads payloads;
};
