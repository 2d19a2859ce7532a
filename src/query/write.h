/* write.h -- a write, in one form for all protocols.
 *
 * A protocol translates its request into a struct write and calls the router with it. All pointers
 * are borrowed until the router returns. The data of point i belongs to ids[i]. An id that is there
 * twice is written twice, and the later point counts. */
#pragma once

#include "base/point_id.h"
#include <stdint.h>

#define WRITE_POINTS_MAX 1000000u /* points in one write */

enum write_kind { WRITE_UPSERT, WRITE_DELETE };

/* The values of one named vector, for all points of the write. */
struct write_vectors {
    const char *name;  /* NULL or "": the unnamed one */
    const float *data; /* one vector after the other; 64-byte aligned; not normalised */
    uint64_t bytes;
};

struct write_payloads {
    const uint8_t *data; /* one payload after the other */
    uint64_t bytes;
    const uint32_t *sizes; /* of each payload; NULL: no point has one */
    uint64_t size_count;
};

struct write {
    enum write_kind kind;
    const char *collection;
    const struct point_id *ids;
    uint64_t count;
    uint64_t first_row; /* the number of the first point in errors */
    /* The members below belong to an upsert. */
    const struct write_vectors *vectors;
    uint32_t vector_count; /* how many vectors a point has */
    struct write_payloads payloads;
};
