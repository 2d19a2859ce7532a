/* unindexed_lists.c -- puts rows into lists, and drops rows that the index has taken. Searching,
 * which only reads, is in unindexed_search.c.
 *
 * The rows of a list ascend, and the index takes rows in their order. So the front of each list
 * is dropped, by blocks. */
#include "index/unindexed/unindexed_lists.h"

#include "base/memory.h"
#include "vectors/codes/rotation.h"
#include "vek.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LISTS_PER_TRIM 4

static size_t block_bytes(const struct unindexed_lists *l)
{
    return sizeof(struct list_block) + (size_t)LIST_BLOCK_ROWS * (l->dims / 8 + sizeof(uint32_t));
}

/* Allocates zeroed and aligned memory, and counts it. */
static void *take(struct unindexed_lists *l, size_t bytes)
{
    void *p = memory_aligned(bytes);
    if (p)
        l->bytes += bytes;
    return p;
}

static int fill(struct unindexed_lists *l)
{
    const size_t n = l->count;
    l->centre = take(l, l->dim * sizeof(float));
    l->rotated = take(l, n * l->dims * sizeof(float));
    l->rotated_mean = take(l, l->dims * sizeof(float));
    l->square = take(l, n * sizeof(float));
    l->on_mean = take(l, n * sizeof(float));
    l->from_mean = take(l, n * sizeof(float));
    l->list = take(l, n * sizeof(*l->list));
    l->need = take(l, LIST_NEEDS * sizeof(*l->need));
    l->flips = rotation_flips(l->dims);
    l->turned = take(l, l->dims * sizeof(float));
    l->rest = take(l, l->dims * sizeof(float));
    l->signs = take(l, l->dims + l->dims / 8);
    l->at = take(l, n * sizeof(*l->at));
    l->ids = take(l, n * sizeof(*l->ids));
    l->distances = take(l, n * sizeof(*l->distances));
    if (!l->centre || !l->rotated || !l->rotated_mean || !l->square || !l->on_mean || !l->from_mean || !l->list ||
        !l->need || !l->flips || !l->turned || !l->rest || !l->signs || !l->at || !l->ids || !l->distances)
        return -ENOMEM;
    for (uint32_t i = 0; i < l->count; i++)
        l->ids[i] = i;
    l->bytes += sizeof(*l) + rotation_bytes(l->dims);
    return 0;
}

struct unindexed_lists *unindexed_lists_create(enum metric metric, uint32_t dim, uint32_t count)
{
    struct unindexed_lists *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    *l = (struct unindexed_lists){.metric = metric, .dim = dim, .dims = rotation_dims(dim), .count = count};
    if (fill(l) < 0) {
        unindexed_lists_destroy(l);
        return NULL;
    }
    return l;
}

void unindexed_lists_destroy(struct unindexed_lists *l)
{
    if (!l)
        return;
    for (uint32_t i = 0; l->list && i < l->count; i++)
        for (struct list_block *b = l->list[i].first, *next; b; b = next) {
            next = b->next;
            memory_free(b);
        }
    codes_fini(&l->centroids);
    memory_free(l->centre);
    memory_free(l->rotated);
    memory_free(l->rotated_mean);
    memory_free(l->square);
    memory_free(l->on_mean);
    memory_free(l->from_mean);
    memory_free(l->list);
    memory_free(l->flips);
    memory_free(l->turned);
    memory_free(l->rest);
    memory_free(l->signs);
    memory_free(l->folded);
    memory_free(l->need);
    memory_free(l->at);
    memory_free(l->ids);
    memory_free(l->distances);
    memory_free(l);
}

void unindexed_lists_rotate(const struct unindexed_lists *l, const float *x, float *ret)
{
    for (uint32_t j = 0; j < l->dim; j++)
        ret[j] = x[j] - l->centre[j];
    memset(ret + l->dim, 0, (l->dims - l->dim) * sizeof(float));
    rotation_apply(l->flips, l->dims, ret);
}

void unindexed_lists_set_mean(struct unindexed_lists *l)
{
    memcpy(l->rotated_mean, l->centre, l->dim * sizeof(float));
    memset(l->rotated_mean + l->dim, 0, (l->dims - l->dim) * sizeof(float));
    rotation_apply(l->flips, l->dims, l->rotated_mean);
}

void unindexed_lists_set(struct unindexed_lists *l, uint32_t c, const float *centroid)
{
    float *rotated = l->rotated + (size_t)c * l->dims;
    unindexed_lists_rotate(l, centroid, rotated);
    l->square[c] = vek.ip_f32(centroid, centroid, l->dim);
    l->on_mean[c] = vek.ip_f32(rotated, l->rotated_mean, l->dims);
    l->from_mean[c] = sqrtf(vek.ip_f32(rotated, rotated, l->dims));
    l->at[c] = codes_at(&l->centroids, c);
}

/* Sets l->distances to |c - x|^2 of all centroids. room: codes_query_bytes(). */
static void compare(const struct unindexed_lists *l, const float *x, const float *turned, void *room)
{
    struct codes_query q;
    for (uint32_t c = 0; l->by_values && c < l->count; c++)
        l->distances[c] = vek.l2_f32(turned, l->rotated + (size_t)c * l->dims, l->dims);
    if (l->by_values)
        return;
    codes_query_init(&q, &l->centroids, x, room);
    for (uint32_t from = 0; from < l->count; from += HOP_MAX) {
        const uint32_t n = l->count - from < HOP_MAX ? l->count - from : HOP_MAX;
        codes_score(&q, l->at + from, l->ids + from, n, l->distances + from);
    }
}

