/* top_draw.h -- the parts of the page of `kith top`, each from line y on; they return the next free
 * line. For top_screen.c only.
 *
 * The page is laid out for 80 columns or more. A line that does not fit ends with a '>', a
 * name with a '~', a list with "and 5 more". Everything is said by words and symbols;
 * colours only repeat it. */
#pragma once

#include "cli/top/top.h"

void draw_begin(void); /* once the terminal is open: colours */
int draw_head(const struct top *t, const char *server, bool paused, int y);
void draw_lost(const char *why); /* in place of the head: the server is gone */
int draw_totals(const struct top *t, int y);
int draw_memory(const struct top *t, int y);
/* At most so many lines. */
int draw_cores(const struct top *t, int y, int lines);
int draw_legend(int y);
int draw_builds(const struct top *t, int y, int lines);
int draw_collections(const struct top *t, int y);
