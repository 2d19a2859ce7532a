/* codes_check.c -- compares rows with several searched rows at a time, so that each vector is
 * fetched once for all of them.
 *
 * It costs 3 to 9 % of the CPU time of building 6 000 rows, growing and sealing together (100
 * and 1 280 dimensions, bench/ann with and without). Beyond 32 768 rows the share falls, because
 * only a sample is compared. */
#include "vectors/codes/codes_check.h"

#include "base/memory.h"
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define GROUP           8  /* searched rows that are compared together */
#define BATCH           32 /* rows that they are compared with at a time */
#define BYTES_PER_PAUSE (64 * 1024)

struct candidate {
    float by_code, truth, refined;
    uint32_t row;
};

/* A row that is searched for by its own vector. */
struct asked {
    uint32_t row;
    struct codes_query query;
    float nearest[CHECK_NEIGHBOURS]; /* true distances, ascending */
    uint32_t nearest_count;
    struct candidate candidate[CHECK_CANDIDATES]; /* nearest by code first */
    uint32_t candidates;
    float own; /* distance of the row from itself by its code; of an outlier -INFINITY */
};

struct codes_check {
    struct codes_checked of;
    uint32_t rows, step; /* the rows to compare with: every step-th, `rows` of them */
    uint32_t asked_count;
    size_t query_bytes;
    uint8_t *room;  /* [asked_count][query_bytes] */
    uint32_t *next; /* [groups]: the next row for each group, in steps; rows + 1: done */
    struct asked *asked;
};

/* The work: groups that no share has taken yet. */
struct job {
    struct codes_check *check;
    _Atomic uint32_t next; /* only counts; no data are published by it */
};

static uint32_t groups(const struct codes_check *k)
{
    return (k->asked_count + GROUP - 1) / GROUP;
}

struct codes_check *codes_check_create(const struct codes_checked *of, uint32_t queries)
{
    struct codes_check *k = calloc(1, sizeof(*k));
    if (!k)
        return NULL;
    k->of = *of;
    k->step = (of->count + CHECK_ROWS_MAX - 1) / CHECK_ROWS_MAX;
    k->step = k->step ? k->step : 1;
    k->rows = of->count / k->step;
    k->asked_count = queries < k->rows ? queries : k->rows;
    k->query_bytes = (codes_query_bytes(of->codes) + 63) & ~(size_t)63;
    k->asked = calloc(k->asked_count + 1, sizeof(*k->asked));
    k->next = calloc(groups(k) + 1, sizeof(*k->next));
    k->room = memory_aligned(k->asked_count * k->query_bytes + 64);
    if (!k->asked || !k->next || !k->room) {
        codes_check_destroy(k);
        return NULL;
    }
    for (uint32_t i = 0; i < k->asked_count; i++)
        k->asked[i] =
            (struct asked){.row = (uint32_t)((i + 0.5) / k->asked_count * k->rows) * k->step, .own = -INFINITY};
    return k;
}

void codes_check_destroy(struct codes_check *k)
{
    if (!k)
        return;
    memory_free(k->asked);
    memory_free(k->next);
    memory_free(k->room);
    memory_free(k);
}

uint64_t codes_check_bytes(const struct codes_check *k)
{
    return k ? sizeof(*k) + k->asked_count * (sizeof(*k->asked) + k->query_bytes) : 0;
}

static void take_truth(struct asked *a, float distance)
{
    if (a->nearest_count == CHECK_NEIGHBOURS && !(distance < a->nearest[CHECK_NEIGHBOURS - 1]))
        return;
    uint32_t at = a->nearest_count < CHECK_NEIGHBOURS ? a->nearest_count++ : CHECK_NEIGHBOURS - 1;
    for (; at > 0 && a->nearest[at - 1] > distance; at--)
        a->nearest[at] = a->nearest[at - 1];
    a->nearest[at] = distance;
}

/* Adds a candidate. A NaN is never among the nearest. */
static void take_candidate(struct asked *a, struct candidate c)
{
    if (!(c.by_code < INFINITY) ||
        (a->candidates == CHECK_CANDIDATES && c.by_code >= a->candidate[CHECK_CANDIDATES - 1].by_code))
        return;
    uint32_t at = a->candidates < CHECK_CANDIDATES ? a->candidates++ : CHECK_CANDIDATES - 1;
    uint32_t from = at;
    while (from > 0 && a->candidate[from - 1].by_code > c.by_code)
        from--;
    memmove(a->candidate + from + 1, a->candidate + from, (at - from) * sizeof(c));
    a->candidate[from] = c;
}

