/* unindexed_search.c -- searching the nearest lists: by 1-bit codes first, then by the codes that
 * everything else is scored by.
 *
 * A distance by a 1-bit code has a known error. A row is passed over if it would have to be some
 * sigmas nearer than its 1-bit code says, to be among the best found so far. Of the others, which
 * are few, the codes proper are fetched, some rows ahead. So it helps when the best are good from
 * the start: the index is searched before, and lists come nearest first. */
#include "index/unindexed/unindexed_lists.h"

#include "base/bits.h"
#include "vek.h"
#include <errno.h>
#include <math.h>
#include <string.h>

#define TABLE_MAX   125 /* of 127: four weights may be rounded up by a half each */
#define LISTS_SPARE 8   /* ranked, beyond those that the budget pays for when all are as long */
#define RANKS       512
#define RANK_MANY   16
/* sigma of <v, P(q - c)> by a code for r, in |q - c|: sqrt(1 - 2 / pi) / 2 for directions at
 * random */
#define ERROR    0.30f
#define ROUNDING 0.002f /* of a bf16, of half of a sum of signs */
/* of a unit of the tables a dimension: half of a deviation of what rounds to whole units */
#define TABLE_ERROR 0.15f
/* a list that is begun is looked at to its end, as far as so many budgets go */
#define LIST_EXTENT 4
/* equal rows, or nearly: codes of one bit tell them apart no better than those of eight */
#define IN_VAIN_MAX 2048
#define EXTENT      4 /* budgets, at most, */
/* and only as long as one of the last rows, this share of all looked at, was among the best */
#define RECENT_SHARE 16
/* of the budget: when no row of so many was among the best, the rest is left */
#define PATIENCE        0.4
#define BATCH           32
#define BYTES_PER_PAUSE (256 * 1024) /* of 1-bit codes: 10 to 20 us */
#define SCORED_BYTES    256          /* of these in the time that a row is scored, about */
#define PREFETCH_BYTES  512          /* of a code */
#define BLOCK_PREFETCH  4096

size_t unindexed_query_bytes(const struct unindexed_lists *l)
{
    return codes_query_bytes(&l->centroids) + l->dims * sizeof(float) + 4 * (size_t)l->dims;
}

/* What four bits are worth, for all their values: the sum of the weights of those set, less the
 * least there is. The tables are of bytes, so weights become multiples of a unit. <v, w> is scale
 * * sum + bias, about. */
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

/* By distance. (Shell, CACM 1959) */
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

/* The `limit` smallest of l->distances and whose they are. Sorted but for those that fall into one
 * of RANKS equal steps between the smallest and the largest: near enough to say which list comes
 * first, in a pass where a sorted array takes many. Steps into which many fall, as a few lists are
 * very far away, are sorted. room: l->count. */
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
        ranks[i] = rank < RANKS ? (uint16_t)rank : RANKS - 1; /* also what is no number */
    }
    for (uint32_t i = 0; i < l->count; i++)
        places[ranks[i] + 1]++;
    for (uint32_t r = 0; r < RANKS; r++)
        places[r + 1] += places[r];
    for (uint32_t i = 0; i < l->count; i++) {
        const uint32_t place = places[ranks[i]]++;
        room[place] = (struct cand){l->distances[i], i};
    }
    /* which are where ranks end, now */
    for (uint32_t r = 0, from = 0; r < RANKS && from < limit; from = places[r++])
        if (places[r] - from > RANK_MANY)
            sort_few(room + from, places[r] - from);
    for (uint32_t i = 0; i < limit; i++) {
        ret->distances[i] = room[i].distance;
        ret->ids[i] = room[i].id;
    }
    ret->count = limit;
}

/* A cosine counts from 1. */
static float offset(const struct unindexed_lists *l)
{
    return l->metric == METRIC_COSINE ? 1 : 0;
}

/* A search under way. */
struct scan_state {
    struct unindexed_search *s;
    struct vek_lookup lookup; /* its bias that of the list, for rows at their nearest */
    float bias;
    uint32_t waiting;          /* rows in scratch->ids whose codes are being fetched */
    uint32_t improved_at;      /* rows that had been looked at when one was */
    uint64_t pending;          /* bytes of 1-bit codes since the last pause, or what took as long */
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

/* The hardware streams the rest. */
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

/* How far the query is from a centroid, squared: by the values, for centroids that are close
 * together have one code. */
static float square_from(const struct scan_state *st, uint32_t list)
{
    const struct unindexed_lists *l = st->s->lists;
    return vek.l2_f32(st->turned, l->rotated + (size_t)list * l->dims, l->dims);
}

/* What a list adds to the distance of its rows: that of its centroid. In doubles: rows far from 0
 * have large products that differ by little. */
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

/* How much larger <v, P(q - c)> may be than it is: ERROR times how far the query is from the
 * centroid; what rounding the query to the tables makes of how far it is from the mean; and what
 * rounding a row's numbers makes of how far the centroid is from the mean, or from 0, which is more
 * where rows are close together. Of few dimensions all that is rounded points the same way. */
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

/* Rows of a block that are searched for: the graph has those before `from`, which lists go on
 * holding until whole blocks are free. They take nothing from the budget, or it would be spent on
 * them alone where nearly all of a list is in the graph. */
static uint32_t rows_searched(const struct unindexed_search *s, const struct list_block *b)
{
    const uint32_t *rows = list_block_rows(s->lists, b);
    uint32_t graphed = 0;
    for (uint32_t i = 0; b->first < s->from && i < b->count; i++)
        graphed += rows[i] < s->from;
    return b->count - graphed;
}

/* The pause may have let rows into the graph, which go on being found where they are, or
 * changed lists or codes. */
static int pause_in_lists(const struct unindexed_search *s)
{
    const uint32_t version = *s->version, epoch = *s->epoch;
    const int rc = pause_here(s->pause);
    return rc != 0 ? rc : version != *s->version || epoch != *s->epoch ? -EAGAIN : 0;
}

/* Pauses if it is time, and leads on to the block behind *b, which may be gone after that. */
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
    /* of which some may have got more rows */
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

/* The budget is for hard queries: others have their nearest rows in the first lists, or had them in
 * the graph. Where lists say so little that rows of the last ones were yet among the best, the
 * search goes on beyond it. The largest inner products are of rows far out in any list, so there
 * the whole of it is used. */
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
    /* the nearest, nearest first */
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
