/* load_verdict.c -- prints the result of `draining`. A phase that was given up counts with its
 * measurements until then; its latencies are at least these. */
#include "load/load_draining.h"

#include "load/load_picture.h"

#include <math.h>
#include <stdio.h>

const char *const draining_names[DRAINING_PHASES] = {"draining", "quiet", "writing", "deleting", "snapshot"};

static double us(const struct drive_result *r, double percent)
{
    return (double)histogram_percentile(&r->search.latency_ns, percent) / 1e3;
}

static double recall_of(const struct drive_result *r)
{
    return r->recall_wanted ? (double)r->recall_found / (double)r->recall_wanted : 0;
}

static double ratio(const struct draining *d, int phase, double percent)
{
    double quiet = us(&d->phases[QUIET].drive, percent);
    return quiet > 0 ? us(&d->phases[phase].drive, percent) / quiet : 0;
}

static double drain_ratio(const struct draining *d)
{
    return d->alone_s > 0 ? d->drain_s / d->alone_s : 0;
}

static double missing(const struct draining *d, int phase, double unused)
{
    (void)unused;
    const struct drive_result *r = &d->phases[phase].drive;
    return (double)(r->search.errors + r->ghosts);
}

static double unfound(const struct draining *d, int phase, double unused)
{
    (void)unused;
    return 1 - recall_of(&d->phases[phase].drive);
}

/* The phase in which fn is largest. */
static struct draining_aim worst_of(const struct draining *d, double (*fn)(const struct draining *, int, double),
                                    double percent, double limit)
{
    struct draining_aim aim = {.phase = "", .worst = -1, .limit = limit};
    for (int i = 0; i < DRAINING_PHASES; i++) {
        double value = fn(d, i, percent);
        if (i == QUIET && fn == ratio)
            continue;
        if (value > aim.worst) {
            aim.worst = value;
            aim.phase = draining_names[i];
        }
    }
    aim.met = aim.worst <= limit;
    return aim;
}

void draining_judge(const struct draining *d, struct draining_aim aims[DRAINING_AIMS])
{
    aims[0] = worst_of(d, ratio, 50, 1.3);
    aims[0].what = "p50, as a multiple of quiet, at most";
    aims[1] = worst_of(d, ratio, 99, 2);
    aims[1].what = "p99, as a multiple of quiet, at most";
    aims[2] = worst_of(d, unfound, 0, 0.05);
    aims[2].what = "recall, at least";
    aims[2].worst = 1 - aims[2].worst;
    aims[2].limit = 0.95;
    /* half of that time had no searches, so it proves nothing */
    bool alone = d->phases[DRAINING].drive.gave_up_s > 0;
    aims[3] = (struct draining_aim){.what = "the drain, as a multiple of the same without searches, at most",
                                    .phase = alone ? "its searches were given up" : "",
                                    .worst = drain_ratio(d),
                                    .limit = 1.5,
                                    .met = !alone && drain_ratio(d) <= 1.5};
    aims[4] = worst_of(d, missing, 0, 0);
    aims[4].what = "searches refused, unanswered or with deleted points, at most";
}

static void aim_print(const struct draining *d, const struct draining_aim *aim)
{
    if (d->options->json) {
        printf("{\"bench\":\"load\",\"scenario\":\"draining\",\"target\":\"%s\",\"aim\":\"%s\",\"limit\":%g,\"worst\":%"
               ".4f,"
               "\"phase\":\"%s\",\"met\":%s}\n",
               d->target->name, aim->what, aim->limit, aim->worst, aim->phase, aim->met ? "true" : "false");
        return;
    }
    char where[64] = "";
    if (aim->phase[0])
        snprintf(where, sizeof(where), " (%s)", aim->phase);
    printf("%-64s %6g  %9.4g  %s by %.3g%s\n", aim->what, aim->limit, aim->worst, aim->met ? "met" : "MISSED",
           fabs(aim->worst - aim->limit), where);
}

