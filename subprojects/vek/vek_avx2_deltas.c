/* vek_avx2_deltas.c -- four differences a shuffle, and their sums (AVX2; SSSE3 would do). */
#include "vek_deltas.h"
#include "vek_variants.h"
#include <immintrin.h>

static const uint8_t *decode_deltas(const uint8_t *control, const uint8_t *data, size_t count, uint32_t *ret)
{
    __m128i last = _mm_setzero_si128();
    for (size_t i = 0; i < count; i += 4) {
        const uint8_t c = control[i / 4];
        const __m128i shuffle = _mm_loadu_si128((const __m128i *)vek_delta_tables.shuffle[c]);
        __m128i x = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)data), shuffle);
        x = _mm_add_epi32(x, _mm_slli_si128(x, 4));
        x = _mm_add_epi32(_mm_add_epi32(x, last), _mm_slli_si128(x, 8));
        _mm_storeu_si128((__m128i *)(ret + i), x);
        last = _mm_shuffle_epi32(x, 0xff);
        data += vek_delta_tables.bytes[c];
    }
    return data - (count + 3) / 4 * 4 + count; /* those of the last four that are not there have a byte each */
}

void vek_avx2_deltas(struct vek_kernels *v)
{
    v->decode_deltas = decode_deltas;
}
