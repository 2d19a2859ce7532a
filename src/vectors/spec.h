/* spec.h -- one named vector of a collection: its type, dimension, metric and index.
 *
 * Only vector_bytes() knows how many bytes a row of it takes. */
#pragma once

#include "base/error.h"
#include "vectors/index_options.h"
#include "vectors/metric.h"
#include "vectors/rows.h"
#include <stdbool.h>

#define VECTOR_NAME_MAX 64 /* bytes with the final 0; "" is the unnamed vector */

/* The type of a value. On the disk and in the protocol: never renumbered. */
enum vector_type {
    VECTOR_F32 = 1,
    VECTOR_F16 = 2,
    VECTOR_BF16 = 3,
    VECTOR_I8 = 4,
    VECTOR_U8 = 5,
    VECTOR_BINARY = 6, /* one bit for each dimension */
    VECTOR_SPARSE = 7, /* pairs of a dimension and a value; their number differs between rows */
};

struct vector_spec {
    /* names the vector in log records and container regions; never used again in its collection */
    uint16_t number;
    char name[VECTOR_NAME_MAX];
    enum vector_type type;
    uint32_t dim; /* BINARY: bits; SPARSE: 0 */
    enum metric metric;
    bool multi; /* a point has several of them, compared by MaxSim */
    struct index_options index;
};

/* Bytes of one row; 0 for SPARSE, whose rows differ in size. */
static inline size_t vector_bytes(const struct vector_spec *v)
{
    switch (v->type) {
    case VECTOR_F32: return (size_t)v->dim * sizeof(float);
    case VECTOR_F16:
    case VECTOR_BF16: return (size_t)v->dim * sizeof(uint16_t);
    case VECTOR_I8:
    case VECTOR_U8: return v->dim;
    case VECTOR_BINARY: return ((size_t)v->dim + 7) / 8;
    case VECTOR_SPARSE: break;
    }
    return 0;
}

/* Bytes from one row to the next, in an array of rows. */
static inline uint32_t vector_stride(const struct vector_spec *v)
{
    return rows_stride(vector_bytes(v));
}

/* "f32" and so on; NULL: the type is unknown. */
const char *vector_type_name(enum vector_type type);
/* Checks name, type, dim and metric. `index` is checked by the index kind. */
MUST_USE int vector_spec_check(const struct vector_spec *v, struct error *error);
