/* topk.c -- a heap with the farthest hit on top, so that one comparison refuses most candidates. */
#include "index/topk.h"

#include <math.h>
#include <stdbool.h>

static bool has_larger_key(const struct topk *t, uint32_t a, uint32_t b)
{
    if (!t->keys)
        return a > b;
    const struct topk_key *x = rows_at(t->keys, a), *y = rows_at(t->keys, b);
    if (x->high != y->high || x->low != y->low)
        return x->high != y->high ? x->high > y->high : x->low > y->low;
    return a > b; /* two rows of one point, one of which is dead */
}

/* An order without ties makes results repeatable. */
static bool farther(const struct topk *t, struct hit a, struct hit b)
{
    return a.distance > b.distance || (a.distance == b.distance && has_larger_key(t, a.row, b.row));
}

static void sift_down(const struct topk *t, uint32_t n, uint32_t i)
{
    struct hit *h = t->hits, moving = h[i];
    for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && farther(t, h[child + 1], h[child]))
            child++;
        if (!farther(t, h[child], moving))
            break;
        h[i] = h[child];
    }
    h[i] = moving;
}

void topk_init(struct topk *t, struct hit *hits, uint32_t k)
{
    *t = (struct topk){.hits = hits, .k = k};
}

float topk_bound(const struct topk *t)
{
    if (t->k == 0)
        return -INFINITY;
    return t->count < t->k ? INFINITY : t->hits[0].distance;
}

void topk_add(struct topk *t, float distance, uint32_t row)
{
    struct hit hit = {distance, row};
    if (t->count == t->k) {
        if (t->k == 0 || !farther(t, t->hits[0], hit))
            return;
        t->hits[0] = hit;
        sift_down(t, t->count, 0);
        return;
    }
    uint32_t i = t->count++;
    for (; i > 0 && farther(t, hit, t->hits[(i - 1) / 2]); i = (i - 1) / 2)
        t->hits[i] = t->hits[(i - 1) / 2];
    t->hits[i] = hit;
}

static void reverse(struct hit *hits, uint32_t n)
{
    for (uint32_t i = 0; i < n / 2; i++) {
        const struct hit moving = hits[i];
        hits[i] = hits[n - 1 - i];
        hits[n - 1 - i] = moving;
    }
}

/* A sorted array, read from its far end, is a heap. Hits at equal distances are added one by
 * one, which puts them in order. */
void topk_add_sorted(struct topk *t, const struct hit *hits, uint32_t count)
{
    uint32_t i = 0;
    if (t->count == 0) {
        for (; i < count && i < t->k && (i == 0 || hits[i].distance > hits[i - 1].distance); i++)
            t->hits[i] = hits[i];
        reverse(t->hits, i);
        t->count = i;
    }
    for (; i < count; i++)
        if (hits[i].distance <= topk_bound(t))
            topk_add(t, hits[i].distance, hits[i].row);
}

static bool is_sorted_backwards(const struct topk *t)
{
    uint32_t in_order = 0;
    for (uint32_t i = 1; i < t->count; i++)
        in_order += t->hits[i - 1].distance > t->hits[i].distance;
    return in_order + 1 >= t->count;
}

void topk_sort(struct topk *t)
{
    if (is_sorted_backwards(t)) {
        reverse(t->hits, t->count);
        return;
    }
    for (uint32_t n = t->count; n > 1;) {
        struct hit last = t->hits[--n];
        t->hits[n] = t->hits[0];
        t->hits[0] = last;
        sift_down(t, n, 0);
    }
}
