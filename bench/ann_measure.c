/* Building and timing. Queries a second are counted in CPU time of the one thread, which a busy neighbour disturbs less than
 * wall time; latencies are wall time, query by query. */
#include "ann.h"
#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UP 50 /* queries before a pass is timed: the engine before has filled the caches with its own */

static void on_progress(void *arg, uint32_t done)
{
    progress_at(arg, done);
}

static int engine_build(struct ann_engine *x, const struct ann_options *o, const struct dataset *d)
{
    char what[64];
    snprintf(what, sizeof(what), "%s: building", x->peer->name);
    struct progress p;
    progress_start(&p, what, d->count);
    struct peer_build b = {.metric = (enum peer_metric)d->metric,
                           .dim = d->dim,
                           .count = d->count,
                           .vectors = d->base,
                           .m = o->m,
                           .ef_construct = o->ef_construct,
                           .progress = on_progress,
                           .arg = &p};
    uint64_t cpu = clock_thread_cpu_ns(), wall = clock_wall_ns();
    x->index = x->peer->build(&b);
    x->build_cpu_s = (double)(clock_thread_cpu_ns() - cpu) / 1e9;
    x->build_wall_s = (double)(clock_wall_ns() - wall) / 1e9;
    progress_end(&p);
    if (!x->index)
        return -ENOMEM;
    x->bytes_per_vector = (double)x->peer->bytes(x->index) / d->count;
    return 0;
}

/* What the passes of all rounds write to. */
struct pass_room {
    struct recall recall;
    uint32_t *rows;      /* k of each query */
    uint32_t *counts;    /* how many of them */
    uint64_t *latencies; /* of each query, ns */
    double *samples;     /* [engine][ef][round][4] */
};

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* One engine, one ef, all queries one after the other. */
static int pass_run(const struct ann_engine *x, const struct dataset *d, uint32_t k, uint32_t ef,
                    struct pass_room *room, double *ret_sample)
{
    for (uint32_t q = 0; q < WARM_UP && q < d->query_count; q++)
        if (x->peer->search(x->index, d->queries + (size_t)q * d->dim, k, ef, room->rows) < 0)
            return -EIO;
    uint64_t cpu = clock_thread_cpu_ns(), start = clock_wall_ns(), before = start;
    for (uint32_t q = 0; q < d->query_count; q++) {
        int count = x->peer->search(x->index, d->queries + (size_t)q * d->dim, k, ef, room->rows + (size_t)q * k);
        if (count < 0)
            return -EIO;
        room->counts[q] = (uint32_t)count;
        uint64_t now = clock_wall_ns();
        room->latencies[q] = now - before;
        before = now;
    }
    cpu = clock_thread_cpu_ns() - cpu;
    qsort(room->latencies, d->query_count, sizeof(*room->latencies), compare_u64);
    ret_sample[0] = d->query_count * 1e9 / (double)cpu;
    ret_sample[1] = d->query_count * 1e9 / (double)(before - start);
    ret_sample[2] = (double)room->latencies[d->query_count / 2] / 1e3;
    ret_sample[3] = (double)room->latencies[(uint64_t)d->query_count * 99 / 100] / 1e3;
    return 0;
}

static double pass_recall(const struct dataset *d, uint32_t k, const struct pass_room *room)
{
    uint64_t found = 0;
    for (uint32_t q = 0; q < d->query_count; q++)
        found += recall_count(&room->recall, q, room->rows + (size_t)q * k, room->counts[q]);
    return (double)found / ((double)d->query_count * k);
}

static double *sample_at(const struct ann_options *o, const struct pass_room *room, unsigned engine, uint32_t ef,
                         uint32_t round)
{
    return room->samples + 4 * (((size_t)engine * o->ef_count + ef) * o->rounds + round);
}

/* The first round finds the recall of each point, and with it which points are worth another round. */
static int round_run(const struct ann_options *o, const struct dataset *d, struct ann_engine *engines, unsigned count,
                     uint32_t round, struct pass_room *room, struct progress *p)
{
    bool enough[ANN_ENGINES_MAX] = {false};
    for (uint32_t ef = 0; ef < o->ef_count; ef++) {
        for (unsigned i = 0; i < count; i++) {
            unsigned at = (i + ef + round) % count;
            struct ann_point *point = &engines[at].points[ef];
            if (round == 0 ? enough[at] : !point->measured)
                continue;
            int rc = pass_run(&engines[at], d, o->k, o->ef[ef], room, sample_at(o, room, at, ef, round));
            if (rc < 0)
                return rc;
            if (round == 0) {
                point->measured = true;
                point->recall = pass_recall(d, o->k, room);
                enough[at] = point->recall >= o->recall_enough;
            }
        }
        progress_at(p, (uint64_t)round * o->ef_count + ef + 1);
    }
    return 0;
}

static void take_medians(const struct ann_options *o, struct ann_engine *engines, unsigned count,
                         const struct pass_room *room)
{
    double values[100]; /* --rounds is at most 99 */
    for (unsigned i = 0; i < count; i++)
        for (uint32_t ef = 0; ef < o->ef_count; ef++) {
            struct ann_point *point = &engines[i].points[ef];
            double *into[4] = {&point->qps_cpu, &point->qps_wall, &point->p50_us, &point->p99_us};
            for (int f = 0; f < 4; f++) {
                for (uint32_t round = 0; round < o->rounds; round++)
                    values[round] = sample_at(o, room, i, ef, round)[f];
                qsort(values, o->rounds, sizeof(double), compare_double);
                *into[f] =
                    o->rounds % 2 ? values[o->rounds / 2] : (values[o->rounds / 2 - 1] + values[o->rounds / 2]) / 2;
            }
        }
}

static int room_init(struct pass_room *room, const struct ann_options *o, const struct dataset *d, unsigned engines)
{
    *room = (struct pass_room){0};
    room->rows = calloc((size_t)d->query_count * o->k, sizeof(*room->rows));
    room->counts = calloc(d->query_count, sizeof(*room->counts));
    room->latencies = calloc(d->query_count, sizeof(*room->latencies));
    room->samples = calloc((size_t)engines * o->ef_count * o->rounds * 4, sizeof(*room->samples));
    if (!room->rows || !room->counts || !room->latencies || !room->samples)
        return -ENOMEM;
    return recall_init(&room->recall, d, o->k);
}

static void room_fini(struct pass_room *room)
{
    recall_fini(&room->recall);
    free(room->rows);
    free(room->counts);
    free(room->latencies);
    free(room->samples);
}

int ann_measure(const struct ann_options *o, const struct dataset *d, struct ann_engine *engines, unsigned count)
{
    struct pass_room room;
    int rc = room_init(&room, o, d, count);
    for (unsigned i = 0; i < count && rc == 0; i++)
        rc = engine_build(&engines[i], o, d);
    struct progress p;
    progress_start(&p, "searching", (uint64_t)o->rounds * o->ef_count);
    for (uint32_t round = 0; round < o->rounds && rc == 0; round++)
        rc = round_run(o, d, engines, count, round, &room, &p);
    progress_end(&p);
    if (rc == 0)
        take_medians(o, engines, count, &room);
    else
        fprintf(stderr, "ann: not measured: %s\n", strerror(-rc));
    room_fini(&room);
    return rc;
}
