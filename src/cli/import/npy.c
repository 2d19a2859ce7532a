/* npy.c -- reads the header with a few string searches instead of a parser of Python dictionaries.
 * NumPy writes the three keys always in the same form; other forms are refused. */
#include "cli/import/npy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NPY_HEADER_BYTES_MAX (64 * 1024)

static const struct {
    const char *name;
    uint32_t bytes;
} elements[] = {
    [ELEMENT_U8] = {"u1", 1},  [ELEMENT_I8] = {"i1", 1},  [ELEMENT_BOOL] = {"b1", 1}, [ELEMENT_U16] = {"u2", 2},
    [ELEMENT_I16] = {"i2", 2}, [ELEMENT_U32] = {"u4", 4}, [ELEMENT_U64] = {"u8", 8},  [ELEMENT_I32] = {"i4", 4},
    [ELEMENT_I64] = {"i8", 8}, [ELEMENT_F16] = {"f2", 2}, [ELEMENT_F32] = {"f4", 4},  [ELEMENT_F64] = {"f8", 8},
};

uint32_t element_bytes(enum element_type type)
{
    return elements[type].bytes;
}

/* Converts IEEE 754 binary16 to binary32. The exponent of a half has 5 bits with bias 15, that of a
 * float 8 bits with bias 127. */
