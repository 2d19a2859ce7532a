/* ann_table.c -- tables for people: the build time and memory of each engine, and its best way of
 * searching at each recall. */
#include "ann/ann.h"

#include <string.h>

static int name_width(const struct result *r)
{
    size_t width = strlen("engine");
    for (unsigned i = 0; i < r->engine_count; i++)
        width = strlen(r->engines[i].name) > width ? strlen(r->engines[i].name) : width;
    return (int)width;
}

static void builds_write(const struct result *r, FILE *to)
{
    int width = name_width(r);
    fprintf(to, "%-*s  %4s %5s  %7s  %8s  %8s  %8s  %10s  %8s  %s\n", width, "engine", "M", "efc", "threads", "CPU s",
            "wall s", "chain s", "held B/vec", "mapped", "what it is");
    for (unsigned i = 0; i < r->engine_count; i++) {
        const struct result_engine *x = &r->engines[i];
        for (unsigned b = 0; b < x->build_count; b++) {
            const struct result_build *build = &x->builds[b];
            fprintf(to, "%-*s  %4u %5u  %7u  %8.1f  %8.1f", width, b ? "" : x->name, x->m, x->ef_construct,
                    build->threads, build->cpu_s, build->wall_s);
            if (build->chain_s > 0)
                fprintf(to, "  %8.1f", build->chain_s);
            else
                fprintf(to, "  %8s", "-");
            if (b == 0)
                fprintf(to, "  %10.0f  %8.0f  %s", x->held_bytes, x->mapped_bytes, x->what);
            fputc('\n', to);
        }
    }
}

static void ratio_write(double value, FILE *to)
{
    if (value > 0)
        fprintf(to, "  %7.2f", value);
    else
        fprintf(to, "  %7s", "-");
}

/* Writes the ratio of queries per second to those of a peer, and the ratio of p99. */
static void ratios_write(const struct result *r, const struct result_point *p, double recall, const char *peer,
                         FILE *to)
{
    const struct result_engine *x = result_engine(r, peer);
    const struct result_point *its = x ? result_best(x, recall, 1) : NULL;
    ratio_write(its ? p->qps / its->qps : 0, to);
    ratio_write(its && its->p99_us > 0 ? p->p99_us / its->p99_us : 0, to);
}

static void best_write(const struct result *r, double recall, FILE *to)
{
    int width = name_width(r);
    fprintf(to, "\n%-*s  %5s %6s  %8s  %8s  %19s  %7s  %7s  %16s  %16s\n", width, "", "", "", "", "", "", "", "",
            "hnswlib: q/s p99", "faiss: q/s p99");
    fprintf(to, "recall %.3f%*s  %5s %6s  %8s  %8s  %19s  %7s  %7s  %7s  %7s  %7s  %7s\n", recall, width - 12, "", "ef",
            "refine", "reached", "q/s", "half the rounds", "p50 us", "p99 us", "times", "part", "times", "part");
    for (unsigned i = 0; i < r->engine_count; i++) {
        const struct result_engine *x = &r->engines[i];
        const struct result_point *p = result_best(x, recall, 1);
        fprintf(to, "%-*s", width, x->name);
        if (!p) {
            fprintf(to, "  not reached\n");
            continue;
        }
        fprintf(to, "  %5u %6.3g  %8.4f  %8.0f  %8.0f - %8.0f  %7.1f  %7.1f", p->ef, p->refine_k, p->recall, p->qps,
                p->qps_low, p->qps_high, p->p50_us, p->p99_us);
        ratios_write(r, p, recall, "hnswlib", to);
        ratios_write(r, p, recall, "faiss", to);
        fputc('\n', to);
    }
}

/* The same way of searching with one query in flight. */
static const struct result_point *alone(const struct result_engine *x, const struct result_point *p)
{
    for (unsigned i = 0; i < x->point_count; i++) {
        const struct result_point *other = &x->points[i];
        if (other->interleave == 1 && other->ef == p->ef && other->refine_k == p->refine_k)
            return other;
    }
    return NULL;
}

static void interleaved_write(const struct result *r, const struct result_engine *x, FILE *to)
{
    for (unsigned i = 0; i < x->point_count; i++) {
        const struct result_point *p = &x->points[i], *other = alone(x, p);
        if (p->interleave > 1 && other)
            fprintf(to, "%-*s  %5u %6.3g  %8.4f  %7u  %10.0f  %10.0f  %5.2f\n", name_width(r), x->name, p->ef,
                    p->refine_k, p->recall, p->interleave, other->qps, p->qps, p->qps / other->qps);
    }
}

static bool any_interleaved(const struct result *r)
{
    for (unsigned i = 0; i < r->engine_count; i++)
        for (unsigned j = 0; j < r->engines[i].point_count; j++)
            if (r->engines[i].points[j].interleave > 1)
                return true;
    return false;
}

static void all_interleaved_write(const struct result *r, FILE *to)
{
    if (!any_interleaved(r))
        return;
    fprintf(to, "\n%-*s  %5s %6s  %8s  %7s  %10s  %10s  %5s\n", name_width(r), "engine", "ef", "refine", "recall",
            "at once", "q/s alone", "q/s", "times");
    for (unsigned i = 0; i < r->engine_count; i++)
        interleaved_write(r, &r->engines[i], to);
}

void ann_table_write(const struct result *r, FILE *to)
{
    fprintf(to, "%s: %u x %u, %s; %u queries, k %u; one core, one query at a time, medians of %u rounds\n", r->data,
            r->rows, r->dim, r->metric, r->queries, r->k, r->rounds);
    fprintf(to, "%s; commit %s\n\n", r->machine, r->commit);
    builds_write(r, to);
    for (size_t t = 0; t < RESULT_TARGETS; t++)
        best_write(r, result_targets[t], to);
    all_interleaved_write(r, to);
    fputc('\n', to);
}
