/* top_draw.c -- draws the parts of the page, each as far as the width allows. It does not call the
 * server. */
#include "cli/top/top_draw.h"
#include "cli/output.h"

#include <curses.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define BAR_WIDTH  24
#define WIDE_WIDTH 40
#define CUT_MARK   '>'

enum colour { PLAIN, SEARCH, WRITE, REST, ALARM };

/* The characters of the bars, which can be read without colours. */
static const char symbols[] = {[PLAIN] = '|', [SEARCH] = '#', [WRITE] = '+', [REST] = '-', [ALARM] = '!'};

static bool coloured;
static bool cut; /* the line has reached the end of the screen, where the mark is */

static bool is_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

void draw_begin(void)
{
    const char *never = getenv("NO_COLOR"); /* https://no-color.org */
    coloured = has_colors() && !(never && never[0]);
    if (!coloured)
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
    if (coloured && which != PLAIN)
        (on ? attron : attroff)(COLOR_PAIR(which));
}

/* Moves to the start of line y and clears it. False: the screen has no such line. */
static bool line(int y)
{
    cut = false;
    return y < LINES && move(y, 0) != ERR && clrtoeol() != ERR;
}

/* Adds one character of so many columns, or the mark if the line is full. */
static void put_character(const char *text, size_t bytes, int columns)
{
    if (cut)
        return;
    if (getcurx(stdscr) + columns < COLS) {
        addnstr(text, (int)bytes);
        return;
    }
    cut = true;
    mvinsch(getcury(stdscr), COLS - 1, (chtype)CUT_MARK | A_BOLD);
}

static void put_text(const char *text)
{
    mbstate_t state = {0};
    for (size_t left = strlen(text), n; left > 0 && !cut; text += n, left -= n) {
        wchar_t c;
        n = mbrtowc(&c, text, left, &state);
        bool good = n > 0 && n <= left && wcwidth(c) >= 0;
        if (n == 0 || n > left) {
            n = 1;
            state = (mbstate_t){0};
        }
        put_character(good ? text : "?", good ? n : 1, good ? wcwidth(c) : 1);
    }
}

static void put(const char *format, ...) PRINTF_LIKE(1, 2);
static void put(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put_text(text);
}

/* A name in `width` columns, with a mark if it is cut. Valid until the next call. */
static const char *name_text(const char *name, int width)
{
    static char text[160];
    bool whole = strlen(name) <= (size_t)width;
    snprintf(text, sizeof(text), whole ? "%-*.*s" : "%*.*s~", whole ? width : width - 1, whole ? width : width - 1,
             name);
    return text;
}

static int between(int least, int n, int most)
{
    return n < least ? least : n > most ? most : n;
}

/* -- curves and bars -- */

/* Draws the last values, one column for each reading, eight steps high. */
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
        put_text(steps[most > 0 ? (int)(values[i] / most * 8 + 0.5) : 0]);
    colour(c, false);
}

static int bar_part(double share, int drawn, int width, enum colour c)
{
    int to = drawn + (int)(share * width + 0.5);
    colour(c, true);
    for (; drawn < to && drawn < width; drawn++)
        put_character(&symbols[c], 1, 1);
    colour(c, false);
    return drawn;
}

static void bar_end(int drawn, int width)
{
    for (; drawn < width; drawn++)
        put_character(" ", 1, 1);
    put_character("]", 1, 1);
}

static void bar(double share, int width, enum colour c)
{
    put_character("[", 1, 1);
    bar_end(bar_part(share, 0, width, c), width);
}

/* -- the parts -- */

int draw_head(const struct top *t, const char *server, bool paused, int y)
{
    if (!line(y))
        return y;
    attron(A_BOLD);
    put("%s", server);
    attroff(A_BOLD);
    put("   up %s   %zu cores   %.2f busy   %s resident%s", top_uptime_text(t->uptime_ns), t->core_count, t->cpu,
        bytes_text(t->resident_bytes), paused ? "   PAUSED" : "");
    if (t->read_only[0] && line(y + 1)) {
        colour(ALARM, true);
        put("! read-only: %s", t->read_only);
        colour(ALARM, false);
    }
    return y + 2;
}

