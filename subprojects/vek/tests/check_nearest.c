/* check_nearest.c -- a pool holds the first pairs of a stable sort of all added pairs, and returns
 * the place of the nearest new one. */
#include "check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_MAX 700
#define BATCH_MAX 70

struct both {
    struct vek_nearest pool;
    float distances[LIMIT_MAX];
    uint32_t ids[LIMIT_MAX];
};

/* A distance with few or many different values; sometimes one that must be left out. */
static float some_distance(enum fill fill)
{
    if (rng() % 50 == 0)
        return (float[]){NAN, INFINITY, -0.0f, 1e38f}[rng() % 4];
    switch (fill) {
    case FILL_ZERO: return 0;
    case FILL_HUGE: return (float)(rng() % 4);
    case FILL_EXTREME: return -(float)(rng() >> 8);
    default: return (float)rng();
    }
}

/* A slow reference: inserts from the back. */
static void twin_add(struct both *t, float distance, uint32_t id)
{
    if (!(distance < t->pool.below))
        return;
    uint32_t at = t->pool.count;
    while (at > 0 && t->distances[at - 1] > distance)
        at--;
    if (at == t->pool.limit)
        return;
    uint32_t end = t->pool.count < t->pool.limit ? t->pool.count++ : t->pool.limit - 1;
    for (uint32_t i = end; i > at; i--) {
        t->distances[i] = t->distances[i - 1];
        t->ids[i] = t->ids[i - 1];
    }
    t->distances[at] = distance;
    t->ids[at] = id;
}

static bool is_first(const struct both *b, uint32_t first, uint32_t id_min)
{
    uint32_t i = 0;
    while (i < b->pool.count && b->ids[i] < id_min)
        i++;
    return first == (i < b->pool.count ? i : b->pool.limit);
}

/* Inputs lie at the end of their allocations, so that a sanitizer sees an overrun. */
static bool add_batch(const struct vek_kernels *v, struct both *b, struct both *twin, uint32_t id_min, enum fill fill)
{
    const size_t n = rng() % 3 ? rng() % 20 : rng() % BATCH_MAX;
    float *distances = malloc(n * sizeof(float));
    uint32_t *ids = malloc(n * sizeof(uint32_t));
    for (size_t i = 0; i < n; i++) {
        distances[i] = some_distance(fill);
        ids[i] = id_min + (uint32_t)i;
        twin_add(twin, distances[i], ids[i]);
    }
    const uint32_t first = v->nearest_add(&b->pool, distances, ids, n);
    free(distances);
    free(ids);
    return b->pool.count == twin->pool.count && memcmp(b->ids, twin->ids, b->pool.count * sizeof(uint32_t)) == 0 &&
           memcmp(b->distances, twin->distances, b->pool.count * sizeof(float)) == 0 && is_first(b, first, id_min);
}

bool check_nearest(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    (void)s;
    static struct both got, twin;
    const uint32_t limit = 1 + (uint32_t)n % (LIMIT_MAX - 1);
    got.pool = (struct vek_nearest){got.distances, got.ids, 0, limit, INFINITY};
    twin.pool = (struct vek_nearest){twin.distances, twin.ids, 0, limit, INFINITY};
    memset(got.distances + limit, 0xaa, (LIMIT_MAX - limit) * sizeof(float));
    bool ok = true;
    for (uint32_t batch = 0; ok && batch < 12; batch++) {
        /* like a walk: lowers the bound, so that farther pairs stay out from here on */
        if (batch % 4 == 3)
            got.pool.below = twin.pool.below = got.pool.count ? got.distances[rng() % got.pool.count] : INFINITY;
        ok = add_batch(v, &got, &twin, batch * BATCH_MAX, fill);
    }
    for (size_t i = limit * sizeof(float); ok && i < sizeof(got.distances); i++)
        ok = ((uint8_t *)got.distances)[i] == 0xaa;
    return ok;
}
