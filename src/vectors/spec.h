/* spec.h -- what one named vector of a collection is: its type, its width, how two are compared,
 * how they are indexed.
 *
 * Only vector_bytes() knows how many bytes a row of it takes. */
#pragma once

#include "base/error.h"
#include "vectors/index_options.h"
#include "vectors/metric.h"
#include "vectors/rows.h"
#include <stdbool.h>

#define VECTOR_NAME_MAX 64 /* bytes, with the ending 0; "" is the unnamed vector */

/* What a value of a row is. On disk and on the wire: never renumbered. */
enum vector_type {
    VECTOR_F32 = 1,
    VECTOR_F16 = 2,
    VECTOR_BF16 = 3,
    VECTOR_I8 = 4,
    VECTOR_U8 = 5,
    VECTOR_BINARY = 6, /* a bit a dimension */
    VECTOR_SPARSE = 7, /* pairs of a dimension and a value, as many as a row has */
};

struct vector_spec {
    /* names it in log records and container regions; never reused in its collection */
    uint16_t number;
    char name[VECTOR_NAME_MAX];
    enum vector_type type;
    uint32_t dim; /* bits of BINARY; 0 of SPARSE */
    enum metric metric;
    bool multi; /* a point has many of them, compared by MaxSim */
    struct index_options index;
};

/* Bytes of one row; 0: SPARSE, whose rows differ. */
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

/* From one row to the next, where rows lie one after the other. */
static inline uint32_t vector_stride(const struct vector_spec *v)
{
    return rows_stride(vector_bytes(v));
}

/* "f32" and so on; NULL: it is none. */
const char *vector_type_name(enum vector_type type);
/* Name, type, dim and metric; `index` is for those who know the index kinds. */
MUST_USE int vector_spec_check(const struct vector_spec *v, struct error *error);
