/* vek.h -- inner loops over vectors: distances of floats and of codes.
 *
 * `vek` is a table of functions. It is filled when the program is loaded, before main(), with the
 * fastest variant this CPU has, and is constant from then on; the scalar variant is the
 * specification that the others are tested against. Pointers need no alignment and n may be any
 * number; lengths that are multiples of 64 bytes on 64-byte boundaries are fastest. No function
 * reads outside [0, n) of its inputs, but for set_read().
 *
 * The `_rows` forms score one query against rows scattered in memory: what a graph
 * walk does at every hop. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Pairs of a distance and an id, the nearest first: no more than `limit` of them, at least 1, which
 * there is room for, and none that was not nearer than `below` when it came. */
struct vek_nearest {
    float *distances;
    uint32_t *ids;
    uint32_t count, limit;
    float below; /* INFINITY: any */
};

/* Sets of up to `max` numbers below a limit, each `bytes` long: vek_sets.c. What shuffles
 * need is worked out once. */
struct vek_set_shape {
    uint32_t max, low_bits, words, bytes;
    uint8_t sixteen_bytes[64], four_bytes[2][16];
    uint32_t sixteen_shift[16], four_shift[2][4];
};
#define VEK_SET_MAX   512
#define VEK_SET_SPARE 64

/* max: 4 to VEK_SET_MAX; limit: up to 2^30. */
void vek_set_shape_init(struct vek_set_shape *s, uint32_t max, uint32_t limit);

/* A query against 1-bit codes, sixty-four rows side by side. Four dimensions at a time, what their
 * bits are worth is looked up: of byte i of a row, that of the low half in tables[32 * i .. + 15],
 * that of the high half in the sixteen behind. */
struct vek_lookup {
    const uint8_t *tables; /* 32 * bytes values, up to 127 each */
    size_t bytes;          /* of a row: at most 8192 */
    float scale, bias;     /* of the sum */
};

struct vek_kernels {
    /* "scalar"; "avx2", "avx512", "avx512x" (with BF16, VPOPCNTDQ or VBMI2); "neon",
     * "neon-dot", "neon-i8mm" */
    const char *name;

    /* Inner product and squared Euclidean distance. The order of additions is the
     * variant's own: results differ from the exact sum by at most n * 2^-24 * (sum of the
     * magnitudes of the terms). */
    float (*ip_f32)(const float *a, const float *b, size_t n);
    float (*l2_f32)(const float *a, const float *b, size_t n);
    void (*ip_f32_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);
    void (*l2_f32_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);

    /* The same against rows of 16-bit floats: IEEE binary16, or the upper half of a binary32.
     * ip_bf16_rows may round the query to bf16 as well, where the CPU multiplies such: an error
     * like the one that rounding the row was. */
    void (*ip_f16_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);
    void (*l2_f16_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);
    void (*ip_bf16_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);
    void (*l2_bf16_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);

    /* To the nearest, halves to even; beyond 65504 f16 is infinite. A NaN stays one. */
    void (*f16_of_f32)(const float *x, size_t n, uint16_t *ret);
    void (*bf16_of_f32)(const float *x, size_t n, uint16_t *ret);
    void (*f32_of_f16)(const uint16_t *x, size_t n, float *ret);
    void (*f32_of_bf16)(const uint16_t *x, size_t n, float *ret);

    /* Exact inner product of signed and unsigned bytes; n up to 65536 cannot overflow. The first
     * form has a signed query and unsigned rows, the second an unsigned query and signed rows. */
    void (*dot_s8_u8_rows)(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret);
    void (*dot_u8_s8_rows)(const uint8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret);

    /* The same product with 4-bit codes. A block of 128 dimensions is 64 bytes: byte i
     * holds dimension i in its low half and dimension 64 + i in its high half. n is a
     * multiple of 128, at most 65536. */
    void (*dot_s8_u4_rows)(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret);

