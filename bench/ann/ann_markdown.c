/* ann_markdown.c -- writes the tables of docs/performance.md: a row for each engine, a column for
 * each recall. */
#include "ann/ann.h"

#include <string.h>

static void columns_write(const char *first, FILE *to)
{
    fprintf(to, "\n| %s |", first);
    for (size_t t = 0; t < RESULT_TARGETS; t++)
        fprintf(to, " >= %.3g |", result_targets[t]);
    fputs("\n|---|", to);
    for (size_t t = 0; t < RESULT_TARGETS; t++)
        fputs("---|", to);
    fputc('\n', to);
}

/* Writes 12345 as "12 345". */
static void thousands_write(double value, FILE *to)
{
    unsigned long whole = (unsigned long)(value + 0.5);
    if (whole >= 1000000)
        fprintf(to, "%lu %03lu %03lu", whole / 1000000, whole / 1000 % 1000, whole % 1000);
    else if (whole >= 1000)
        fprintf(to, "%lu %03lu", whole / 1000, whole % 1000);
    else
        fprintf(to, "%lu", whole);
}

/* Writes the ratio of queries per second to those of a peer at this recall; "-" if the peer does
 * not reach it. */
static void times_write(const struct result *r, const struct result_point *p, double recall, const char *peer, FILE *to)
{
    const struct result_engine *x = result_engine(r, peer);
    const struct result_point *its = x ? result_best(x, recall, 1) : NULL;
    if (its)
        fprintf(to, "%.2f", p->qps / its->qps);
    else
        fputc('-', to);
}

static void rates_write(const struct result *r, FILE *to)
{
    columns_write("queries a second (times hnswlib, times Faiss)", to);
    for (unsigned i = 0; i < r->engine_count; i++) {
        fprintf(to, "| %s |", r->engines[i].name);
        for (size_t t = 0; t < RESULT_TARGETS; t++) {
            const struct result_point *p = result_best(&r->engines[i], result_targets[t], 1);
            fputc(' ', to);
            if (p) {
                thousands_write(p->qps, to);
                fputs(" (", to);
                times_write(r, p, result_targets[t], "hnswlib", to);
                fputs(", ", to);
                times_write(r, p, result_targets[t], "faiss", to);
                fputc(')', to);
            }
            fputs(" |", to);
        }
        fputc('\n', to);
    }
}

static void latencies_write(const struct result *r, FILE *to)
{
    columns_write("p50 / p99 us (p99 as a part of hnswlib's)", to);
    const struct result_engine *peer = result_engine(r, "hnswlib");
    for (unsigned i = 0; i < r->engine_count; i++) {
        fprintf(to, "| %s |", r->engines[i].name);
        for (size_t t = 0; t < RESULT_TARGETS; t++) {
            const struct result_point *p = result_best(&r->engines[i], result_targets[t], 1);
            const struct result_point *its = peer ? result_best(peer, result_targets[t], 1) : NULL;
            if (p)
                fprintf(to, " %.0f / %.0f", p->p50_us, p->p99_us);
            if (p && its && its->p99_us > 0)
                fprintf(to, " (%.2f)", p->p99_us / its->p99_us);
            fputs(" |", to);
        }
        fputc('\n', to);
    }
}

/* Writes the way of searching of each point, like "ef 32, refine 2". */
static void ways_write(const struct result *r, FILE *to)
{
    columns_write("ef (times k scored again)", to);
    for (unsigned i = 0; i < r->engine_count; i++) {
        fprintf(to, "| %s |", r->engines[i].name);
        for (size_t t = 0; t < RESULT_TARGETS; t++) {
            const struct result_point *p = result_best(&r->engines[i], result_targets[t], 1);
            if (p)
                fprintf(to, " %u", p->ef);
            if (p && p->refine_k > 0)
                fprintf(to, " (%.3g)", p->refine_k);
            fputs(" |", to);
        }
        fputc('\n', to);
    }
}

static void costs_write(const struct result *r, FILE *to)
{
    fputs("\n| engine | bytes a vector held | mapped | build, CPU s | wall s | more threads: wall s (longest chain) |\n"
          "|---|---|---|---|---|---|\n",
          to);
    for (unsigned i = 0; i < r->engine_count; i++) {
        const struct result_engine *x = &r->engines[i];
        fprintf(to, "| %s | ", x->name);
        thousands_write(x->held_bytes, to);
        fputs(" | ", to);
        thousands_write(x->mapped_bytes, to);
        if (x->build_count > 0)
            fprintf(to, " | %.1f | %.1f |", x->builds[0].cpu_s, x->builds[0].wall_s);
        else
            fputs(" | | |", to);
        for (unsigned b = 1; b < x->build_count; b++) {
            fprintf(to, "%s %u: %.1f", b > 1 ? "," : "", x->builds[b].threads, x->builds[b].wall_s);
            if (x->builds[b].chain_s > 0)
                fprintf(to, " (%.1f)", x->builds[b].chain_s);
        }
        fputs(" |\n", to);
    }
}

void ann_markdown_write(const struct result *r, FILE *to)
{
    fprintf(to, "### %s: %u x %u, %s\n\n%u queries, k %u, medians of %u rounds; %s; commit %s.\n", r->data, r->rows,
            r->dim, r->metric, r->queries, r->k, r->rounds, r->machine, r->commit);
    rates_write(r, to);
    latencies_write(r, to);
    ways_write(r, to);
    costs_write(r, to);
    fputc('\n', to);
}