static int reserve_folded(struct unindexed_lists *l)
{
    return l->folded || (l->folded = take(l, codes_query_bytes(&l->centroids))) ? 0 : -ENOMEM;
}

/* Ranks lists by the distance of their centroids. For L2 that is |c - q|^2. For the inner
 * product and cosine it is -<c, q>, without what all lists share, computed from |c - q|^2. Where
 * large rows leave nothing of a difference of squares, it is computed from the values. */
void unindexed_lists_rank_rotated(const struct unindexed_lists *l, const float *query, const float *turned, void *room)
{
    const bool by_squares = l->metric == METRIC_L2 || !l->by_values;
    if (by_squares)
        compare(l, query, turned, room);
    if (l->metric == METRIC_L2)
        return;
    for (uint32_t c = 0; c < l->count; c++) {
        const float product = by_squares ? (l->from_mean[c] * l->from_mean[c] - l->distances[c]) / 2
                                         : vek.ip_f32(turned, l->rotated + (size_t)c * l->dims, l->dims);
        l->distances[c] = -product - l->on_mean[c];
    }
}

int unindexed_lists_rank(struct unindexed_lists *l, const float *query)
{
    const int rc = reserve_folded(l);
    if (rc < 0)
        return rc;
    unindexed_lists_rotate(l, query, l->turned);
    unindexed_lists_rank_rotated(l, query, l->turned, l->folded);
    return 0;
}

int unindexed_lists_nearest(struct unindexed_lists *l, const float *x, uint32_t *ret)
{
    const int rc = reserve_folded(l);
    if (rc < 0)
        return rc;
    if (l->by_values)
        unindexed_lists_rotate(l, x, l->turned);
    compare(l, x, l->turned, l->folded);
    uint32_t best = 0;
    for (uint32_t i = 1; i < l->count; i++)
        if (l->distances[i] < l->distances[best])
            best = i;
    *ret = best;
    return 0;
}

/* Returns a block of the list with room for another row. */
static struct list_block *block_with_room(struct unindexed_lists *l, struct unindexed_list *list)
{
    if (list->last && list->last->count < LIST_BLOCK_ROWS)
        return list->last;
    struct list_block *b = take(l, block_bytes(l));
    if (!b)
        return NULL;
    if (list->last)
        list->last->next = b;
    else
        list->first = b;
    list->last = b;
    return b;
}

/* Writes the signs of a row, and the two numbers of its distance, to place i of a block. */
static void write_row(struct unindexed_lists *l, uint32_t c, const float *x, struct list_block *b, uint32_t i)
{
    const float *centroid = l->rotated + (size_t)c * l->dims;
    float *r = l->rest;
    float square = 0, length = 0, on_centroid = 0, signs_on_centroid = 0;
    unindexed_lists_rotate(l, x, l->turned);
    for (uint32_t j = 0; j < l->dims; j++)
        r[j] = l->turned[j] - centroid[j];
    for (uint32_t j = 0; j < l->dims; j++) {
        const float half = r[j] > 0 ? 0.5f : -0.5f;
        l->signs[j] = r[j] > 0;
        square += r[j] * r[j];
        length += r[j] * half;
        on_centroid += r[j] * centroid[j];
        signs_on_centroid += half * centroid[j];
    }
    const float k = (l->metric == METRIC_L2 ? 2 : 1) * (length > 0 ? square / length : 0);
    float add = k * signs_on_centroid, factor = -k;
    if (l->metric == METRIC_L2)
        add += square;
    else if (l->by_mean)
        add = -vek.ip_f32(r, l->rotated_mean, l->dims);
    else
        /* <x - c, c>, without what all rows share */
        add -= vek.ip_f32(r, l->rotated_mean, l->dims) + on_centroid;
    vek.bf16_of_f32(&add, 1, &b->numbers[i]);
    vek.bf16_of_f32(&factor, 1, &b->numbers[LIST_BLOCK_ROWS + i]);
    uint8_t *packed = l->signs + l->dims;
    vek_pack_bits(l->signs, l->dims, 1, packed);
    for (uint32_t j = 0; j < l->dims / 8; j++)
        b->bytes[(size_t)j * LIST_BLOCK_ROWS + i] = packed[j];
}

int unindexed_lists_add(struct unindexed_lists *l, const float *x)
{
    uint32_t c;
    const int rc = unindexed_lists_nearest(l, x, &c);
    if (rc < 0)
        return rc;
    struct unindexed_list *list = &l->list[c];
    struct list_block *b = block_with_room(l, list);
    if (!b)
        return -ENOMEM;
    write_row(l, c, x, b, b->count);
    b->first = b->count == 0 ? l->to : b->first;
    b->last = list_block_rows(l, b)[b->count++] = l->to++;
    list->rows++;
    l->largest = list->rows > l->largest ? list->rows : l->largest;
    return 0;
}

uint32_t unindexed_lists_trim(struct unindexed_lists *l, uint32_t from)
{
    uint32_t freed = 0;
    for (unsigned i = 0; i < LISTS_PER_TRIM && (i == 0 || l->trim != 0); i++) {
        if (l->trim == 0)
            l->trimmed = from;
        struct unindexed_list *list = &l->list[l->trim];
        for (struct list_block *b; (b = list->first) && b->last < l->trimmed; freed++) {
            list->first = b->next;
            if (!list->first)
                list->last = NULL;
            list->rows -= b->count;
            l->bytes -= block_bytes(l);
            memory_free(b);
        }
        l->trim = (l->trim + 1) % l->count;
    }
    l->freed += freed;
    return freed;
}
