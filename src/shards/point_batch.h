/* point_batch.h -- the points of one upsert, as arrays that belong to the caller and must stay
 * until the upsert returns. */
#pragma once

#include "base/point_id.h"
#include "reactor/fibers/fiber.h"
#include "shards/collection.h"

struct point_batch {
    uint32_t count;
    const struct point_id *ids;
    const float *vectors;        /* dim values a point, one point after the other; not normalised */
    const void *const *payloads; /* NULL: no point has one; an entry may be NULL */
    const uint32_t *payload_sizes;
    /* the write can be given up while it waits before its record is logged; NULL: it cannot */
    const struct context *ctx;
    /* point i is at order[i] of each array, so that a part of a batch needs no copy; NULL: at i */
    const uint32_t *order;
};

/* The place of point i in the arrays of the batch. */
static inline size_t point_batch_at(const struct point_batch *b, uint32_t i)
{
    return b->order ? b->order[i] : i;
}

/* The size of point i's payload; 0: it has none. */
static inline uint32_t point_batch_payload_size(const struct point_batch *b, uint32_t i)
{
    const size_t at = point_batch_at(b, i);
    return b->payloads && b->payloads[at] ? b->payload_sizes[at] : 0;
}

/* Whether the vector can be used with the metric of the collection: with cosine, a vector of length
 * zero cannot, because it has no direction. */
bool vector_has_direction(const struct collection_config *config, const float *v);

/* Refuses a batch in which a vector has a NaN, an infinity or no direction
 * (vector_has_direction()), or a payload is too long. The error names the first such point. It
 * counts rows from first_row on. Pauses. */
MUST_USE int point_batch_check(const struct point_batch *b, const struct collection_config *config, uint64_t first_row,
                               struct error *error);
