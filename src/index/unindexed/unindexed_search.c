/* unindexed_search.c -- searches the nearest lists: first by 1-bit codes, then by the codes that
 * other rows are scored by.
 *
 * The error of a distance by a 1-bit code has a known deviation. A row is passed over if even a
 * distance some deviations smaller is not among the best so far. The remaining rows are few;
 * their codes are fetched some rows ahead and scored. So it helps when the best rows are near
 * from the start. That is why the index is searched first, and lists are searched nearest first. */
#include "index/unindexed/unindexed_lists.h"

#include "base/bits.h"
#include "vek.h"
#include <errno.h>
#include <math.h>
#include <string.h>

/* the most that is stored is 127: each of four weights may be rounded up by a half */
#define TABLE_MAX 125
/* lists that are ranked beyond those that the budget pays for, because lists differ in length */
#define LISTS_SPARE 8
#define RANKS       512
#define RANK_MANY   16
/* deviation of <v, P(q - c)> by a code for r, as a share of |q - c|: sqrt(1 - 2 / pi) / 2
 * for random directions */
#define ERROR    0.30f
#define ROUNDING 0.002f /* of a bf16, for half of a sum of signs */
/* half of the deviation from rounding to whole units of the tables, in units a dimension */
#define TABLE_ERROR 0.15f
/* a list that was begun is looked at to its end, up to so many budgets in all */
#define LIST_EXTENT 4
/* after so many rows in vain, 1-bit codes tell these rows apart no better than 8-bit codes do:
 * they are nearly equal */
#define IN_VAIN_MAX 2048
#define EXTENT      4 /* the most budgets that a search looks at, */
/* and beyond one budget, only while one of the last rows (1/16 of all that it looked
 * at) was among the best */
#define RECENT_SHARE 16
/* share of the budget: a search ends when no row of so many was among the best */
#define PATIENCE        0.4
#define BATCH           32
#define BYTES_PER_PAUSE (256 * 1024) /* of 1-bit codes; 10 to 20 us */
/* scoring a row takes about as long as scanning so many bytes of 1-bit codes */
#define SCORED_BYTES   256
#define PREFETCH_BYTES 512 /* of a code; the hardware prefetches the rest */
#define BLOCK_PREFETCH 4096

size_t unindexed_query_bytes(const struct unindexed_lists *l)
{
    return codes_query_bytes(&l->centroids) + l->dims * sizeof(float) + 4 * (size_t)l->dims;
}

/* Makes the table of each four bits: for each of their 16 values, the sum of the weights of the
 * set bits, minus the least such sum. Table entries are bytes, so weights are rounded to
 * multiples of a unit. <v, w> is about scale * sum + bias. */
static void make_tables(const float *w, uint32_t dims, uint8_t *tables, struct vek_lookup *ret)
{
    float largest = 0, weights = 0;
    for (uint32_t j = 0; j < dims; j += 4) {
        const float sum = fabsf(w[j]) + fabsf(w[j + 1]) + fabsf(w[j + 2]) + fabsf(w[j + 3]);
        largest = sum > largest ? sum : largest;
        weights += (w[j] + w[j + 1]) + (w[j + 2] + w[j + 3]);
    }
    const float unit = largest > 1e-35f ? largest / TABLE_MAX : 1, inverse = 1 / unit;
    int64_t least = 0;
    for (uint32_t j = 0; j < dims; j += 4) {
        uint8_t *table = tables + 4 * (size_t)j;
        int32_t a[4], low = 0;
        for (int i = 0; i < 4; i++) {
            a[i] = (int32_t)lrintf(w[j + i] * inverse);
            low += a[i] < 0 ? a[i] : 0;
        }
        table[0] = (uint8_t)-low;
        for (int v = 1; v < 16; v++)
            table[v] = (uint8_t)(table[v & (v - 1)] + a[__builtin_ctz(v)]);
        least += low;
    }
    *ret = (struct vek_lookup){.tables = tables, .bytes = dims / 8, .scale = unit};
    ret->bias = unit * (float)least - weights / 2;
}

