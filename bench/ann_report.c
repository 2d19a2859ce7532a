#include "ann.h"

#include <stdio.h>
#include <string.h>

static const char *metric_name(enum metric metric)
{
    return metric == METRIC_L2 ? "l2" : metric == METRIC_IP ? "ip" : "cosine";
}

/* The fastest point of at least so much recall, or NULL. */
static const struct ann_point *best_at(const struct ann_options *o, const struct ann_engine *x, double recall,
                                       uint32_t *ret_ef)
{
    const struct ann_point *best = NULL;
    for (uint32_t ef = 0; ef < o->ef_count; ef++) {
        const struct ann_point *point = &x->points[ef];
        if (point->measured && point->recall >= recall && (!best || point->qps_cpu > best->qps_cpu)) {
            best = point;
            *ret_ef = o->ef[ef];
        }
    }
    return best;
}

static void report_builds(const struct ann_engine *engines, unsigned count)
{
    printf("%-8s  %12s  %13s  %12s  %s\n", "engine", "build s, CPU", "build s, wall", "bytes/vector", "what it is");
    for (unsigned i = 0; i < count; i++)
        printf("%-8s  %12.1f  %13.1f  %12.0f  %s\n", engines[i].peer->name, engines[i].build_cpu_s,
               engines[i].build_wall_s, engines[i].bytes_per_vector, engines[i].peer->describe());
}

static void report_points(const struct ann_options *o, const struct ann_engine *engines, unsigned count)
{
    printf("\n%-8s  %5s  %9s%-3u  %10s  %10s  %8s  %8s\n", "engine", "ef", "recall@", o->k, "q/s, CPU", "q/s, wall",
           "p50 us", "p99 us");
    for (unsigned i = 0; i < count; i++)
        for (uint32_t ef = 0; ef < o->ef_count; ef++) {
            const struct ann_point *p = &engines[i].points[ef];
            if (p->measured)
                printf("%-8s  %5u  %12.4f  %10.0f  %10.0f  %8.1f  %8.1f\n", engines[i].peer->name, o->ef[ef], p->recall,
                       p->qps_cpu, p->qps_wall, p->p50_us, p->p99_us);
        }
}

static void report_best(const struct ann_options *o, const struct ann_engine *engines, unsigned count, double recall)
{
    uint32_t ef = 0;
    const struct ann_point *kith = NULL;
    for (unsigned i = 0; i < count; i++)
        if (strcmp(engines[i].peer->name, "kith") == 0)
            kith = best_at(o, &engines[i], recall, &ef);
    for (unsigned i = 0; i < count; i++) {
        const struct ann_point *p = best_at(o, &engines[i], recall, &ef);
        printf(">= %.3f   %-8s  ", recall, engines[i].peer->name);
        if (!p) {
            printf("%5s\n", "not reached");
            continue;
        }
        printf("%5u  %8.4f  %10.0f  %8.1f  %8.1f", ef, p->recall, p->qps_cpu, p->p50_us, p->p99_us);
        if (kith && kith != p)
            printf("  %9.2fx", kith->qps_cpu / p->qps_cpu);
        putchar('\n');
    }
}

void ann_report_text(const struct ann_options *o, const struct dataset *d, const struct ann_engine *engines,
                     unsigned count)
{
    printf("%s: %u x %u, %s; %u queries, k %u; M %u, ef_construction %u; one core, median of %u rounds\n\n", d->name,
           d->count, d->dim, metric_name(d->metric), d->query_count, o->k, o->m, o->ef_construct, o->rounds);
    report_builds(engines, count);
    report_points(o, engines, count);
    printf("\n%-8s   %-8s  %5s  %8s  %10s  %8s  %8s  %10s\n", "recall", "engine", "ef", "reached", "q/s, CPU", "p50 us",
           "p99 us", "kith/it");
    static const double targets[] = {0.90, 0.95, 0.99, 0.999};
    for (size_t t = 0; t < ARRAY_LEN(targets); t++)
        report_best(o, engines, count, targets[t]);
}

void ann_report_json(const struct ann_options *o, const struct dataset *d, const struct ann_engine *engines,
                     unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        for (uint32_t ef = 0; ef < o->ef_count; ef++) {
            const struct ann_point *p = &engines[i].points[ef];
            if (!p->measured)
                continue;
            printf("{\"bench\":\"ann\",\"data\":\"%s\",\"engine\":\"%s\",\"params\":{\"m\":%u,\"ef_construct\":%u,"
                   "\"ef\":%u},"
                   "\"k\":%u,\"recall\":%.5f,\"qps\":%.1f,\"qps_wall\":%.1f,\"p50_us\":%.2f,\"p99_us\":%.2f,"
                   "\"build_s\":%.3f,\"bytes_per_vector\":%.1f}\n",
                   d->name, engines[i].peer->name, o->m, o->ef_construct, o->ef[ef], o->k, p->recall, p->qps_cpu,
                   p->qps_wall, p->p50_us, p->p99_us, engines[i].build_cpu_s, engines[i].bytes_per_vector);
        }
}
