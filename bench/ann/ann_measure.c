/* ann_measure.c -- measures the ways that the survey kept in rounds, and computes medians. */
#include "ann/ann.h"
#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* rounds of all ways; later rounds measure only ways near the best at a recall of the tables */
#define ROUNDS_OF_ALL 1
#define CONTENDS      0.85 /* least share of the best way's speed to count as near */

/* The measurements of one point. */
struct samples {
    double qps[ANN_ROUNDS_MAX];
    uint32_t rounds; /* measured so far */
    bool left_out;
    uint32_t *latency_ns; /* [query][round]: the rounds of a query lie side by side */
};

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Computes latency percentiles over the queries. The latency of a query is that of its fastest
 * round, because other programs disturbed that one least. */
static void take_latencies(struct samples *s, uint32_t stride, uint32_t queries, uint32_t *room, struct result_point *p)
{
    if (p->interleave > 1)
        return;
    for (uint32_t q = 0; q < queries; q++) {
        uint32_t *of = s->latency_ns + (size_t)q * stride;
        room[q] = of[0];
        for (uint32_t r = 1; r < s->rounds; r++)
            room[q] = of[r] < room[q] ? of[r] : room[q];
    }
    qsort(room, queries, sizeof(*room), compare_u32);
    p->p50_us = room[queries / 2] / 1e3;
    p->p99_us = room[(uint64_t)queries * 99 / 100] / 1e3;
}

static void take_rates(struct samples *s, struct result_point *p)
{
    uint32_t rounds = p->rounds = s->rounds;
    qsort(s->qps, rounds, sizeof(double), compare_double);
    p->qps = (s->qps[rounds / 2] + s->qps[(rounds - 1) / 2]) / 2;
    p->qps_low = s->qps[rounds / 4];
    p->qps_high = s->qps[rounds - 1 - rounds / 4];
}

struct measuring {
    const struct ann_options *o;
    const struct dataset *d;
    struct ann_pass pass;
    struct samples *samples[RESULT_ENGINES_MAX]; /* for each engine: one for each point */
};

static int point_run(struct measuring *m, const struct ann_engine *x, struct result_engine *out, unsigned engine,
                     unsigned point, uint32_t round)
{
    struct samples *s = &m->samples[engine][point];
    if (s->left_out)
        return 0;
    int rc = ann_pass_run(&m->pass, x, m->d, &out->points[point], m->o->k, &s->qps[round]);
    if (rc < 0)
        return rc;
    s->rounds++;
    for (uint32_t q = 0; q < m->d->query_count; q++)
        s->latency_ns[(size_t)q * m->o->rounds + round] = m->pass.latency_ns[q];
    if (round == 0)
        out->points[point].recall = ann_pass_recall(&m->pass, m->d, m->o->k);
    out->points[point].qps = s->qps[round]; /* of the last round, until all rounds are done */
    return 0;
}

/* Runs one round. The engines have different numbers of points. Each step takes the same fraction
 * of the points of each engine, so that all have about the same recall at the same time. */
static int round_run(struct measuring *m, struct ann_engine *engines, struct result *r, uint32_t round, unsigned steps,
                     struct progress *p)
{
    for (unsigned step = 0; step < steps; step++) {
        for (unsigned i = 0; i < r->engine_count; i++) {
            unsigned at = (i + step + round) % r->engine_count, n = r->engines[at].point_count;
            for (unsigned point = step * n / steps; point < (step + 1) * n / steps; point++) {
                int rc = point_run(m, &engines[at], &r->engines[at], at, point, round);
                if (rc < 0)
                    return rc;
            }
        }
        progress_at(p, (uint64_t)round * steps + step + 1);
    }
    return 0;
}

/* Whether the point is near the best one at a recall of the tables. */
static bool is_contender(const struct result_engine *x, const struct result_point *p)
{
    for (size_t t = 0; t < RESULT_TARGETS; t++) {
        const struct result_point *best = result_best(x, result_targets[t], p->interleave);
        if (best && p->recall >= result_targets[t] && p->qps >= CONTENDS * best->qps)
            return true;
    }
    return false;
}

/* Leaves out points that only the curve shows; they are measured often enough. */
static void leave_out_others(struct measuring *m, const struct result *r)
{
    for (unsigned i = 0; i < r->engine_count; i++)
        for (unsigned p = 0; p < r->engines[i].point_count; p++)
            if (!is_contender(&r->engines[i], &r->engines[i].points[p]))
                m->samples[i][p].left_out = true;
}

static int samples_init(struct measuring *m, const struct result *r)
{
    for (unsigned i = 0; i < r->engine_count; i++) {
        m->samples[i] = calloc(r->engines[i].point_count + 1, sizeof(*m->samples[i]));
        for (unsigned p = 0; p < r->engines[i].point_count; p++) {
            if (!m->samples[i])
                return -ENOMEM;
            m->samples[i][p].latency_ns = calloc((size_t)m->d->query_count * m->o->rounds, sizeof(uint32_t));
            if (!m->samples[i][p].latency_ns)
                return -ENOMEM;
        }
    }
    return ann_pass_init(&m->pass, m->o, m->d);
}

static void samples_fini(struct measuring *m, const struct result *r)
{
    for (unsigned i = 0; i < r->engine_count; i++) {
        for (unsigned p = 0; m->samples[i] && p < r->engines[i].point_count; p++)
            free(m->samples[i][p].latency_ns);
        free(m->samples[i]);
    }
    ann_pass_fini(&m->pass);
}

/* Another program measures between the rounds: tells it that a round can begin, and waits for its
 * line. */
static int turn_wait(void)
{
    char line[16];
    puts("ready");
    fflush(stdout);
    return fgets(line, sizeof(line), stdin) ? 0 : -EPIPE;
}

int ann_measure(const struct ann_options *o, const struct dataset *d, struct ann_engine *engines, struct result *r)
{
    struct measuring m = {.o = o, .d = d};
    int rc = samples_init(&m, r);
    unsigned steps = 0;
    for (unsigned i = 0; i < r->engine_count; i++)
        steps = r->engines[i].point_count > steps ? r->engines[i].point_count : steps;
    struct progress p;
    progress_start(&p, "measuring", (uint64_t)o->rounds * steps);
    for (uint32_t round = 0; round < o->rounds && rc == 0; round++) {
        if (o->paced)
            rc = turn_wait();
        if (rc == 0)
            rc = round_run(&m, engines, r, round, steps, &p);
        if (rc == 0 && round + 1 == ROUNDS_OF_ALL)
            leave_out_others(&m, r);
    }
    progress_end(&p);
    for (unsigned i = 0; i < r->engine_count && rc == 0; i++)
        for (unsigned at = 0; at < r->engines[i].point_count; at++) {
            take_rates(&m.samples[i][at], &r->engines[i].points[at]);
            take_latencies(&m.samples[i][at], o->rounds, d->query_count, m.pass.latency_ns, &r->engines[i].points[at]);
        }
    samples_fini(&m, r);
    return rc;
}
