/* point_batch.h -- points on their way into a collection: arrays that the sender lends
 * until its write is done. */
#pragma once

#include "base/point_id.h"
#include "reactor/fibers/fiber.h"
#include "shards/collection.h"

struct point_batch {
    uint32_t count;
    const struct point_id *ids;
    const float *vectors;        /* dim values each, one after the other; not normalised */
    const void *const *payloads; /* NULL: no point has one; an entry may be NULL */
    const uint32_t *payload_sizes;
    /* while it waits for its turn the write can be given up; NULL: it cannot */
    const struct context *ctx;
    /* point i is at order[i] of each array, so that a part needs no copy; NULL: at i */
    const uint32_t *order;
};

/* Where point i of the batch is in its arrays. */
static inline size_t point_batch_at(const struct point_batch *b, uint32_t i)
{
    return b->order ? b->order[i] : i;
}

/* The bytes of point i's payload; 0: it has none. */
static inline uint32_t point_batch_payload_size(const struct point_batch *b, uint32_t i)
{
    const size_t at = point_batch_at(b, i);
    return b->payloads && b->payloads[at] ? b->payload_sizes[at] : 0;
}

/* Whether the vector can be used under the metric: cosine needs a direction, and a vector of
 * length zero has none. */
bool vector_has_direction(const struct collection_config *config, const float *v);

/* Refuses a batch, with a sentence that names the first point that is wrong, when a vector has a
 * NaN or an infinity or no direction (vector_has_direction()), or a payload is too long. Errors
 * count rows from first_row on. Pauses. */
MUST_USE int point_batch_check(const struct point_batch *b, const struct collection_config *config, uint64_t first_row,
                               struct error *error);
