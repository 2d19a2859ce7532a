/* load_live.c -- judges answers by their positions in the truth, whose distances are computed once,
 * because the load shares the machine with the server. A distance is computed only for a point
 * outside the truth that may be as near as its last row. */
#include "load/load_live.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { ABSENT, COMING, THERE, GOING, GONE };

int live_init(struct live *l, const struct dataset *d, uint32_t k)
{
    size_t entries = (size_t)d->query_count * d->truth_k;
    check(k >= 1 && k <= d->truth_k);
    *l = (struct live){.data = d, .k = k};
    l->distances = malloc(entries * sizeof(*l->distances));
    l->states = calloc(2 * (size_t)d->count, sizeof(*l->states));
    l->gone_ns = calloc(2 * (size_t)d->count, sizeof(*l->gone_ns));
    if (!l->distances || !l->states || !l->gone_ns)
        return -ENOMEM;
    for (size_t i = 0; i < entries; i++)
        l->distances[i] = dataset_distance(d, (uint32_t)(i / d->truth_k), d->truth[i]);
    for (uint32_t row = 0; row < d->count; row++)
        atomic_init(&l->states[row], THERE);
    atomic_init(&l->there, d->count);
    return 0;
}

void live_fini(struct live *l)
{
    free(l->distances);
    free(l->states);
    free(l->gone_ns);
    *l = (struct live){0};
}

static unsigned state_of(const struct live *l, uint64_t point)
{
    return atomic_load_explicit(&l->states[point], memory_order_acquire);
}

void live_writing(struct live *l, uint64_t point)
{
    if (state_of(l, point) != THERE) /* a point that is written again exists all the time */
        atomic_store(&l->states[point], COMING);
}

void live_written(struct live *l, uint64_t point)
{
    if (state_of(l, point) == THERE)
        return;
    atomic_store(&l->states[point], THERE);
    atomic_fetch_add(&l->there, 1);
}

void live_deleting(struct live *l, uint64_t point)
{
    if (state_of(l, point) == THERE)
        atomic_fetch_sub(&l->there, 1);
    atomic_store(&l->states[point], GOING);
}

void live_deleted(struct live *l, uint64_t point, uint64_t now_ns)
{
    l->gone_ns[point] = now_ns;
    atomic_store(&l->states[point], GONE); /* publishes gone_ns */
}

bool live_is_there(const struct live *l, uint64_t point)
{
    return state_of(l, point) == THERE;
}

uint64_t live_new_point(const struct live *l, struct random *r)
{
    uint32_t count = l->data->count, at = random_below(r, count);
    for (uint32_t i = 0; i < count; i++)
        if (state_of(l, count + (uint64_t)((at + i) % count)) == ABSENT)
            return count + (uint64_t)((at + i) % count);
    return live_old_point(l, r);
}

uint64_t live_old_point(const struct live *l, struct random *r)
{
    uint32_t count = l->data->count, at = random_below(r, count);
    for (uint32_t i = 0; i < count; i++)
        if (state_of(l, (at + i) % count) == THERE)
            return (at + i) % count;
    return at;
}

/* Normalising in f32 changes a distance in the seventh digit. */
static double with_rounding(double distance)
{
    return distance + 1e-6 * fabs(distance);
}

double live_bound(const struct live *l, uint32_t query)
{
    const struct dataset *d = l->data;
    const uint32_t *truth = d->truth + (size_t)query * d->truth_k;
    uint32_t known = 0;
    for (uint32_t i = 0; i < d->truth_k; i++) {
        known += live_is_there(l, truth[i]) + live_is_there(l, (uint64_t)d->count + truth[i]);
        if (known >= l->k)
            return with_rounding(l->distances[(size_t)query * d->truth_k + i]);
    }
    return NAN;
}

static bool near_enough(const struct live *l, uint32_t query, double bound, uint32_t row)
{
    const struct dataset *d = l->data;
    const size_t first = (size_t)query * d->truth_k;
    for (uint32_t i = 0; i < d->truth_k; i++)
        if (d->truth[first + i] == row)
            return l->distances[first + i] <= bound;
    double last = l->distances[first + d->truth_k - 1];
    return last <= bound && dataset_distance(d, query, row) <= bound;
}

struct live_score live_judge(const struct live *l, uint32_t query, double bound, uint64_t sent_ns, const uint64_t *ids,
                             uint32_t count)
{
    struct live_score score = {0};
    uint32_t rows = l->data->count;
    for (uint32_t i = 0; i < count && i < l->k; i++) {
        bool counts = ids[i] < 2 * (uint64_t)rows;
        for (uint32_t j = 0; j < i && counts; j++)
            counts = ids[j] != ids[i];
        if (!counts)
            continue;
        bool ghost = state_of(l, ids[i]) == GONE && l->gone_ns[ids[i]] < sent_ns;
        score.ghosts += ghost;
        score.found += !ghost && near_enough(l, query, bound, (uint32_t)(ids[i] % rows));
    }
    return score;
}
