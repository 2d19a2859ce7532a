#include "cli/top_draw.h"
#include "cli/output.h"

#include <curses.h>
#include <langinfo.h>
#include <string.h>

#define BAR_WIDTH  24
#define WIDE_WIDTH 40

enum colour { PLAIN, SEARCH, WRITE, REST, ALARM };

static bool is_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

void draw_begin(void)
{
    if (!has_colors())
        return;
    start_color();
    use_default_colors();
    init_pair(SEARCH, COLOR_GREEN, -1);
    init_pair(WRITE, COLOR_CYAN, -1);
    init_pair(REST, COLOR_YELLOW, -1);
    init_pair(ALARM, COLOR_RED, -1);
}

static void colour(enum colour which, bool on)
{
    if (has_colors() && which != PLAIN)
        (on ? attron : attroff)(COLOR_PAIR(which));
}

/* What the line above has written beyond its end goes: lines are drawn from above. False: there is no such line. */
static bool line(int y)
{
    return y < LINES && move(y, 0) != ERR && clrtoeol() != ERR;
}

/* -- curves and bars -- */

/* The last values, one column a reading, eight steps high. */
static void curve(const double *history, size_t count, int width, enum colour c)
{
    static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const plain[] = {" ", ".", ".", ":", ":", "|", "|", "#", "#"};
    const char *const *steps = is_utf8() ? blocks : plain;
    size_t n = width < 0 ? 0 : count < (size_t)width ? count : (size_t)width;
    const double *values = history + (count - n);
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = values[i] > most ? values[i] : most;
    colour(c, true);
    for (size_t i = 0; i < n; i++)
        addstr(steps[most > 0 ? (int)(values[i] / most * 8 + 0.5) : 0]);
    colour(c, false);
}

static int bar_part(double share, int drawn, int width, enum colour c)
{
    int to = drawn + (int)(share * width + 0.5);
    colour(c, true);
    for (; drawn < to && drawn < width; drawn++)
        addch('|');
    colour(c, false);
    return drawn;
}

static void bar_end(int drawn, int width)
{
    for (; drawn < width; drawn++)
        addch(' ');
    addch(']');
}

static void bar(double share, int width, enum colour c)
{
    addch('[');
    bar_end(bar_part(share, 0, width, c), width);
}

/* -- the parts -- */

int draw_head(const struct top *t, const char *server, bool paused, int y)
{
    if (!line(y))
        return y;
    attron(A_BOLD);
    addstr(server);
    attroff(A_BOLD);
    printw("   up %s   %zu cores   %.2f busy   %s resident%s", top_uptime_text(t->uptime_ns), t->core_count, t->cpu,
           bytes_text(t->resident_bytes), paused ? "   paused" : "");
    if (t->read_only[0] && line(y + 1)) {
        colour(ALARM, true);
        printw("read-only: %s", t->read_only);
        colour(ALARM, false);
    }
    return y + 2;
}

static void alarming(bool is, const char *what, const char *value)
{
    colour(is ? ALARM : PLAIN, true);
    printw("   %s %s", what, value);
    colour(is ? ALARM : PLAIN, false);
}

int draw_totals(const struct top *t, int y)
{
    const struct top_core *a = &t->all;
    char text[32];
    if (line(y))
        printw("searches %10s/s   p50 %s   p90 %s   p99 %s   p99.9 %s   last minute p50 %s p99 %s",
               number_text((uint64_t)a->searches), top_time_text(a->times.p50), top_time_text(a->times.p90),
               top_time_text(a->times.p99), top_time_text(a->times.p999), top_time_text(t->minute.p50),
               top_time_text(t->minute.p99));
    if (line(y + 1))
        printw("writes   %10s/s   deletes %s/s   flushes %s/s   %u connections   %.0f %% of searches on all cores",
               number_text((uint64_t)a->writes), number_text((uint64_t)a->deletes), number_text((uint64_t)a->flushes),
               a->connections, 100 * a->wide);
    if (line(y + 2)) {
        printw("backlog  %10s rows, graphs ready in %s", number_text(a->backlog_rows), top_time_text(a->backlog_ns));
        snprintf(text, sizeof(text), "%.1f", a->slowed);
        alarming(a->slowed >= 0.05 || a->slowed_now > 0, "writers slowed", text);
        alarming(a->waiting > 0, "waiting", number_text(a->waiting));
        alarming(a->refused > 0, "refused/s", number_text((uint64_t)(a->refused + 0.5)));
    }
    int width = COLS - 12 > TOP_HISTORY ? TOP_HISTORY : COLS - 12;
    if (line(y + 3)) {
        addstr("searches/s ");
        curve(t->history, t->history_count, width, SEARCH);
    }
    if (line(y + 4)) {
        addstr("p99        ");
        curve(t->history_p99, t->history_count, width, PLAIN);
    }
    return y + 5;
}

