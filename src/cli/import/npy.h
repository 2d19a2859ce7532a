/* npy.h -- NumPy's array files, as NumPy enhancement proposal 1 (NEP 1) describes them: a header
 * that is a Python dictionary, then the elements. Versions 1 to 3, little-endian, C order, one or
 * two dimensions. */
#pragma once

#include "base/error.h"
#include "cli/import/byte_stream.h"

#include <stdint.h>

enum element_type {
    ELEMENT_U8,
    ELEMENT_I8,
    ELEMENT_BOOL,
    ELEMENT_U16,
    ELEMENT_I16,
    ELEMENT_U32,
    ELEMENT_U64,
    ELEMENT_I32,
    ELEMENT_I64,
    ELEMENT_F16,
    ELEMENT_F32,
    ELEMENT_F64
};

uint32_t element_bytes(enum element_type type);
/* Converts n elements, at any alignment, to floats. */
void element_to_f32(enum element_type type, const void *from, size_t n, float *to);

struct npy_header {
    enum element_type type;
    uint32_t dimensions;    /* 1 or 2 */
    uint64_t rows, columns; /* for one dimension: one row */
    uint64_t data_offset;
};

/* Reads the header from the start of s, and leaves s at the first element. */
int npy_header_read(struct byte_stream *s, const char *path, struct npy_header *ret, struct error *e);

/* Read a whole file, packed with gzip or not. The caller frees *ret. npy_read_i32() accepts i4, and
 * i8 with values that fit (ground truth); npy_read_f32() accepts any element type. */
int npy_read_i32(const char *path, int32_t **ret, uint64_t *ret_rows, uint64_t *ret_columns, struct error *e);
int npy_read_f32(const char *path, float **ret, uint64_t *ret_rows, uint64_t *ret_columns, struct error *e);