static void load_print(const struct draining *d, const char *name, const struct fill_watch *fill, double drain_s)
{
    double filled = fill_seconds(fill), held = fill_held_up_seconds(fill);
    char slowed[64] = "";
    if (d->options->json) {
        if (fill->slowed_s >= 0)
            snprintf(slowed, sizeof(slowed), ",\"slowed_s\":%.2f", fill->slowed_s);
        printf("{\"bench\":\"load\",\"scenario\":\"draining\",\"target\":\"%s\",\"load\":\"%s\",\"load_s\":%.2f,"
               "\"held_up_s\":%.2f%s,\"drain_s\":%.2f}\n",
               d->target->name, name, filled, held, slowed, drain_s);
        return;
    }
    if (fill->slowed_s >= 0)
        snprintf(slowed, sizeof(slowed), " (the server counts %.1f s of all writes)", fill->slowed_s);
    printf("%-14s %u rows loaded in %.1f s, of which the writers were held up for %.1f s%s; then graphs for %.1f s; "
           "together %.1f s\n",
           name, d->data->count, filled, held, slowed, drain_s, filled + drain_s);
}

static void run_print(const struct draining *d)
{
    if (d->options->json)
        printf("{\"bench\":\"load\",\"scenario\":\"draining\",\"target\":\"%s\",\"capacity_qps\":%.0f,\"rate\":%.0f,"
               "\"backlog_rows\":%lld,\"drain_ratio\":%.3f,\"deleted\":%llu,\"snapshots\":%llu}\n",
               d->target->name, d->capacity_qps, d->rate, (long long)d->backlog, drain_ratio(d),
               (unsigned long long)d->deleted, (unsigned long long)d->snapshots);
    else
        printf("%lld rows had no graph when the searches began; the drain took %.2f times as long with searches as "
               "without\n"
               "quiet, the server answers %.0f searches/s in a closed loop; the phases have %.0f\n"
               "%llu points deleted, %llu snapshots\n\n",
               (long long)d->backlog, drain_ratio(d), d->capacity_qps, d->rate, (unsigned long long)d->deleted,
               (unsigned long long)d->snapshots);
}

static void phases_print(const struct draining *d)
{
    if (!d->options->json)
        printf("\n%-8s  %8s  %8s  %8s  %8s  %8s  %11s  %11s  %7s  %7s  %6s\n", "phase", "seconds", "p50 us", "p95 us",
               "p99 us", "p99.9 us", "p50 / quiet", "p99 / quiet", "recall", "errors", "ghosts");
    for (int i = 0; i < DRAINING_PHASES; i++) {
        const struct draining_phase_result *p = &d->phases[i];
        const struct drive_result *r = &p->drive;
        double seconds = p->ended_s - p->began_s;
        if (d->options->json)
            printf(
                "{\"bench\":\"load\",\"scenario\":\"draining\",\"target\":\"%s\",\"phase\":\"%s\",\"seconds\":%.1f,"
                "\"p50_ratio\":%.3f,\"p99_ratio\":%.3f,\"recall\":%.5f,\"errors\":%llu,\"ghosts\":%llu,\"gave_up_s\":"
                "%.1f}\n",
                d->target->name, draining_names[i], seconds, ratio(d, i, 50), ratio(d, i, 99), recall_of(r),
                (unsigned long long)r->search.errors, (unsigned long long)r->ghosts, r->gave_up_s);
        else
            printf("%-8s  %8.1f  %8.0f  %8.0f  %8.0f  %8.0f  %11.2f  %11.2f  %7.4f  %7llu  %6llu%s\n",
                   draining_names[i], seconds, us(r, 50), us(r, 95), us(r, 99), us(r, 99.9), ratio(d, i, 50),
                   ratio(d, i, 99), recall_of(r), (unsigned long long)r->search.errors, (unsigned long long)r->ghosts,
                   r->gave_up_s ? "  given up: the figures are at least so" : "");
    }
    if (!d->options->json)
        printf("\n");
}

void draining_report(const struct draining *d)
{
    struct draining_aim aims[DRAINING_AIMS];
    phases_print(d);
    load_print(d, "alone", &d->filled_alone, d->alone_s);
    load_print(d, "with searches", &d->filled, d->drain_s);
    run_print(d);
    draining_judge(d, aims);
    if (!d->options->json)
        printf("%-64s %6s  %9s\n", "aim", "limit", "worst");
    for (int i = 0; i < DRAINING_AIMS; i++)
        aim_print(d, &aims[i]);
}

int draining_picture(struct draining *d, const char *path)
{
    struct load_picture p = {.trace = &d->trace,
                             .phase_count = DRAINING_PHASES,
                             .line_us = us(&d->phases[QUIET].drive, 99),
                             .line = "p99 when quiet"};
    for (int i = 0; i < DRAINING_PHASES; i++)
        p.phases[i] = (struct load_picture_phase){draining_names[i], d->phases[i].began_s, d->phases[i].ended_s};
    return load_picture_write(&p, path, d->error);
}