static float f16_to_f32(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
    uint32_t bits;
    if (exponent == 31) {
        bits = sign | 0x7f800000 | fraction << 13;
    } else if (exponent > 0) {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    } else { /* zero and subnormals: fraction * 2^-24, exact in a float */
        float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

#define CONVERT(type, expression)                                                                                      \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        type x;                                                                                                        \
        memcpy(&x, (const char *)from + i * sizeof(x), sizeof(x));                                                     \
        to[i] = (expression);                                                                                          \
    }                                                                                                                  \
    break

void element_to_f32(enum element_type type, const void *from, size_t n, float *to)
{
    switch (type) {
    case ELEMENT_U8: CONVERT(uint8_t, (float)x);
    case ELEMENT_I8: CONVERT(int8_t, (float)x);
    case ELEMENT_BOOL: CONVERT(uint8_t, (float)(x != 0));
    case ELEMENT_U16: CONVERT(uint16_t, (float)x);
    case ELEMENT_I16: CONVERT(int16_t, (float)x);
    case ELEMENT_U32: CONVERT(uint32_t, (float)x);
    case ELEMENT_U64: CONVERT(uint64_t, (float)x);
    case ELEMENT_I32: CONVERT(int32_t, (float)x);
    case ELEMENT_I64: CONVERT(int64_t, (float)x);
    case ELEMENT_F16: CONVERT(uint16_t, f16_to_f32(x));
    case ELEMENT_F64: CONVERT(double, (float)x);
    case ELEMENT_F32: memcpy(to, from, n * sizeof(float)); break;
    }
}

/* The text behind `'key':` in the dictionary, or NULL. */
static const char *value_of(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    if (!at)
        return NULL;
    at += strlen(key);
    while (*at == ' ' || *at == ':')
        at++;
    return at;
}

static int type_parse(const char *text, const char *path, struct npy_header *h, struct error *e)
{
    const char *at = value_of(text, "'descr'");
    if (at && *at == '\'' && (at[1] == '<' || at[1] == '|')) {
        for (size_t i = 0; i < ARRAY_LEN(elements); i++) {
            if (strncmp(at + 2, elements[i].name, 2) == 0 && at[4] == '\'') {
                h->type = (enum element_type)i;
                return 0;
            }
        }
    }
    int width = at ? (int)strcspn(at, ",}\n") : 0;
    return error_set(e, ERROR_INVALID_ARGUMENT,
                     "%s has elements of type %.*s; Kith reads little-endian integers, bools, f2, f4 and f8", path,
                     width > 40 ? 40 : width, at ? at : "");
}

static int shape_parse(const char *text, const char *path, struct npy_header *h, struct error *e)
{
    uint64_t shape[2] = {1, 1};
    const char *at = value_of(text, "'shape'");
    h->dimensions = 0;
    if (at && *at == '(') {
        for (at++; *at >= '0' && *at <= '9'; h->dimensions++) {
            char *stop;
            errno = 0;
            uint64_t n = strtoull(at, &stop, 10);
            if (h->dimensions == 2 || errno || n > UINT64_C(1) << 48)
                break;
            shape[h->dimensions] = n;
            at = stop;
            while (*at == ',' || *at == ' ')
                at++;
        }
    }
    if (h->dimensions == 0 || *at != ')')
        return error_set(e, ERROR_INVALID_ARGUMENT, "%s is not an array of one or two dimensions", path);
    h->rows = h->dimensions == 2 ? shape[0] : 1;
    h->columns = h->dimensions == 2 ? shape[1] : shape[0];
    return 0;
}

int npy_header_read(struct byte_stream *s, const char *path, struct npy_header *ret, struct error *e)
{
    uint8_t head[12];
    size_t got;
    int rc = byte_stream_read(s, head, 10, &got, e);
    if (rc < 0)
        return rc;
    if (got < 10 || memcmp(head, "\x93NUMPY", 6) != 0 || head[6] < 1 || head[6] > 3)
        return error_set(e, ERROR_INVALID_ARGUMENT, "%s is not a NumPy file of version 1, 2 or 3", path);
    uint32_t bytes = head[8] | (uint32_t)head[9] << 8;
    ret->data_offset = 10;
    if (head[6] > 1) { /* from version 2 on, the length has four bytes */
        rc = byte_stream_read(s, head + 10, 2, &got, e);
        if (rc < 0)
            return rc;
        bytes |= (uint32_t)head[10] << 16 | (uint32_t)head[11] << 24;
        ret->data_offset = 12;
    }
    if (bytes > NPY_HEADER_BYTES_MAX)
        return error_set(e, ERROR_INVALID_ARGUMENT, "%s has a header of %u bytes, which is not plausible", path, bytes);
    char *text = calloc(1, bytes + 1);
    if (!text)
        return error_set(e, ERROR_RESOURCE_EXHAUSTED, "no memory to read %s", path);
    rc = byte_stream_read(s, text, bytes, &got, e);
    if (rc == 0 && got < bytes)
        rc = error_set(e, ERROR_CORRUPT, "%s ends within its header", path);
    if (rc == 0)
        rc = type_parse(text, path, ret, e);
    if (rc == 0)
        rc = shape_parse(text, path, ret, e);
    const char *order = value_of(text, "'fortran_order'");
    if (rc == 0 && (!order || strncmp(order, "False", 5) != 0))
        rc = error_set(e, ERROR_INVALID_ARGUMENT,
                       "%s is stored column by column: save numpy.ascontiguousarray(array) instead", path);
    free(text);
    ret->data_offset += bytes;
    return rc;
}

/* Reads the elements of a whole file without conversion; the caller frees *ret. */
static int read_all(const char *path, struct npy_header *h, void **ret, struct error *e)
{
    struct byte_stream *s;
    int rc = byte_stream_open(path, &s, e);
    if (rc < 0)
        return rc;
    rc = npy_header_read(s, path, h, e);
    size_t bytes = 0, got = 0;
    void *data = NULL;
    if (rc == 0 && (__builtin_mul_overflow(h->rows, h->columns, &bytes) ||
                    __builtin_mul_overflow(bytes, element_bytes(h->type), &bytes) || !(data = malloc(bytes + 1))))
        rc = error_set(e, ERROR_RESOURCE_EXHAUSTED, "no memory to read all of %s", path);
    if (rc == 0)
        rc = byte_stream_read(s, data, bytes, &got, e);
    if (rc == 0 && got < bytes)
        rc = error_set(e, ERROR_CORRUPT, "%s is cut short: %zu of %zu bytes of elements are there", path, got, bytes);
    byte_stream_close(s);
    if (rc < 0) {
        free(data);
        return rc;
    }
    *ret = data;
    return 0;
}

int npy_read_i32(const char *path, int32_t **ret, uint64_t *ret_rows, uint64_t *ret_columns, struct error *e)
{
    struct npy_header h;
    void *data;
    int rc = read_all(path, &h, &data, e);
    if (rc < 0)
        return rc;
    /* narrowed in place, since the write position never passes the read position */
    if (h.type == ELEMENT_I64) {
        for (uint64_t i = 0; i < h.rows * h.columns && rc == 0; i++) {
            int64_t wide = ((int64_t *)data)[i];
            int32_t narrow = (int32_t)wide;
            if (narrow != wide)
                rc = error_set(e, ERROR_INVALID_ARGUMENT, "%s has a number beyond 32 bits", path);
            memcpy((char *)data + i * sizeof(narrow), &narrow, sizeof(narrow));
        }
    } else if (h.type != ELEMENT_I32) {
        rc = error_set(e, ERROR_INVALID_ARGUMENT, "%s should have elements of type i4 or i8", path);
    }
    if (rc < 0) {
        free(data);
        return rc;
    }
    *ret = data;
    *ret_rows = h.rows;
    *ret_columns = h.columns;
    return 0;
}

int npy_read_f32(const char *path, float **ret, uint64_t *ret_rows, uint64_t *ret_columns, struct error *e)
{
    struct npy_header h;
    void *data;
    int rc = read_all(path, &h, &data, e);
    if (rc < 0)
        return rc;
    if (h.type != ELEMENT_F32) {
        float *floats = malloc(h.rows * h.columns * sizeof(float) + 1);
        if (!floats) {
            free(data);
            return error_set(e, ERROR_RESOURCE_EXHAUSTED, "no memory to read all of %s", path);
        }
        element_to_f32(h.type, data, h.rows * h.columns, floats);
        free(data);
        data = floats;
    }
    *ret = data;
    *ret_rows = h.rows;
    *ret_columns = h.columns;
    return 0;
}