/* Against the budget, or without one what there is; beside it the kinds, as many as fit. */
int draw_memory(const struct top *t, int y)
{
    double share = t->memory_budget ? (double)t->memory_sum / (double)t->memory_budget : 1;
    if (t->memory_count == 0 || !line(y))
        return y;
    addstr("memory     ");
    if (t->memory_budget) {
        bar(share, BAR_WIDTH, share >= 1 ? ALARM : share >= 0.8 ? REST : SEARCH);
        printw(" %s of %s ", bytes_text(t->memory_sum), bytes_text(t->memory_budget));
        colour(ALARM, true);
        addstr(top_stage_text(t->memory_stage));
        colour(ALARM, false);
    } else {
        printw("%s ", bytes_text(t->memory_sum));
    }
    for (size_t i = 0; i < t->memory_count && t->memory[i].bytes && getcurx(stdscr) + 28 < COLS; i++)
        printw("  %s %s", t->memory[i].name, bytes_text(t->memory[i].bytes));
    if (t->memory_mapped && getcurx(stdscr) + 28 < COLS)
        printw("  (mapped %s)", bytes_text(t->memory_mapped));
    return y + 1;
}

static void core_draw(size_t i, const struct top_core *x)
{
    printw("%4zu  [", i);
    int drawn = bar_part(x->interactive, 0, BAR_WIDTH, SEARCH);
    drawn = bar_part(x->write, drawn, BAR_WIDTH, WRITE);
    bar_end(bar_part(x->background, drawn, BAR_WIDTH, REST), BAR_WIDTH);
    printw(" %3.0f %% %11s %8s %8s %6u %7u %9s", 100 * x->busy, number_text((uint64_t)x->searches),
           top_time_text(x->times.p50), top_time_text(x->times.p99), x->queue, x->fibers, number_text(x->backlog_rows));
    colour(x->stalls ? ALARM : PLAIN, true);
    printw(" %7llu", (unsigned long long)x->stalls);
    colour(x->stalls ? ALARM : PLAIN, false);
}

int draw_cores(const struct top *t, int y, int lines)
{
    size_t shown = t->core_count < (size_t)lines ? t->core_count : (size_t)lines;
    if (!line(y))
        return y;
    attron(A_UNDERLINE);
    printw("%4s  %-*s %11s %8s %8s %6s %7s %9s %7s", "core", BAR_WIDTH + 8, "busy", "searches/s", "p50", "p99", "queue",
           "fibers", "backlog", "stalls");
    attroff(A_UNDERLINE);
    for (size_t i = 0; i < shown && line(++y); i++)
        core_draw(i, &t->cores[i]);
    if (shown < t->core_count && line(++y))
        printw("      and %zu more", t->core_count - shown);
    return y + 1;
}

int draw_legend(int y)
{
    if (!line(y))
        return y;
    addstr("      ");
    colour(SEARCH, true);
    addstr("| searches  ");
    colour(SEARCH, false);
    colour(WRITE, true);
    addstr("| writes  ");
    colour(WRITE, false);
    colour(REST, true);
    addstr("| graphs, merges");
    colour(REST, false);
    addstr("    p pause   q quit");
    return y + 1;
}

static void build_draw(const struct top_build *b)
{
    double share = top_build_share(b);
    printw("%4zu  %-8s %-20.20s ", b->core, b->kind, b->collection);
    bar(share, WIDE_WIDTH, REST);
    printw(" %3.0f %%  %-11s %11s rows", 100 * share, b->phase, number_text(b->rows));
    if (b->left_ns)
        printw("  %s left", top_uptime_text(b->left_ns));
}

int draw_builds(const struct top *t, int y, int lines)
{
    size_t shown = t->build_count < (size_t)lines ? t->build_count : (size_t)lines;
    for (size_t i = 0; i < shown && line(y); i++, y++)
        build_draw(&t->builds[i]);
    if (shown < t->build_count && line(y))
        printw("      and %zu more under way", t->build_count - shown), y++;
    return y;
}

int draw_collections(const struct top *t, int y)
{
    if (y + 2 > LINES || !line(y))
        return y;
    attron(A_UNDERLINE);
    printw("%-24s %13s %9s %11s %10s %10s %10s", "collection", "points", "segments", "growing", "backlog", "memory",
           "disk");
    attroff(A_UNDERLINE);
    for (size_t i = 0; i < t->collection_count && line(++y); i++) {
        const struct top_collection *c = &t->collections[i];
        if (c->damaged)
            printw("%-24.24s damaged", c->name);
        else
            printw("%-24.24s %13s %9s %11s %10s %10s %10s", c->name, number_text(c->points), number_text(c->segments),
                   number_text(c->growing_rows), number_text(c->backlog_rows), bytes_text(c->memory_bytes),
                   bytes_text(c->disk_bytes));
    }
    return y + 1;
}
