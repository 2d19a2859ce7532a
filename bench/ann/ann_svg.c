/* ann_svg.c -- draws recall against queries per second: a panel for each set of data, a line for
 * each engine through its best points.
 *
 * Recall is drawn as -log10(1 - recall), so that .99 to .999 is as wide as .9 to .99. The
 * colours work on light and dark backgrounds; text and grid follow the preference of the
 * reader's system. */
#include "ann/ann.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PANEL_WIDTH  420
#define PANEL_HEIGHT 320
#define LEFT         58 /* room for the scale */
#define TOP          34
#define RIGHT        12
#define BOTTOM       42
#define LEGEND_LINE  18
#define COLUMNS      2
#define RECALL_LOW   0.85
#define RECALL_HIGH  0.9997

/* Okabe and Ito's colours without black; people with colour vision deficiency can distinguish
 * them. */
static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                      "#e69f00", "#56b4e9", "#8c6bb1", "#a6761d"};
static const char *const dashes[] = {"", "6 3", "2 3"};

/* The engines of all panels; each has the same colour in every panel. */
struct legend {
    const char *names[RESULT_ENGINES_MAX];
    unsigned count;
};

static unsigned legend_place(struct legend *l, const char *name)
{
    for (unsigned i = 0; i < l->count; i++)
        if (strcmp(l->names[i], name) == 0)
            return i;
    if (l->count < RESULT_ENGINES_MAX)
        l->names[l->count++] = name;
    return l->count - 1;
}

static void stroke_write(unsigned engine, FILE *to)
{
    fprintf(to, "stroke=\"%s\" stroke-dasharray=\"%s\"", colours[engine % ARRAY_LEN(colours)],
            dashes[engine / ARRAY_LEN(colours) % ARRAY_LEN(dashes)]);
}

struct panel {
    const struct result *result;
    double x, y;          /* of its frame */
    double width, height; /* of its frame */
    double low, high;     /* queries per second, rounded to powers of ten and their halves */
};

static double stretch(double recall)
{
    return -log10(1 - recall);
}

static double recall_x(const struct panel *p, double recall)
{
    recall = recall > RECALL_HIGH ? RECALL_HIGH : recall;
    return p->x + p->width * (stretch(recall) - stretch(RECALL_LOW)) / (stretch(RECALL_HIGH) - stretch(RECALL_LOW));
}

static double qps_y(const struct panel *p, double qps)
{
    return p->y + p->height * (1 - (log10(qps) - log10(p->low)) / (log10(p->high) - log10(p->low)));
}

static bool point_shown(const struct result_engine *x, const struct result_point *p)
{
    return p->interleave == 1 && p->recall >= RECALL_LOW && p->qps > 0 && result_on_front(x, p);
}

/* Sets the scale from a round number below the slowest point to one above the fastest. */
static void panel_scale(struct panel *p)
{
    double low = INFINITY, high = 0;
    for (unsigned i = 0; i < p->result->engine_count; i++) {
        const struct result_engine *x = &p->result->engines[i];
        for (unsigned j = 0; j < x->point_count; j++)
            if (point_shown(x, &x->points[j])) {
                low = fmin(low, x->points[j].qps);
                high = fmax(high, x->points[j].qps);
            }
    }
    if (high == 0)
        low = high = 1000;
    p->low = pow(10, floor(log10(low)));
    p->low *= low >= 5 * p->low ? 5 : low >= 2 * p->low ? 2 : 1;
    double ten = pow(10, floor(log10(high)));
    p->high = ten * (high < 2 * ten ? 2 : high < 5 * ten ? 5 : 10);
}

static void text_write(double x, double y, const char *anchor, const char *class, const char *text, FILE *to)
{
    fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">", x, y, anchor, class);
    for (; *text; text++) {
        if (*text == '<' || *text == '&')
            fputs(*text == '<' ? "&lt;" : "&amp;", to);
        else
            fputc(*text, to);
    }
    fputs("</text>\n", to);
}

static void grid_write(const struct panel *p, FILE *to)
{
    static const char *const recalls[] = {".9", ".95", ".99", ".995", ".999"};
    char text[32];
    for (size_t i = 0; i < ARRAY_LEN(recalls); i++) {
        double x = recall_x(p, strtod(recalls[i], NULL));
        fprintf(to, "<path d=\"M%.1f %.1fV%.1f\" class=\"grid\"/>\n", x, p->y, p->y + p->height);
        text_write(x, p->y + p->height + 15, "middle", "scale", recalls[i], to);
    }
    for (double ten = pow(10, floor(log10(p->low))); ten <= p->high; ten *= 10)
        for (int i = 0; i < 3; i++) {
            double qps = ten * (i == 0 ? 1 : i == 1 ? 2 : 5);
            if (qps < p->low * 0.999 || qps > p->high * 1.001)
                continue;
            double y = qps_y(p, qps);
            fprintf(to, "<path d=\"M%.1f %.1fH%.1f\" class=\"grid\"/>\n", p->x, y, p->x + p->width);
            snprintf(text, sizeof(text), qps >= 1000 ? "%.0fk" : "%.0f", qps >= 1000 ? qps / 1000 : qps);
            text_write(p->x - 6, y + 4, "end", "scale", text, to);
        }
}