/* Sorts by distance. (Shell, CACM 1959) */
static void sort_few(struct cand *c, uint32_t n)
{
    for (uint32_t gap = n / 2; gap > 0; gap /= 2)
        for (uint32_t i = gap; i < n; i++) {
            const struct cand moved = c[i];
            uint32_t to = i;
            for (; to >= gap && c[to - gap].distance > moved.distance; to -= gap)
                c[to] = c[to - gap];
            c[to] = moved;
        }
}

/* Writes the `limit` smallest of l->distances, and their lists, to ret. The range between the
 * smallest and the largest is cut into RANKS equal steps; lists within one step are not in
 * order. That is good enough to choose the next list, and takes one pass. Steps with many lists,
 * as when a few lists are very far away, are sorted. room: l->count entries. */
static void sort_lists(const struct unindexed_lists *l, struct cand *room, struct vek_nearest *ret, uint32_t limit)
{
    uint16_t places[RANKS + 1] = {0}, ranks[LISTS_MAX];
    float least = INFINITY, most = -INFINITY;
    for (uint32_t i = 0; i < l->count; i++) {
        least = l->distances[i] < least ? l->distances[i] : least;
        most = l->distances[i] > most ? l->distances[i] : most;
    }
    const float steps = most > least ? (RANKS - 1) / (most - least) : 0;
    for (uint32_t i = 0; i < l->count; i++) {
        const float rank = (l->distances[i] - least) * steps;
        ranks[i] = rank < RANKS ? (uint16_t)rank : RANKS - 1; /* also for a NaN */
    }
    for (uint32_t i = 0; i < l->count; i++)
        places[ranks[i] + 1]++;
    for (uint32_t r = 0; r < RANKS; r++)
        places[r + 1] += places[r];
    for (uint32_t i = 0; i < l->count; i++) {
        const uint32_t place = places[ranks[i]]++;
        room[place] = (struct cand){l->distances[i], i};
    }
    /* places[r] is now where step r ends */
    for (uint32_t r = 0, from = 0; r < RANKS && from < limit; from = places[r++])
        if (places[r] - from > RANK_MANY)
            sort_few(room + from, places[r] - from);
    for (uint32_t i = 0; i < limit; i++) {
        ret->distances[i] = room[i].distance;
        ret->ids[i] = room[i].id;
    }
    ret->count = limit;
}

/* A cosine distance is 1 - <x, q>. */
static float offset(const struct unindexed_lists *l)
{
    return l->metric == METRIC_COSINE ? 1 : 0;
}

/* State of a search. */
struct scan_state {
    struct unindexed_search *s;
    /* its bias is that of the list, for the nearest distance that a row may have */
    struct vek_lookup lookup;
    float bias;
    uint32_t waiting;     /* rows in scratch->ids whose codes are being fetched */
    uint32_t improved_at; /* s->seen when a row was last among the best */
    /* bytes of 1-bit codes since the last pause, or work that took as long */
    uint64_t pending;
    uint32_t in_vain;          /* rows scored since one was among the best */
    const float *turned;       /* P(q - m) */
    double from_mean, on_mean; /* of the query: |q - m|^2, <q, m> */
};

static void score_waiting(struct scan_state *st)
{
    struct unindexed_search *s = st->s;
    struct search_scratch *w = s->scratch;
    codes_distances(s->codes, w->ids, st->waiting, w->rows, w->distances);
    for (uint32_t i = 0; i < st->waiting; i++) {
        st->in_vain++;
        if (w->distances[i] < topk_bound(s->top)) {
            topk_add(s->top, w->distances[i], w->ids[i]);
            st->in_vain = 0;
            st->improved_at = s->seen;
        }
    }
    s->scored += st->waiting;
    st->waiting = 0;
}

static void fetch(struct scan_state *st, uint32_t row)
{
    const struct codes *c = st->s->codes->codes;
    const char *code = codes_at(c, row);
    for (uint32_t i = 0; i < c->stride && i < PREFETCH_BYTES; i += 64)
        __builtin_prefetch(code + i);
    if (c->norms.chunks)
        __builtin_prefetch(codes_norm_at(c, row));
    st->s->scratch->ids[st->waiting++] = row;
    if (st->waiting == BATCH)
        score_waiting(st);
}

