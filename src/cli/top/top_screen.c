/* top_screen.c -- `kith top` on a terminal: totals and curves, memory, a bar for each core, builds,
 * a line for each collection. */
#include "cli/output.h"
#include "cli/top/top_draw.h"

#include <curses.h>
#include <stdlib.h>

#define BUILDS_SHOWN      6
#define CORES_SHOWN       4
#define COLLECTIONS_SHOWN 8 /* lines reserved for them, if there are so many */

bool top_has_screen(void)
{
    return true;
}

static int at_most(size_t n, int most)
{
    return n < (size_t)most ? (int)n : most;
}

/* lost: the server is gone, and the last figures stay below the head. */
static void page_draw(const struct top *t, const struct cli *c, bool lost, bool paused)
{
    erase();
    int y = draw_head(t, c->kith ? kith_server(c->kith) : "", paused, 0);
    if (lost)
        draw_lost(c->why);
    y = draw_totals(t, y);
    y = draw_memory(t, y) + 1;
    int below = 5 + at_most(t->collection_count, COLLECTIONS_SHOWN) + at_most(t->build_count, BUILDS_SHOWN);
    int lines = LINES - y - below;
    y = draw_legend(draw_cores(t, y, lines > CORES_SHOWN ? lines : CORES_SHOWN)) + 1;
    if (t->build_count)
        y = draw_builds(t, y, BUILDS_SHOWN) + 1;
    y = draw_collections(t, y);
    if (y < LINES && move(y, 0) != ERR)
        clrtobot();
    refresh();
}

/* 'q', or another key (a resize of the terminal counts as one); -1 after the time. */
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
    draw_begin();
    bool paused = false;
    int rc = top_read_again(c, t), key = 0;
    while (rc >= 0 && key != 'q') {
        page_draw(t, c, rc > 0, paused);
        /* show the first figures soon, also after a reconnect */
        bool soon = t->seconds == 0 && seconds > 0.2;
        double until = clock_seconds() + (soon ? 0.2 : seconds);
        while ((key = key_within(until)) != -1 && key != 'q') {
            paused = key == 'p' ? !paused : paused;
            page_draw(t, c, rc > 0, paused);
        }
        if (!paused && key != 'q')
            rc = top_read_again(c, t);
    }
    endwin();
    return rc < 0 ? cli_fail("%s", c->why) : 0;
}
