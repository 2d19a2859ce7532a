/* edit_distance.h -- which name somebody may have meant: for "did you mean". */
#pragma once

#include <stdbool.h>

#define EDIT_NAME_MAX 31 /* letters of a name that is compared; a longer one is far from all */

/* How many letters have to be put in, taken out or changed to make one of the other (Levenshtein
 * 1966); UINT32_MAX when b is longer than EDIT_NAME_MAX. Takes time by the product of the
 * lengths. */
unsigned edit_distance(const char *a, const char *b);
/* Is `name`, which is so far from a known one, likely to mean it? At most half of its letters
 * are wrong, and a few. */
bool edit_is_near(const char *name, unsigned distance);