/* Prefetches the begin of a block. The hardware prefetches the rest. */
static void fetch_block(const struct unindexed_lists *l, const struct list_block *b)
{
    const size_t bytes = sizeof(*b) + (size_t)LIST_BLOCK_ROWS * l->dims / 8;
    for (size_t i = 0; i < bytes && i < BLOCK_PREFETCH; i += 64)
        __builtin_prefetch((const char *)b + i, 0, 2);
}

static void scan_block(struct scan_state *st, const struct list_block *b, float list)
{
    const struct unindexed_search *s = st->s;
    uint64_t near = vek.lookup_b1_64(&st->lookup, b->bytes, b->numbers, topk_bound(s->top) - list);
    if (b->count < LIST_BLOCK_ROWS)
        near &= ((uint64_t)1 << b->count) - 1;
    const uint32_t *rows = list_block_rows(s->lists, b);
    for (; near; near &= near - 1) {
        const uint32_t row = rows[__builtin_ctzll(near)];
        if (row >= s->from && row < s->to && (!s->allowed || copies_any(s->copies, row, s->allowed, s->visible)))
            fetch(st, row);
    }
}

/* |q - c|^2, from the values: centroids that are close together may have the same code. */
static float square_from(const struct scan_state *st, uint32_t list)
{
    const struct unindexed_lists *l = st->s->lists;
    return vek.l2_f32(st->turned, l->rotated + (size_t)list * l->dims, l->dims);
}

/* The number that a list adds to the distances of its rows, from its centroid. In doubles,
 * because rows far from 0 have large products that differ by little. */
static float distance_from(const struct scan_state *st, uint32_t list, float square)
{
    const struct unindexed_lists *l = st->s->lists;
    if (l->metric == METRIC_L2)
        return square;
    const double from_mean = (double)l->from_mean[list];
    const double product = l->by_mean ? (double)vek.ip_f32(st->turned, l->rotated + (size_t)list * l->dims, l->dims)
                                      /* <c - m, q - m> */
                                      : (from_mean * from_mean + st->from_mean - (double)square) / 2;
    return (float)((double)offset(l) - product - (double)l->on_mean[list] - st->on_mean);
}

/* The most by which <v, P(q - c)> may exceed its estimate, at `sigmas` deviations. It has three
 * parts: ERROR times the distance between query and centroid; the rounding of the query in the
 * tables; and the rounding of a row's two numbers, which grows with the distance of the centroid
 * from the mean, or from 0. With few dimensions all roundings may have the same sign. */
static float slack(const struct scan_state *st, uint32_t list, float square)
{
    const struct unindexed_lists *l = st->s->lists;
    const float far = l->by_mean               ? sqrtf(vek.ip_f32(l->rotated_mean, l->rotated_mean, l->dims))
                      : l->metric == METRIC_L2 ? l->from_mean[list]
                                               : sqrtf(l->square[list]);
    square = l->by_mean ? (float)st->from_mean : square;
    const float rounded = ROUNDING * sqrtf((float)l->dims / (float)l->dim) * far;
    const float by_tables = TABLE_ERROR * st->lookup.scale * sqrtf((float)l->dims);
    return st->s->sigmas * (ERROR * sqrtf(square) + rounded + by_tables);
}

/* Rows of a block that are searched for. Rows before `from` are in the graph; lists hold them
 * until whole blocks are free. They do not count for the budget. Otherwise a list that the graph
 * has nearly taken would use it up. */
static uint32_t rows_searched(const struct unindexed_search *s, const struct list_block *b)
{
    const uint32_t *rows = list_block_rows(s->lists, b);
    uint32_t graphed = 0;
    for (uint32_t i = 0; b->first < s->from && i < b->count; i++)
        graphed += rows[i] < s->from;
    return b->count - graphed;
}

/* At the pause, rows may go into the graph; they are still found in the lists. -EAGAIN: the
 * lists or the codes were replaced. */
static int pause_in_lists(const struct unindexed_search *s)
{
    const uint32_t version = *s->version, epoch = *s->epoch;
    const int rc = pause_here(s->pause);
    return rc != 0 ? rc : version != *s->version || epoch != *s->epoch ? -EAGAIN : 0;
}

