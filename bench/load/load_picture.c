#include "load/load_picture.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define WIDTH   1000.0
#define HEIGHT  420.0
#define LEFT    70.0
#define RIGHT   20.0
#define TOP     40.0
#define BOTTOM  40.0
#define COLUMNS 240 /* intervals of time */

struct axes {
    double seconds;
    int from, to; /* powers of ten, in us */
};

static double x_of(const struct axes *a, double at_s)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * at_s / a->seconds;
}

static double y_of(const struct axes *a, double us)
{
    double share = (log10(us > 1 ? us : 1) - a->from) / (a->to - a->from);
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share;
}

static int by_time(const void *a, const void *b)
{
    const struct drive_point *x = a, *y = b;
    return x->at_s < y->at_s ? -1 : x->at_s > y->at_s;
}

static int by_latency(const void *a, const void *b)
{
    const struct drive_point *x = a, *y = b;
    return x->us < y->us ? -1 : x->us > y->us;
}

static struct axes axes_of(const struct load_picture *p)
{
    const struct drive_trace *t = p->trace;
    struct axes a = {.seconds = (double)t->points[t->count - 1].at_s + 0.001, .from = 9, .to = 0};
    for (unsigned i = 0; i < p->phase_count; i++)
        a.seconds = p->phases[i].ended_s > a.seconds ? p->phases[i].ended_s : a.seconds;
    for (size_t i = 0; i < t->count; i++) {
        double power = log10(t->points[i].us > 1 ? (double)t->points[i].us : 1);
        a.from = (int)floor(power) < a.from ? (int)floor(power) : a.from;
        a.to = (int)ceil(power) > a.to ? (int)ceil(power) : a.to;
    }
    a.to = a.to > a.from ? a.to : a.from + 1;
    return a;
}

static void phases_draw(FILE *f, const struct load_picture *p, const struct axes *a)
{
    for (unsigned i = 0; i < p->phase_count; i++) {
        double from = x_of(a, p->phases[i].began_s);
        double to = x_of(a, p->phases[i].ended_s);
        fprintf(f, "<rect x='%.1f' y='%.0f' width='%.1f' height='%.0f' class='%s'/>\n", from, TOP, to - from,
                HEIGHT - TOP - BOTTOM, i % 2 ? "odd" : "even");
        fprintf(f, "<text x='%.1f' y='%.0f' text-anchor='middle'>%s</text>\n", (from + to) / 2, TOP - 8,
                p->phases[i].name);
    }
}

static void scales_draw(FILE *f, const struct axes *a)
{
    static const char *const units[] = {"1 us",   "10 us", "100 us", "1 ms",  "10 ms",
                                        "100 ms", "1 s",   "10 s",   "100 s", "1000 s"};
    for (int power = a->from; power <= a->to && power < 10; power++) {
        double y = y_of(a, pow(10, power));
        fprintf(f, "<path d='M%.0f %.1fH%.0f' class='grid'/><text x='%.0f' y='%.1f' text-anchor='end'>%s</text>\n",
                LEFT, y, WIDTH - RIGHT, LEFT - 8, y + 4, units[power]);
    }
    double step = pow(10, floor(log10(a->seconds)));
    step = a->seconds / step < 3 ? step / 5 : step;
    for (double s = 0; s <= a->seconds; s += step)
        fprintf(f, "<text x='%.1f' y='%.0f' text-anchor='middle'>%g s</text>\n", x_of(a, s), HEIGHT - BOTTOM + 18, s);
}

/* Draws one curve: for each interval, the given percentile of latency. The points of an interval
 * are sorted by latency. */
static void curve_draw(FILE *f, const struct drive_trace *t, const size_t *ends, const struct axes *a, double percent,
                       const char *class)
{
    fprintf(f, "<path class='%s' d='", class);
    const char *command = "M";
    for (unsigned c = 0; c < COLUMNS; c++) {
        size_t from = c ? ends[c - 1] : 0, n = ends[c] - from;
        if (n == 0) {
            command = "M";
            continue;
        }
        size_t rank = (size_t)(percent / 100 * (double)n);
        double us = (double)t->points[from + (rank < n ? rank : n - 1)].us;
        fprintf(f, "%s%.1f %.1f", command, x_of(a, (c + 0.5) * a->seconds / COLUMNS), y_of(a, us));
        command = "L";
    }
    fprintf(f, "'/>\n");
}

static void stretches_find(struct drive_trace *t, const struct axes *a, size_t *ends)
{
    size_t at = 0;
    for (unsigned c = 0; c < COLUMNS; c++) {
        size_t from = at;
        while (at < t->count && (double)t->points[at].at_s < (c + 1) * a->seconds / COLUMNS)
            at++;
        qsort(t->points + from, at - from, sizeof(*t->points), by_latency);
        ends[c] = at;
    }
}

int load_picture_write(const struct load_picture *p, const char *path, struct error *e)
{
    static size_t ends[COLUMNS];
    struct drive_trace *t = p->trace;
    if (t->count == 0)
        return error_set(e, ERROR_INVALID_ARGUMENT, "there is nothing to draw: no search was answered");
    FILE *f = fopen(path, "w");
    if (!f)
        return error_set_errno(e, -errno, "writing the picture %s", path);
    qsort(t->points, t->count, sizeof(*t->points), by_time);
    struct axes a = axes_of(p);
    stretches_find(t, &a, ends);
    fprintf(f,
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %.0f %.0f' font-family='sans-serif' font-size='12'>\n"
            "<style>text{fill:#666}.even{fill:#8882}.odd{fill:#8881}.grid{stroke:#8884;fill:none}"
            ".level{stroke:#d4722a;stroke-dasharray:5 4;stroke-width:1}text.level{stroke:none;fill:#d4722a}"
            "path{fill:none;stroke-width:1.6}.p50{stroke:#2a7fd4}.p99{stroke:#d4722a}</style>\n",
            WIDTH, HEIGHT);
    phases_draw(f, p, &a);
    scales_draw(f, &a);
    if (p->line_us > 0)
        fprintf(f,
                "<path class='level' d='M%.0f %.1fH%.0f'/><text x='%.0f' y='%.1f' text-anchor='end' "
                "class='level'>%s</text>\n",
                LEFT, y_of(&a, p->line_us), WIDTH - RIGHT, WIDTH - RIGHT - 4, y_of(&a, p->line_us) - 4, p->line);
    curve_draw(f, t, ends, &a, 99, "p99");
    curve_draw(f, t, ends, &a, 50, "p50");
    fprintf(f,
            "<text x='%.0f' y='16' style='fill:#2a7fd4'>p50</text><text x='%.0f' y='16' style='fill:#d4722a'>p99</text>"
            "<text x='%.0f' y='16'>of searches, from the moment they should have left</text>\n</svg>\n",
            LEFT, LEFT + 34, LEFT + 68);
    return fclose(f) == 0 ? 0 : error_set_errno(e, -EIO, "writing the picture %s", path);
}
