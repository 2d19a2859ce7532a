/* top_draw.h -- draws the parts of the page of `kith top`, each from line y on; the functions
 * return the next free line. For top_screen.c only.
 *
 * The page is made for 80 columns or more. A line that does not fit ends with '>', a name with '~',
 * a list with "and 5 more". Words and symbols carry all information; colours only repeat it. */
#pragma once

#include "cli/top/top.h"

void draw_begin(void); /* called when the terminal is open: sets up colours */
int draw_head(const struct top *t, const char *server, bool paused, int y);
void draw_lost(const char *why); /* instead of the head when the server is gone */
int draw_totals(const struct top *t, int y);
int draw_memory(const struct top *t, int y);
/* Draws at most `lines` lines. */
int draw_cores(const struct top *t, int y, int lines);
int draw_legend(int y);
int draw_builds(const struct top *t, int y, int lines);
int draw_collections(const struct top *t, int y);