    /* With 2-bit codes: a block of 128 dimensions is 32 bytes, and byte i holds the dimensions i,
     * 32 + i, 64 + i and 96 + i from its low bits up. With 1-bit codes: dimension i is bit i % 8 of
     * byte i / 8. n as above. */
    void (*dot_s8_u2_rows)(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret);
    void (*dot_s8_b1_rows)(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret);

    /* 1-bit codes and a query of values 0..15 as four bit planes, the low one first, n / 64
     * words each: what slice_u4 makes of bytes, with zeros past n. n of the product is a
     * multiple of 64, at most 65536. */
    void (*dot_u4_b1_rows)(const uint64_t *planes, const void *const *rows, size_t count, size_t n, int32_t *ret);
    void (*slice_u4)(const uint8_t *values, size_t n, uint64_t *ret_planes);

    /* Byte i of row r is codes[64 * i + r]; add and factor of row r, bf16, are numbers[r] and
     * numbers[64 + r]. Returns the bits of the rows for which, with the sum of what was looked up,
     * add + factor * (scale * sum + bias) < below: the same in every variant. */
    uint64_t (*lookup_b1_64)(const struct vek_lookup *q, const uint8_t *codes, const uint16_t *numbers, float below);

    /* ret[i] = clamp(round((x[i] - low[i]) * inverse_step[i]), 0, 255), halves to
     * even. x must be finite. */
    void (*encode_u8)(const float *x, const float *low, const float *inverse_step, size_t n, uint8_t *ret);

    /* The same with 0..15, packed as above; n is any number, and the codes of a
     * last block past n are 0. */
    void (*encode_u4)(const float *x, const float *low, const float *inverse_step, size_t n, uint8_t *ret);

    /* ret[i] = clamp(round((codes[i] - 128) * gain[i]), -128, 127), halves to even; |gain[i]| <=
     * 1. Returns their sum. */
    int32_t (*fold_u8)(const uint8_t *codes, const float *gain, size_t n, int8_t *ret);

    /* The Walsh-Hadamard transform in place, divided by sqrt(n) so that lengths stay. n
     * is a power of two, at most 65536. The additions are the same ones in every variant,
     * and so are the results. */
    void (*fht_f32)(float *x, size_t n);
    /* x[i] = -x[i] where bit i is set; bits in words of 64. */
    void (*flip_f32)(float *x, const uint64_t *bits, size_t n);

    /* The numbers of a set that vek_set_write() wrote, ascending; returns how many, at most s->max
     * whatever the bytes say. Reads up to VEK_SET_SPARE bytes behind the set; writes up to s->max
     * numbers, rounded up to 16. */
    uint32_t (*set_read)(const struct vek_set_shape *s, const uint8_t *set, uint32_t *ret);

    /* Takes n more pairs in, in any order; what then lies beyond the limit is dropped. Of equal
     * distances, who came first lies first. What is infinitely far, or not a number, is left out.
     * Returns the place of the nearest one that came in, or the limit when none did. */
    uint32_t (*nearest_add)(struct vek_nearest *to, const float *distances, const uint32_t *ids, size_t n);

    /* How many bits of n words are set. */
    uint64_t (*count_bits)(const uint64_t *words, size_t n);
};

extern struct vek_kernels vek;

/* The variants this CPU can run, scalar first, NULL behind the last. */
const struct vek_kernels *const *vek_variants(void);

/* Uses the variant of that name from now on: for tests and measurements, before any other thread
 * runs. Returns 0, or -1 when this CPU has none of that name. */
int vek_use(const char *name);

/* Products with codes of 1 to 8 bits, whole bits a dimension: a row is the parts that its number of
 * bits is the sum of, 4 bits, then 2, then 1, from the high bits down and each packed as above (8
 * bits are bytes). n is a multiple of 128. */
void vek_dot_s8_bits_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, unsigned bits,
                          int32_t *ret);
/* Packs n codes below 2^bits into n * bits / 8 bytes. */
void vek_pack_bits(const uint8_t *codes, size_t n, unsigned bits, uint8_t *ret);

/* Writes the set of `count` ascending numbers, s->bytes long. */
void vek_set_write(const struct vek_set_shape *s, const uint32_t *ascending, uint32_t count, uint8_t *ret);
