/* vek.h -- inner loops over vectors: distances of floats and of codes.
 *
 * `vek` is a table of functions. It is filled when the program is loaded, before main(), with the
 * fastest variant that this CPU can run, and is constant afterwards. The scalar variant is the
 * specification that the others are tested against. Pointers need no alignment and n may be any
 * number; lengths that are multiples of 64 bytes on 64-byte boundaries are fastest. No function
 * reads outside [0, n) of its inputs, except set_read().
 *
 * The `_rows` functions score one query against rows that are scattered in memory, like a graph
 * walk at every hop. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Pairs of a distance and an id, sorted by distance: at most `limit` of them (at least 1), for
 * which the arrays have room. A pair that is not nearer than `below` when it is added is left
 * out. */
struct vek_nearest {
    float *distances;
    uint32_t *ids;
    uint32_t count, limit;
    float below; /* INFINITY: no bound */
};

/* The shape of sets of up to `max` numbers below a limit, each `bytes` long: vek_sets.c. Also the
 * constants for shuffles, computed once. */
struct vek_set_shape {
    uint32_t max, low_bits, words, bytes;
    uint8_t sixteen_bytes[64], four_bytes[2][16];
    uint32_t sixteen_shift[16], four_shift[2][4];
};
#define VEK_SET_MAX   512
#define VEK_SET_SPARE 64

/* max: 4 to VEK_SET_MAX; limit: up to 2^30. */
void vek_set_shape_init(struct vek_set_shape *s, uint32_t max, uint32_t limit);

/* A query against 1-bit codes of sixty-four rows side by side. The value of four dimensions is one
 * table lookup. For byte i of a row, the low half is looked up in tables[32 * i .. + 15] and the
 * high half in the sixteen entries behind. */
struct vek_lookup {
    const uint8_t *tables; /* 32 * bytes values, up to 127 each */
    size_t bytes;          /* bytes of a row: at most 8192 */
    float scale, bias;     /* applied to the sum */
};

struct vek_kernels {
    /* "scalar"; "avx2", "avx512", "avx512x" (with BF16, VPOPCNTDQ or VBMI2); "neon", "neon-dot",
     * "neon-i8mm" */
    const char *name;

    /* Inner product and squared Euclidean distance. Each variant has its own order of additions. A
     * result differs from the exact sum by at most n * 2^-24 * (sum of the magnitudes of the
     * terms). */
    float (*ip_f32)(const float *a, const float *b, size_t n);
    float (*l2_f32)(const float *a, const float *b, size_t n);
    void (*ip_f32_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);
    void (*l2_f32_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);

