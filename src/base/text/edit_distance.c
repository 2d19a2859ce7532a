/* edit_distance.c -- the Levenshtein distance, with one row of the table in memory, for names of
 * bounded length. */
#include "base/text/edit_distance.h"

#include <stdint.h>
#include <string.h>

unsigned edit_distance(const char *a, const char *b)
{
    const size_t n = strlen(b);
    unsigned row[EDIT_NAME_MAX + 1];
    if (n > EDIT_NAME_MAX)
        return UINT32_MAX;
    for (unsigned j = 0; j <= n; j++)
        row[j] = j;
    for (unsigned i = 0; a[i]; i++) {
        unsigned diagonal = row[0];
        row[0] = i + 1;
        for (unsigned j = 0; j < n; j++) {
            unsigned changed = diagonal + (a[i] != b[j]), longer = row[j] + 1, shorter = row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = longer < shorter ? longer : shorter;
            row[j + 1] = changed < row[j + 1] ? changed : row[j + 1];
        }
    }
    return row[n];
}

bool edit_is_near(const char *name, unsigned distance)
{
    const size_t n = strlen(name);
    return distance <= n / 2 && distance <= 2 + n / 8;
}
