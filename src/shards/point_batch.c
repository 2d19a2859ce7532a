/* point_batch.c -- the only check of points before they are written. A batch is checked as a whole
 * before any part of it is sent to an owner, so that one wrong point refuses the whole batch. */
#include "shards/point_batch.h"

#include <inttypes.h>

bool vector_has_direction(const struct collection_config *config, const float *v)
{
    const struct vector_spec *spec = collection_vector(config);
    const bool cosine = spec->metric == METRIC_COSINE;
    double sum = 0;
    for (uint32_t d = 0; d < spec->dim && cosine; d++)
        sum += (double)v[d] * v[d];
    return !cosine || sum > 0;
}

static int check_point(const struct point_batch *b, uint32_t i, const struct collection_config *config, uint64_t row,
                       struct error *error)
{
    const size_t at = point_batch_at(b, i);
    const uint32_t dim = collection_vector(config)->dim;
    const float *v = b->vectors + at * dim;
    const int64_t bad = vectors_first_bad(v, dim);
    char text[POINT_ID_TEXT_MAX];
    if (bad >= 0)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "the vector of row %" PRIu64 " (id %s) has a NaN or an infinity at position %" PRId64, row,
                         point_id_format(b->ids[at], text), bad);
    if (!vector_has_direction(config, v))
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "the vector of row %" PRIu64 " (id %s) has length zero, which has no direction for cosine",
                         row, point_id_format(b->ids[at], text));
    const uint32_t payload = point_batch_payload_size(b, i);
    if (payload > POINT_PAYLOAD_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "the payload of row %" PRIu64 " (id %s) has %u bytes, more than the %u allowed", row,
                         point_id_format(b->ids[at], text), payload, POINT_PAYLOAD_MAX);
    return 0;
}

int point_batch_check(const struct point_batch *b, const struct collection_config *config, uint64_t first_row,
                      struct error *error)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < b->count; i++) {
        rc = check_point(b, i, config, first_row + i, error);
        fiber_checkpoint();
    }
    return rc;
}
