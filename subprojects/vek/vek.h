/* vek.h -- inner loops over vectors: distances of floats and of codes.
 *
 * `vek` is a table of functions. It is filled when the program is loaded, before main(), with the fastest variant this
 * CPU has, and is constant from then on; the scalar variant is the specification that the others are tested against.
 * Pointers need no alignment and n may be any number; lengths that are multiples of 64 bytes on 64-byte boundaries
 * are fastest. No function reads outside [0, n) of its inputs.
 *
 * The `_rows` forms score one query against rows scattered in memory: what a graph walk does at every hop. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct vek_kernels {
    const char *name; /* "scalar", "avx2", "avx512", "avx512x" (and BF16), "neon" */

    /* Inner product and squared Euclidean distance. The order of additions is the variant's own: results differ from the
     * exact sum by at most n * 2^-24 * (sum of the magnitudes of the terms). */
    float (*ip_f32)(const float *a, const float *b, size_t n);
    float (*l2_f32)(const float *a, const float *b, size_t n);
    void (*ip_f32_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);
    void (*l2_f32_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);

    /* The same against rows of 16-bit floats: IEEE binary16, or the upper half of a binary32. ip_bf16_rows may round the
     * query to bf16 as well, where the CPU multiplies such: an error like the one that rounding the row was. */
    void (*ip_f16_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);
    void (*l2_f16_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);
    void (*ip_bf16_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);
    void (*l2_bf16_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);

    /* To the nearest, halves to even; beyond 65504 f16 is infinite. A NaN stays one. */
    void (*f16_of_f32)(const float *x, size_t n, uint16_t *ret);
    void (*bf16_of_f32)(const float *x, size_t n, uint16_t *ret);
    void (*f32_of_f16)(const uint16_t *x, size_t n, float *ret);
    void (*f32_of_bf16)(const uint16_t *x, size_t n, float *ret);

    /* Exact inner product of signed and unsigned bytes; n up to 65536 cannot overflow. The first form has a signed query
     * and unsigned rows, the second an unsigned query and signed rows. */
    void (*dot_s8_u8_rows)(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret);
    void (*dot_u8_s8_rows)(const uint8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret);

    /* The same product with 4-bit codes. A block of 128 dimensions is 64 bytes: byte i holds dimension i in its low half
     * and dimension 64 + i in its high half. n is a multiple of 128, at most 65536. */
    void (*dot_s8_u4_rows)(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret);

    /* ret[i] = clamp(round((x[i] - low[i]) * inverse_step[i]), 0, 255), halves to even. x must be finite. */
    void (*encode_u8)(const float *x, const float *low, const float *inverse_step, size_t n, uint8_t *ret);

    /* The same with 0..15, packed as above; n is any number, and the codes of a last block past n are 0. */
    void (*encode_u4)(const float *x, const float *low, const float *inverse_step, size_t n, uint8_t *ret);

    /* ret[i] = clamp(round((codes[i] - 128) * gain[i]), -128, 127), halves to even; |gain[i]| <= 1. Returns their sum. */
    int32_t (*fold_u8)(const uint8_t *codes, const float *gain, size_t n, int8_t *ret);

    /* How many bits of n words are set. */
    uint64_t (*count_bits)(const uint64_t *words, size_t n);
};

extern struct vek_kernels vek;

/* The variants this CPU can run, scalar first, NULL behind the last. */
const struct vek_kernels *const *vek_variants(void);

/* Uses the variant of that name from now on: for tests and measurements, before any other thread runs. Returns 0, or -1
 * when this CPU has none of that name. */
int vek_use(const char *name);
