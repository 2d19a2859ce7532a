#include "wide_points.h"
#include "base/check.h"
#include "base/point_id.h"
#include "play.h"

#include <stdlib.h>

#define MIX     0x9e3779b97f4a7c15u /* odd: it has an inverse */
#define UUID_HI 0x550e8400e29b41d4u

void wide_points_init(struct wide_points *p, uint64_t *random)
{
    static const uint32_t dims[] = {48, 256, 1024};
    static const Kith__Metric metrics[] = {KITH__METRIC__METRIC_L2, KITH__METRIC__METRIC_IP,
                                           KITH__METRIC__METRIC_COSINE};
    const uint64_t kind = draw(random) % ARRAY_LEN(dims), share = draw(random) % 4;
    *p = (struct wide_points){.metric = metrics[draw(random) % ARRAY_LEN(metrics)], .dim = dims[kind]};
    p->count = 200 + (uint32_t)(draw(random) % (kind == 2 ? 1000 : 2000));
    p->groups = share == 0 ? 12 : share == 1 ? p->count / 4 : p->count;
    p->begun = calloc(p->count, sizeof(*p->begun));
    p->known = calloc(p->count, sizeof(*p->known));
    check(p->begun && p->known);
    for (uint32_t i = 0; i < p->count; i++)
        p->begun[i] = i % 16 ? 0 : 5; /* so that some points are deleted soon */
}

void wide_points_fini(struct wide_points *p)
{
    free(p->begun);
    free(p->known);
    *p = (struct wide_points){0};
}

/* -- ids -- */

/* Points 2n and 2n + 1 have the same lower half. */
static uint64_t low_of(uint32_t point)
{
    static const uint64_t edges[] = {0, UINT64_C(1) << 63, UINT64_MAX, 1, UINT32_MAX};
    const uint32_t n = point / 2;
    return n < ARRAY_LEN(edges) ? edges[n] : n * MIX;
}

/* As in src/base/point_id.h: numbers come first. */
static struct point_id id_of(uint32_t point)
{
    const uint64_t hi = point % 2 == 0 ? 0 : point % 4 == 1 ? POINT_ID_PREFIX : UUID_HI;
    return (struct point_id){hi, low_of(point)};
}

void wide_id(uint32_t point, uint8_t *ret)
{
    const struct point_id id = point_id_swap(id_of(point));
    for (int i = 0; i < 8; i++) {
        ret[i] = (uint8_t)(id.hi >> (56 - 8 * i));
        ret[8 + i] = (uint8_t)(id.lo >> (56 - 8 * i));
    }
}

static uint64_t inverse_of_mix(void)
{
    uint64_t x = MIX; /* its own inverse modulo 8; each step doubles the right bits (Newton) */
    for (int i = 0; i < 5; i++)
        x *= 2 - MIX * x;
    return x;
}

uint32_t wide_point_of(const struct wide_points *p, uint64_t hi, uint64_t lo)
{
    const struct point_id id = point_id_swap((struct point_id){hi, lo});
    const uint64_t n = lo * inverse_of_mix();
    for (uint32_t point = 0; point < 16 && point < p->count; point++)
        if (point_id_equal(id_of(point), id))
            return point;
    for (uint32_t odd = 0; odd < 2 && n < p->count; odd++)
        if (2 * n + odd < p->count && point_id_equal(id_of((uint32_t)(2 * n + odd)), id))
            return (uint32_t)(2 * n + odd);
    return UINT32_MAX;
}

bool wide_id_before(uint32_t one, uint32_t other)
{
    const struct point_id a = id_of(one), b = id_of(other);
    return a.hi != b.hi ? a.hi < b.hi : a.lo < b.lo;
}

/* -- vectors -- */

void wide_vector(const struct wide_points *p, uint32_t point, uint32_t version, float *ret)
{
    uint64_t x = (uint64_t)(point % p->groups) * 1000003 + version;
    for (uint32_t d = 0; d < p->dim; d++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        ret[d] = (float)((x >> 40) % 8);
    }
}