static void compare(const struct codes_check *k, struct asked *a, const uint32_t *ids, uint32_t n)
{
    const void *vectors[BATCH], *codes[BATCH];
    float truth[BATCH], by_code[BATCH];
    for (uint32_t i = 0; i < n; i++)
        vectors[i] = rows_at(k->of.vectors, ids[i]);
    vectors_distances(k->of.codes->metric, rows_at(k->of.vectors, a->row), vectors, n, k->of.codes->dim, truth);
    codes_distances(&a->query, ids, n, codes, by_code);
    for (uint32_t i = 0; i < n; i++) {
        if (codes_is_outlier(k->of.codes, ids[i])) /* searches find outliers in any case */
            continue;
        if (ids[i] == a->row) {
            a->own = by_code[i];
            continue;
        }
        take_truth(a, truth[i]);
        take_candidate(a, (struct candidate){by_code[i], truth[i], truth[i], ids[i]});
    }
}

static void refine(const struct codes_check *k, struct asked *a, void *room)
{
    struct codes_query q;
    codes_query_init(&q, k->of.refine, rows_at(k->of.vectors, a->row), room);
    for (uint32_t i = 0; i < a->candidates; i++) {
        const void *at[1];
        codes_distances(&q, &a->candidate[i].row, 1, at, &a->candidate[i].refined);
    }
}

/* Compares a group with all rows, from where an earlier call stopped. */
static int run_group(struct codes_check *k, uint32_t group, const struct pause *pause)
{
    struct asked *first = k->asked + (size_t)group * GROUP;
    const uint32_t left = k->asked_count - group * GROUP, n = left < GROUP ? left : GROUP;
    const struct codes *c = k->of.codes;
    uint32_t *next = &k->next[group], pending = 0;
    uint8_t *room = k->room + (size_t)group * GROUP * k->query_bytes;
    for (uint32_t i = 0; i < n && *next == 0; i++)
        codes_query_init(&first[i].query, c, rows_at(k->of.vectors, first[i].row), room + i * k->query_bytes);
    while (*next < k->rows) {
        uint32_t ids[BATCH], count = 0;
        for (; count < BATCH && *next < k->rows; (*next)++)
            ids[count++] = *next * k->step;
        for (uint32_t i = 0; i < n; i++)
            compare(k, &first[i], ids, count);
        pending += n * count * (c->dim + 16) * (uint32_t)sizeof(float) / GROUP;
        if (pending >= BYTES_PER_PAUSE) {
            pending = 0;
            const int rc = pause_here(pause);
            if (rc != 0)
                return rc;
        }
    }
    if (*next > k->rows)
        return 0;
    void *work = k->of.refine ? memory_aligned(codes_query_bytes(k->of.refine) + 64) : NULL;
    for (uint32_t i = 0; i < n && work; i++)
        refine(k, &first[i], work);
    memory_free(work);
    *next = k->rows + 1;
    return pause_here(pause);
}

static int run_share(void *arg, unsigned share, const struct pause *pause)
{
    struct job *job = arg;
    (void)share;
    for (;;) {
        const uint32_t group = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
        if (group >= groups(job->check))
            return 0;
        const int rc = job->check->next[group] > job->check->rows ? 0 : run_group(job->check, group, pause);
        if (rc != 0)
            return rc;
    }
}

int codes_check_run(struct codes_check *k, const struct workers *workers, const struct pause *pause)
{
    struct job job = {.check = k};
    return workers_run(workers, run_share, &job, pause);
}

static int by_refined(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->refined < y->refined ? -1 : x->refined > y->refined;
}

/* Scores the first `n` candidates again and counts how many of the best are as near as
 * the true neighbours. */
static uint32_t found(const struct asked *a, uint32_t n, bool exactly)
{
    struct candidate best[CHECK_CANDIDATES];
    uint32_t right = 0;
    n = n < a->candidates ? n : a->candidates;
    memcpy(best, a->candidate, n * sizeof(*best));
    for (uint32_t i = 0; i < n && exactly; i++)
        best[i].refined = best[i].truth;
    qsort(best, n, sizeof(*best), by_refined);
    for (uint32_t i = 0; i < n && i < a->nearest_count; i++)
        right += best[i].truth <= a->nearest[a->nearest_count - 1];
    return right;
}

double codes_check_recall(const struct codes_check *k, uint32_t candidates, bool exactly)
{
    uint64_t right = 0, all = 0;
    candidates = candidates < CHECK_CANDIDATES ? candidates : CHECK_CANDIDATES;
    for (uint32_t i = 0; i < k->asked_count; i++) {
        right += found(&k->asked[i], candidates, exactly);
        all += k->asked[i].nearest_count;
    }
    return all ? (double)right / (double)all : 1;
}

bool codes_check_own(const struct codes_check *k, uint32_t candidates)
{
    uint32_t missed = 0;
    for (uint32_t i = 0; i < k->asked_count; i++) {
        const struct asked *a = &k->asked[i];
        missed += a->candidates >= candidates && a->candidate[candidates - 1].by_code < a->own &&
                  a->candidate[candidates - 1].truth > 0;
    }
    return missed == 0;
}