    /* The same against rows of 16-bit floats: IEEE binary16, or bf16 (the upper half of a
     * binary32). ip_bf16_rows may round the query to bf16 as well, where the CPU multiplies bf16.
     * That error is like the one from rounding the row. */
    void (*ip_f16_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);
    void (*l2_f16_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);
    void (*ip_bf16_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);
    void (*l2_bf16_rows)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);

    /* Round to nearest, ties to even. Beyond 65504 f16 becomes infinite. A NaN stays a NaN. */
    void (*f16_of_f32)(const float *x, size_t n, uint16_t *ret);
    void (*bf16_of_f32)(const float *x, size_t n, uint16_t *ret);
    void (*f32_of_f16)(const uint16_t *x, size_t n, float *ret);
    void (*f32_of_bf16)(const uint16_t *x, size_t n, float *ret);

    /* Exact inner product of signed and unsigned bytes; n up to 65536 cannot overflow. The first
     * function has a signed query and unsigned rows, the second an unsigned query and signed
     * rows. */
    void (*dot_s8_u8_rows)(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret);
    void (*dot_u8_s8_rows)(const uint8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret);

    /* The same product with 4-bit codes. A block of 128 dimensions is 64 bytes: byte i holds
     * dimension i in its low half and dimension 64 + i in its high half. n is a multiple of 128, at
     * most 65536. */
    void (*dot_s8_u4_rows)(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret);

    /* With 2-bit codes: a block of 128 dimensions is 32 bytes, and byte i holds dimensions i, 32 +
     * i, 64 + i and 96 + i from its low bits up. With 1-bit codes: dimension i is bit i % 8 of byte
     * i / 8. n as above. */
    void (*dot_s8_u2_rows)(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret);
    void (*dot_s8_b1_rows)(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret);

    /* 1-bit codes and a query of values 0..15, given as four bit planes of n / 64 words each, the
     * low plane first. slice_u4() makes the planes from bytes, with zeros past n. n of the product
     * is a multiple of 64, at most 65536. */
    void (*dot_u4_b1_rows)(const uint64_t *planes, const void *const *rows, size_t count, size_t n, int32_t *ret);
    void (*slice_u4)(const uint8_t *values, size_t n, uint64_t *ret_planes);

    /* Byte i of row r is codes[64 * i + r]. numbers[r] and numbers[64 + r] are add and factor of
     * row r, in bf16. Returns a bit for each row for which add + factor * (scale * sum + bias) <
     * below, sum being the sum of its lookups. All variants return the same bits. */
    uint64_t (*lookup_b1_64)(const struct vek_lookup *q, const uint8_t *codes, const uint16_t *numbers, float below);

    /* ret[i] = clamp(round((x[i] - low[i]) * inverse_step[i]), 0, 255), ties to even. x must be
     * finite. */
    void (*encode_u8)(const float *x, const float *low, const float *inverse_step, size_t n, uint8_t *ret);

    /* The same with 0..15, packed as above. n is any number, and codes of the last block past n are
     * 0. */
    void (*encode_u4)(const float *x, const float *low, const float *inverse_step, size_t n, uint8_t *ret);

    /* ret[i] = clamp(round((codes[i] - 128) * gain[i]), -128, 127), ties to even; |gain[i]| <= 1.
     * Returns the sum of ret. */
    int32_t (*fold_u8)(const uint8_t *codes, const float *gain, size_t n, int8_t *ret);

    /* The Walsh-Hadamard transform in place, divided by sqrt(n), which keeps the length of x. n
     * is a power of two, at most 65536. All variants do the same additions and give the same
     * results. */
    void (*fht_f32)(float *x, size_t n);
    /* x[i] = -x[i] if bit i is set; bits in words of 64. */
    void (*flip_f32)(float *x, const uint64_t *bits, size_t n);

    /* Reads the numbers of a set written by vek_set_write(), ascending. Returns their number, at
     * most s->max for any bytes. Reads up to VEK_SET_SPARE bytes behind the set; writes up to
     * s->max numbers, rounded up to 16. */
    uint32_t (*set_read)(const struct vek_set_shape *s, const uint8_t *set, uint32_t *ret);

    /* Adds n pairs, in any order, and drops pairs beyond the limit. Of equal distances, the pair
     * that was added first comes first. A distance that is infinite or NaN is left out. Returns the
     * place of the nearest added pair, or the limit when none was added. */
    uint32_t (*nearest_add)(struct vek_nearest *to, const float *distances, const uint32_t *ids, size_t n);

    /* The number of set bits in n words. */
    uint64_t (*count_bits)(const uint64_t *words, size_t n);
};

extern struct vek_kernels vek;

/* The variants that this CPU can run, scalar first, NULL behind the last. */
const struct vek_kernels *const *vek_variants(void);

/* Switches to the variant of that name, for tests and measurements, before any other thread runs.
 * Returns 0, or -1 when this CPU has no such variant. */
int vek_use(const char *name);

/* Products with codes of 1 to 8 bits. A row consists of parts of 4, 2 and 1 bits whose sum is
 * `bits`, from the high bits down, each packed as above (8 bits are bytes). n is a multiple of
 * 128. */
void vek_dot_s8_bits_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, unsigned bits,
                          int32_t *ret);
/* Packs n codes below 2^bits into n * bits / 8 bytes. */
void vek_pack_bits(const uint8_t *codes, size_t n, unsigned bits, uint8_t *ret);

/* Writes the set of `count` ascending numbers, s->bytes long. */
void vek_set_write(const struct vek_set_shape *s, const uint32_t *ascending, uint32_t count, uint8_t *ret);
