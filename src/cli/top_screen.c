/* top_screen.c -- `kith top` on a terminal: a line of totals, a curve of searches, a bar for each core, a line for each collection. */
#include "cli/output.h"
#include "cli/top.h"

#include <curses.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>

#define BAR_WIDTH 24

enum colour { PLAIN, SEARCH, WRITE, REST, ALARM };

bool top_has_screen(void)
{
    return true;
}

static bool is_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static void colours_begin(void)
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

/* -- curve and bars -- */

/* The last searches a second, one column a reading, eight steps high. */
static void curve_draw(const struct top *t, int width)
{
    static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const plain[] = {" ", ".", ".", ":", ":", "|", "|", "#", "#"};
    const char *const *steps = is_utf8() ? blocks : plain;
    size_t n = t->history_count < (size_t)width ? t->history_count : (size_t)width;
    const double *values = t->history + (t->history_count - n);
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = values[i] > most ? values[i] : most;
    colour(SEARCH, true);
    for (size_t i = 0; i < n; i++)
        addstr(steps[most > 0 ? (int)(values[i] / most * 8 + 0.5) : 0]);
    colour(SEARCH, false);
}

static int bar_part(double share, int drawn, chtype what, enum colour c)
{
    int to = drawn + (int)(share * BAR_WIDTH + 0.5);
    colour(c, true);
    for (; drawn < to && drawn < BAR_WIDTH; drawn++)
        addch(what);
    colour(c, false);
    return drawn;
}

static void bar_draw(const struct top_core *x)
{
    addch('[');
    int drawn = bar_part(x->interactive, 0, '|', SEARCH);
    drawn = bar_part(x->write, drawn, '|', WRITE);
    drawn = bar_part(x->background, drawn, '|', REST);
    for (; drawn < BAR_WIDTH; drawn++)
        addch(' ');
    printw("] %3.0f %%", 100 * x->busy);
}

/* -- the page -- */

static void head_draw(const struct top *t, const char *server)
{
    attron(A_BOLD);
    mvprintw(0, 0, "%s", server);
    attroff(A_BOLD);
    printw("   up %s   %zu cores   %.2f busy   %s resident", top_uptime_text(t->uptime_ns), t->core_count, t->cpu,
           bytes_text(t->resident_bytes));
    if (t->read_only[0]) {
        colour(ALARM, true);
        mvprintw(1, 0, "read-only: %s", t->read_only);
        colour(ALARM, false);
    }
}

static void totals_draw(const struct top *t, int y)
{
    const struct top_core *a = &t->all;
    mvprintw(y, 0, "searches %10s/s   p50 %s   p90 %s   p99 %s   p99.9 %s", number_text((uint64_t)a->searches),
             top_time_text(a->times.p50), top_time_text(a->times.p90), top_time_text(a->times.p99),
             top_time_text(a->times.p999));
    mvprintw(y + 1, 0, "writes   %10s/s   deletes %s/s   flushes %s/s   %u connections",
             number_text((uint64_t)a->writes), number_text((uint64_t)a->deletes), number_text((uint64_t)a->flushes),
             a->connections);
    mvprintw(y + 2, 0, "backlog  %10s rows, graphs ready in %s   %s graphs built, %s merges",
             number_text(a->backlog_rows), top_time_text(a->backlog_ns), number_text(a->builds),
             number_text(a->merges));
    mvprintw(y + 3, 0, "searches/s ");
    curve_draw(t, COLS - 12 > TOP_HISTORY ? TOP_HISTORY : COLS - 12);
}

static void core_draw(int y, size_t i, const struct top_core *x)
{
    mvprintw(y, 0, "%4zu  ", i);
    bar_draw(x);
    printw(" %11s %8s %8s %6u %7u %9s", number_text((uint64_t)x->searches), top_time_text(x->times.p50),
           top_time_text(x->times.p99), x->queue, x->fibers, number_text(x->backlog_rows));
    colour(x->stalls ? ALARM : PLAIN, true);
    printw(" %7llu", (unsigned long long)x->stalls);
    colour(x->stalls ? ALARM : PLAIN, false);
}

/* As many as fit; returns the next free line. */
static int cores_draw(const struct top *t, int y, int lines)
{
    size_t shown = t->core_count < (size_t)lines ? t->core_count : (size_t)lines;
    attron(A_UNDERLINE);
    mvprintw(y++, 0, "%4s  %-*s %11s %8s %8s %6s %7s %9s %7s", "core", BAR_WIDTH + 8, "busy", "searches/s", "p50",
             "p99", "queue", "fibers", "backlog", "stalls");
    attroff(A_UNDERLINE);
    for (size_t i = 0; i < shown; i++)
        core_draw(y++, i, &t->cores[i]);
    if (shown < t->core_count)
        mvprintw(y++, 0, "      and %zu more", t->core_count - shown);
    return y;
}

static void collections_draw(const struct top *t, int y)
{
    if (y + 2 > LINES)
        return;
    attron(A_UNDERLINE);
    mvprintw(y++, 0, "%-24s %13s %9s %11s %10s %10s %10s", "collection", "points", "segments", "growing", "backlog",
             "memory", "disk");
    attroff(A_UNDERLINE);
    for (size_t i = 0; i < t->collection_count && y < LINES; i++, y++) {
        const struct top_collection *c = &t->collections[i];
        if (c->damaged)
            mvprintw(y, 0, "%-24.24s damaged", c->name);
        else
            mvprintw(y, 0, "%-24.24s %13s %9s %11s %10s %10s %10s", c->name, number_text(c->points),
                     number_text(c->segments), number_text(c->growing_rows), number_text(c->backlog_rows),
                     bytes_text(c->memory_bytes), bytes_text(c->disk_bytes));
    }
}

static void legend_draw(int y)
{
    move(y, 6);
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
}

static void page_draw(const struct top *t, const char *server, bool paused)
{
    erase();
    head_draw(t, server);
    if (paused)
        addstr("   paused");
    totals_draw(t, 2);
    int lines = LINES - 12 - (int)(t->collection_count < 8 ? t->collection_count : 8);
    int y = cores_draw(t, 7, lines > 1 ? lines : 1);
    legend_draw(y);
    collections_draw(t, y + 2);
    refresh();
}

/* 'q', or another key; -1 when the time is over. */
static int key_within(double until)
{
    for (double left = until - clock_seconds(); left > 0; left = until - clock_seconds()) {
        timeout((int)(left * 1000) + 1);
        int key = getch();
        if (key != ERR)
            return key;
    }
    return -1;
}

int top_screen(struct cli *c, struct top *t, double seconds)
{
    if (!newterm(NULL, stdout, stdin))
        return cli_fail("this terminal (TERM=%s) cannot be drawn on; try kith top --once", getenv("TERM"));
    cbreak();
    noecho();
    curs_set(0);
    colours_begin();
    bool paused = false;
    int rc = top_read(t, c->kith), key = 0;
    while (rc == 0 && key != 'q') {
        page_draw(t, kith_server(c->kith), paused);
        double wait = t->seconds == 0 && seconds > 0.2 ? 0.2 : seconds; /* the first figures come soon */
        double until = clock_seconds() + wait;
        while ((key = key_within(until)) != -1 && key != 'q') {
            paused = key == 'p' ? !paused : paused;
            page_draw(t, kith_server(c->kith), paused);
        }
        if (!paused && key != 'q')
            rc = top_read(t, c->kith);
    }
    endwin();
    return rc < 0 ? cli_fail_kith(c) : 0;
}