void draw_lost(const char *why)
{
    if (!line(0))
        return;
    colour(ALARM, true);
    attron(A_BOLD);
    put("! connecting again (q quits): %s", why);
    attroff(A_BOLD);
    colour(ALARM, false);
}

static void alarming(bool is, const char *what, const char *value)
{
    colour(is ? ALARM : PLAIN, true);
    put("  %s%s %s", is ? "! " : "", what, value);
    colour(is ? ALARM : PLAIN, false);
}

static void totals_now(const struct top *t, const struct top_core *a, int y)
{
    char text[32];
    if (line(y))
        put("searches %11s/s  p50 %s  p90 %s  p99 %s  p99.9 %s", number_text((uint64_t)a->searches),
            top_time_text(a->times.p50), top_time_text(a->times.p90), top_time_text(a->times.p99),
            top_time_text(a->times.p999));
    if (line(y + 1))
        put("last minute            p50 %s  p99 %s   %.0f %% on all cores   %u connection%s",
            top_time_text(t->minute.p50), top_time_text(t->minute.p99), 100 * a->wide, a->connections,
            plural(a->connections));
    if (line(y + 2))
        put("writes   %11s/s  deletes %s/s  flushes %s/s", number_text((uint64_t)a->writes),
            number_text((uint64_t)a->deletes), number_text((uint64_t)a->flushes));
    if (!line(y + 3))
        return;
    put("backlog  %11s rows, ready in %s", number_text(a->backlog_rows), top_time_text(a->backlog_ns));
    snprintf(text, sizeof(text), "%.1f", a->slowed);
    alarming(a->slowed >= 0.05 || a->slowed_now > 0, "slowed", text);
    alarming(a->waiting > 0, "waiting", number_text(a->waiting));
    alarming(a->refused > 0, "refused/s", number_text((uint64_t)(a->refused + 0.5)));
}

int draw_totals(const struct top *t, int y)
{
    int width = COLS - 12 > TOP_HISTORY ? TOP_HISTORY : COLS - 12;
    totals_now(t, &t->all, y);
    if (line(y + 4)) {
        put("searches/s ");
        curve(t->history, t->history_count, width, SEARCH);
    }
    if (line(y + 5)) {
        put("p99        ");
        curve(t->history_p99, t->history_count, width, PLAIN);
    }
    return y + 6;
}

/* Draws memory against the budget, or without a budget the sum; then the kinds, as many as fit. */
int draw_memory(const struct top *t, int y)
{
    double share = t->memory_budget ? (double)t->memory_sum / (double)t->memory_budget : 1;
    if (t->memory_count == 0 || !line(y))
        return y;
    put("memory     ");
    if (t->memory_budget) {
        bar(share, between(8, COLS - 72, BAR_WIDTH), share >= 1 ? ALARM : share >= 0.8 ? REST : SEARCH);
        put(" %s of %s ", bytes_text(t->memory_sum), bytes_text(t->memory_budget));
        colour(ALARM, true);
        put("%s", top_pressure_text(t->memory_pressure));
        colour(ALARM, false);
    } else {
        put("%s ", bytes_text(t->memory_sum));
    }
    size_t kinds = 0, i = 0;
    while (kinds < t->memory_count && t->memory[kinds].bytes)
        kinds++;
    for (; i < kinds && getcurx(stdscr) + 30 < COLS; i++)
        put("  %s %s", t->memory[i].name, bytes_text(t->memory[i].bytes));
    if (i < kinds)
        put("  and %zu more", kinds - i);
    else if (t->memory_mapped && getcurx(stdscr) + 28 < COLS)
        put("  (mapped %s)", bytes_text(t->memory_mapped));
    return y + 1;
}

static int core_bar(void)
{
    return between(6, COLS - 74, BAR_WIDTH);
}

