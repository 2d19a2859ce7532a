/* top_screen_none.c -- what stands for the screen when ncurses is not installed. */
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