static void line_write(const struct panel *p, const struct result_engine *x, unsigned place, FILE *to)
{
    bool drawing = false;
    fputs("<path class=\"line\" ", to);
    stroke_write(place, to);
    fputs(" d=\"", to);
    for (unsigned i = 0; i < x->point_count; i++) /* points are sorted by recall */
        if (point_shown(x, &x->points[i])) {
            fprintf(to, "%s%.1f %.1f", drawing ? "L" : "M", recall_x(p, x->points[i].recall),
                    qps_y(p, x->points[i].qps));
            drawing = true;
        }
    fputs("\"/>\n", to);
    for (unsigned i = 0; i < x->point_count; i++)
        if (point_shown(x, &x->points[i]))
            fprintf(to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.2\" fill=\"%s\"/>\n", recall_x(p, x->points[i].recall),
                    qps_y(p, x->points[i].qps), colours[place % ARRAY_LEN(colours)]);
}

static void panel_write(struct panel *p, struct legend *legend, FILE *to)
{
    char title[160];
    const struct result *r = p->result;
    panel_scale(p);
    snprintf(title, sizeof(title), "%s: %u x %u, %s", r->data, r->rows, r->dim, r->metric);
    text_write(p->x, p->y - 10, "start", "title", title, to);
    grid_write(p, to);
    snprintf(title, sizeof(title), "recall@%u", r->k);
    text_write(p->x + p->width, p->y + p->height + 31, "end", "scale", title, to);
    text_write(p->x, p->y + p->height + 31, "start", "scale", "queries a second on one core", to);
    for (unsigned i = 0; i < r->engine_count; i++)
        line_write(p, &r->engines[i], legend_place(legend, r->engines[i].name), to);
}

static void legend_write(const struct legend *l, double y, unsigned columns, FILE *to)
{
    for (unsigned i = 0; i < l->count; i++) {
        double x = 20 + i % (2 * columns) * (PANEL_WIDTH / 2.0), at = y + i / (2 * columns) * LEGEND_LINE;
        fprintf(to, "<path d=\"M%.1f %.1fh26\" class=\"line\" ", x, at);
        stroke_write(i, to);
        fputs("/>\n", to);
        text_write(x + 33, at + 4, "start", "name", l->names[i], to);
    }
}

static const char style[] =
    "<style>text{font-family:system-ui,sans-serif;fill:#24292f}.title{font-size:14px;font-weight:600}"
    ".scale{font-size:11px;fill:#57606a}.name{font-size:12px}.line{fill:none;stroke-width:2}.grid{stroke:#d0d7de}"
    ".paper{fill:#ffffff}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.scale{fill:#9198a1}.grid{stroke:#3d444d}.paper{fill:#0d1117}}"
    "</style>\n";

void ann_svg_write(const struct results *all, FILE *to)
{
    struct legend legend = {.count = 0};
    for (unsigned i = 0; i < all->count; i++)
        for (unsigned j = 0; j < all->list[i].engine_count; j++)
            legend_place(&legend, all->list[i].engines[j].name);
    unsigned columns = all->count < COLUMNS ? 1 : COLUMNS, rows = (all->count + columns - 1) / columns;
    unsigned lines = (legend.count + 2 * columns - 1) / (2 * columns);
    unsigned width = columns * PANEL_WIDTH, height = rows * PANEL_HEIGHT + lines * LEGEND_LINE + 12;
    fprintf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %u %u\" width=\"%u\" height=\"%u\">\n%s",
            width, height, width, height, style);
    fprintf(to, "<rect class=\"paper\" width=\"%u\" height=\"%u\"/>\n", width, height);
    for (unsigned i = 0; i < all->count; i++) {
        struct panel p = {.result = &all->list[i],
                          .x = i % columns * PANEL_WIDTH + LEFT,
                          .y = i / columns * PANEL_HEIGHT + TOP,
                          .width = PANEL_WIDTH - LEFT - RIGHT,
                          .height = PANEL_HEIGHT - TOP - BOTTOM};
        panel_write(&p, &legend, to);
    }
    legend_write(&legend, rows * PANEL_HEIGHT + 8, columns, to);
    fputs("</svg>\n", to);
}