static void core_draw(size_t i, const struct top_core *x)
{
    const int width = core_bar();
    put("%4zu  [", i);
    int drawn = bar_part(x->interactive, 0, width, SEARCH);
    drawn = bar_part(x->write, drawn, width, WRITE);
    bar_end(bar_part(x->background, drawn, width, REST), width);
    put(" %3.0f %% %10s %7s %7s %5u %6u %9s", 100 * x->busy, number_text((uint64_t)x->searches),
        top_time_text(x->times.p50), top_time_text(x->times.p99), x->queue, x->fibers, number_text(x->backlog_rows));
    colour(x->stalls ? ALARM : PLAIN, true);
    put(" %5llu%s", (unsigned long long)x->stalls, x->stalls ? "!" : "");
    colour(x->stalls ? ALARM : PLAIN, false);
}

int draw_cores(const struct top *t, int y, int lines)
{
    size_t shown = t->core_count < (size_t)lines ? t->core_count : (size_t)lines;
    if (!line(y))
        return y;
    attron(A_UNDERLINE);
    put("%4s  %-*s %10s %7s %7s %5s %6s %9s %6s", "core", core_bar() + 8, "busy", "searches/s", "p50", "p99", "queue",
        "fibers", "backlog", "stalls");
    attroff(A_UNDERLINE);
    for (size_t i = 0; i < shown && line(++y); i++)
        core_draw(i, &t->cores[i]);
    if (shown < t->core_count && line(++y))
        put("      and %zu more", t->core_count - shown);
    return y + 1;
}

static void legend(enum colour c, const char *what)
{
    colour(c, true);
    put("%c %s   ", symbols[c], what);
    colour(c, false);
}

int draw_legend(int y)
{
    if (!line(y))
        return y;
    put("      ");
    legend(SEARCH, "searches");
    legend(WRITE, "writes");
    legend(REST, "graphs, merges");
    put("p pause   q quit");
    return y + 1;
}

static void build_draw(const struct top_build *b)
{
    double share = top_build_share(b);
    put("%4zu  %-7s %s ", b->core, b->kind, name_text(b->collection, 18));
    bar(share, between(8, COLS - 84, WIDE_WIDTH), REST);
    put(" %3.0f %%  %-11s", 100 * share, b->phase);
    if (COLS >= 110)
        put(" %11s rows", number_text(b->rows));
    if (b->left_ns)
        put("  %s left", top_uptime_text(b->left_ns));
}

int draw_builds(const struct top *t, int y, int lines)
{
    size_t shown = t->build_count < (size_t)lines ? t->build_count : (size_t)lines;
    for (size_t i = 0; i < shown && line(y); i++, y++)
        build_draw(&t->builds[i]);
    if (shown < t->build_count && line(y))
        put("      and %zu more under way", t->build_count - shown), y++;
    return y;
}

static void collection_draw(const struct top_collection *c, int name_width)
{
    put("%s ", name_text(c->name, name_width));
    if (c->damaged)
        put("! damaged");
    else
        put("%11s %8s %10s %9s %9s %9s", number_text(c->points), number_text(c->segments), number_text(c->growing_rows),
            number_text(c->backlog_rows), bytes_text(c->memory_bytes), bytes_text(c->disk_bytes));
}

int draw_collections(const struct top *t, int y)
{
    const int name_width = between(12, COLS - 64, 40);
    if (y + 2 > LINES || !line(y))
        return y;
    attron(A_UNDERLINE);
    put("%-*s %11s %8s %10s %9s %9s %9s", name_width, "collection", "points", "segments", "growing", "backlog",
        "memory", "disk");
    attroff(A_UNDERLINE);
    size_t room = (size_t)(LINES - y - 1);
    size_t shown = t->collections_total <= room ? t->collection_count : room - 1;
    if (shown > t->collection_count)
        shown = t->collection_count;
    for (size_t i = 0; i < shown && line(++y); i++)
        collection_draw(&t->collections[i], name_width);
    if (shown < t->collections_total && line(++y))
        put("and %zu more", t->collections_total - shown);
    return y + 1;
}
