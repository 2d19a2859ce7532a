/* top_screen_none.c -- replaces top_screen.c in a build without ncurses. */
#include "cli/top/top.h"

bool top_has_screen(void)
{
    return false;
}

int top_screen(struct cli *c, struct top *t, double seconds)
{
    (void)t, (void)seconds;
    return cli_fail("this kith (%s) was built without ncurses", c->server ? c->server : "");
}
