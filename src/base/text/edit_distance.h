/* edit_distance.h -- finds the known name that a mistyped one may mean ("did you mean"). */
#pragma once

#include <stdbool.h>

#define EDIT_NAME_MAX 31 /* most bytes of b that are compared; a longer b is far from everything */

/* The number of letters to insert, delete or replace to turn a into b (Levenshtein 1966);
 * UINT32_MAX when b is longer than EDIT_NAME_MAX. Takes time proportional to the product of the
 * lengths. */
unsigned edit_distance(const char *a, const char *b);
/* Whether `name` probably means a known name at this distance: at most half of its letters differ,
 * and at most 2 plus one in eight. */
bool edit_is_near(const char *name, unsigned distance);