/* Pauses if it is time, and sets *b to the block behind it. *b itself may be freed at the pause. */
static int next_block(struct scan_state *st, uint32_t list, const struct list_block **b)
{
    const struct unindexed_lists *l = st->s->lists;
    const uint32_t last = (*b)->last, freed = l->freed;
    const int rc = st->pending >= BYTES_PER_PAUSE ? pause_in_lists(st->s) : 0;
    if (rc != 0)
        return rc;
    st->pending = st->pending >= BYTES_PER_PAUSE ? 0 : st->pending;
    if (freed == l->freed) {
        *b = (*b)->next;
        return 0;
    }
    /* the same block may have got more rows */
    for (*b = l->list[list].first; *b && (*b)->first <= last;)
        *b = (*b)->next;
    return 0;
}

static int scan_list(struct scan_state *st, uint32_t list)
{
    const float square = square_from(st, list), distance = distance_from(st, list, square);
    struct unindexed_search *s = st->s;
    const uint64_t list_budget = LIST_EXTENT * (uint64_t)s->budget;
    const struct list_block *b = s->lists->list[list].first;
    int rc = 0;
    st->lookup.bias = st->bias + slack(st, list, square);
    while (rc == 0 && b && b->first < s->to && s->seen < list_budget &&
           (st->in_vain < IN_VAIN_MAX || s->seen < s->least)) {
        const uint32_t scored = s->scored;
        if (b->next)
            fetch_block(s->lists, b->next);
        if (b->last >= s->from) {
            scan_block(st, b, distance);
            s->seen += rows_searched(s, b);
            st->pending += b->count * st->lookup.bytes + (s->scored - scored) * SCORED_BYTES;
        }
        rc = next_block(st, list, &b);
    }
    return rc;
}

/* Whether to search another list. The budget is for hard queries; others have their nearest rows
 * in the first lists, or in the graph. Where lists tell little, so that rows of the last lists
 * were still among the best, the search goes on beyond the budget. Under the inner product the
 * best rows may be in any list, so all of the budget is used. */
static bool goes_on(const struct scan_state *st)
{
    const struct unindexed_search *s = st->s;
    if (s->all || s->seen < s->least)
        return true;
    if (st->in_vain >= IN_VAIN_MAX)
        return false;
    if (s->seen >= s->budget)
        return s->seen < (uint64_t)EXTENT * s->budget && s->seen - st->improved_at < s->seen / RECENT_SHARE;
    const double patience = s->lists->metric == METRIC_IP ? 1 : PATIENCE;
    return s->seen - st->improved_at < patience * s->budget;
}

int unindexed_search(struct unindexed_search *s)
{
    const struct unindexed_lists *l = s->lists;
    const struct vek_nearest *near = &s->scratch->pool.near;
    const uint64_t rows = s->to > s->from ? s->to - s->from : 1;
    uint64_t limit = 2 * (uint64_t)EXTENT * s->budget * l->count / rows + LISTS_SPARE;
    limit = limit < l->count ? limit : l->count;
    int rc = scratch_reserve(s->scratch, 0, l->count, 0, 0);
    if (rc < 0)
        return rc;
    struct scan_state st = {.s = s};
    float *turned = (float *)((uint8_t *)s->room + codes_query_bytes(&l->centroids));
    unindexed_lists_rotate(l, s->query, turned);
    unindexed_lists_rank_rotated(l, s->query, turned, s->room);
    /* nearest first */
    sort_lists(l, s->scratch->pool.cand, &s->scratch->pool.near, (uint32_t)limit);
    st.turned = turned;
    st.from_mean = (double)vek.ip_f32(turned, turned, l->dims);
    st.on_mean = (double)vek.ip_f32(s->query, l->centre, l->dim);
    make_tables(turned, l->dims, (uint8_t *)(turned + l->dims), &st.lookup);
    st.bias = st.lookup.bias;
    s->seen = s->scored = 0;
    for (uint32_t i = 0; rc == 0 && i < near->count && goes_on(&st); i++) {
        if (i + 1 < near->count && l->list[near->ids[i + 1]].first)
            fetch_block(l, l->list[near->ids[i + 1]].first);
        rc = scan_list(&st, near->ids[i]);
    }
    if (rc == 0)
        score_waiting(&st);
    return rc;
}
