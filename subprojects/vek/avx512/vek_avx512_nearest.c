/* vek_avx512_nearest.c -- the sorted pool of a graph walk, sixteen pairs at a time.
 *
 * Of sixteen new pairs, those that are near enough are sorted and placed by counting: the place of
 * a new pair is the number of pairs before it. Then the pool is rewritten once, from its end to the
 * first new place. VEXPAND moves the old pairs around the places of the new ones. So no pair moves
 * twice, and no branch depends on a distance. */
#include "vek_variants.h"
#include <immintrin.h>
#include <math.h>

#define LANES       16
#define COUNTED_MAX 128

static __mmask16 below(uint32_t n)
{
    return n >= LANES ? 0xffff : (__mmask16)((1u << n) - 1);
}

static uint32_t bits(__mmask16 m)
{
    return (uint32_t)__builtin_popcount(m);
}

/* The number of sorted distances that are not larger than `distance`. */
static uint32_t rank_of(const float *sorted, uint32_t n, float distance)
{
    uint32_t at = 0;
    while (n > COUNTED_MAX) {
        const uint32_t half = (n + 1) / 2;
        at += half & -(uint32_t)(sorted[at + half - 1] <= distance);
        n -= half;
    }
    const float *rest = sorted + at;
    const __m512 d = _mm512_set1_ps(distance);
    for (uint32_t i = 0; i < n; i += LANES) {
        const __mmask16 in = below(n - i);
        at += bits(_mm512_mask_cmp_ps_mask(in, _mm512_maskz_loadu_ps(in, rest + i), d, _CMP_LE_OQ));
    }
    return at;
}

/* New pairs in order, with their places in the pool. */
struct arrivals {
    float distance[LANES];
    uint32_t id[LANES];
    uint32_t place[LANES];
    uint32_t count;
};

static void place_all(struct arrivals *a, const struct vek_nearest *to, __m512 distances, __m512i ids, uint32_t n)
{
    float d[LANES];
    uint32_t id[LANES];
    _mm512_storeu_ps(d, distances);
    _mm512_storeu_si512(id, ids);
    for (uint32_t i = 0; i < n; i++) {
        const __m512 mine = _mm512_set1_ps(d[i]);
        const __mmask16 nearer = _mm512_mask_cmp_ps_mask(below(n), distances, mine, _CMP_LT_OQ);
        const __mmask16 equal = _mm512_mask_cmp_ps_mask(below(i), distances, mine, _CMP_EQ_OQ);
        const uint32_t rank = bits(nearer | equal);
        a->distance[rank] = d[i];
        a->id[rank] = id[i];
        a->place[rank] = rank + rank_of(to->distances, to->count, d[i]);
    }
    a->count = n;
}

/* Rewrites the pool from its end to the first new place. */
static void spread(struct vek_nearest *to, struct arrivals *a)
{
    const uint32_t total = to->count + a->count < to->limit ? to->count + a->count : to->limit;
    uint32_t left = a->count; /* new pairs whose places are not reached yet */
    while (left > 0 && a->place[left - 1] >= total)
        left--;
    for (uint32_t at = (total - 1) / LANES * LANES; left > 0; at -= LANES) {
        const __mmask16 room = below(total - at);
        uint32_t taken = 0;
        while (left > 0 && a->place[left - 1] >= at)
            taken |= 1u << (a->place[--left] - at);
        const __mmask16 mine = (__mmask16)taken, old = (__mmask16)~taken;
        __m512 d = _mm512_maskz_expand_ps(old, _mm512_maskz_loadu_ps(room, to->distances + at - left));
        __m512i id = _mm512_maskz_expand_epi32(old, _mm512_maskz_loadu_epi32(room, to->ids + at - left));
        d = _mm512_mask_expandloadu_ps(d, mine, a->distance + left);
        id = _mm512_mask_expandloadu_epi32(id, mine, a->id + left);
        _mm512_mask_storeu_ps(to->distances + at, room, d);
        _mm512_mask_storeu_epi32(to->ids + at, room, id);
    }
    to->count = total;
}

static uint32_t nearest_add(struct vek_nearest *to, const float *distances, const uint32_t *ids, size_t n)
{
    uint32_t first = to->limit;
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 in = below((uint32_t)(n - i < LANES ? n - i : LANES));
        const float last = to->count < to->limit ? INFINITY : to->distances[to->count - 1];
        const float bound = last < to->below ? last : to->below;
        const __m512 d = _mm512_maskz_loadu_ps(in, distances + i);
        const __mmask16 near = _mm512_mask_cmp_ps_mask(in, d, _mm512_set1_ps(bound), _CMP_LT_OQ);
        if (near == 0)
            continue;
        struct arrivals a;
        const __m512i id = _mm512_maskz_loadu_epi32(in, ids + i);
        place_all(&a, to, _mm512_maskz_compress_ps(near, d), _mm512_maskz_compress_epi32(near, id), bits(near));
        spread(to, &a);
        first = a.place[0] < first ? a.place[0] : first;
    }
    return first;
}

void vek_avx512_nearest(struct vek_kernels *v)
{
    v->nearest_add = nearest_add;
}
