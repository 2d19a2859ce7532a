/* top_draw.h -- the parts of the page of `kith top`, each from line y on; they return the next free line. For top_screen.c only. A line that does
 * not fit is cut, and what is below the screen is left out. */
#pragma once

#include "cli/top.h"

void draw_begin(void); /* once the terminal is open: colours */
int draw_head(const struct top *t, const char *server, bool paused, int y);
int draw_totals(const struct top *t, int y);
int draw_memory(const struct top *t, int y);
/* At most so many lines. */
int draw_cores(const struct top *t, int y, int lines);
int draw_legend(int y);
int draw_builds(const struct top *t, int y, int lines);
int draw_collections(const struct top *t, int y);
