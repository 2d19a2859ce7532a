/* row_set.c -- plain bits: 125 KB for a million rows, and scattered rows cost no more than
 * runs. Compressed sets (roaring bitmaps) would pay if many sets were kept. These live only
 * as long as a search. */
#include "columns/row_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int row_set_init(struct row_set *s, uint32_t rows)
{
    *s = (struct row_set){calloc(bits_words(rows) + 1, sizeof(*s->bits)), rows};
    return s->bits ? 0 : -ENOMEM;
}

void row_set_fini(struct row_set *s)
{
    free(s->bits);
    *s = (struct row_set){0};
}

void row_set_clear(struct row_set *s)
{
    memset(s->bits, 0, row_set_words(s) * sizeof(*s->bits));
}

uint32_t row_set_count(const struct row_set *s)
{
    return (uint32_t)bits_count(s->bits, row_set_words(s));
}

void row_set_and(struct row_set *s, const struct row_set *with)
{
    for (size_t i = 0; i < row_set_words(s); i++)
        s->bits[i] &= with->bits[i];
}

void row_set_or(struct row_set *s, const struct row_set *with)
{
    for (size_t i = 0; i < row_set_words(s); i++)
        s->bits[i] |= with->bits[i];
}

void row_set_invert(struct row_set *s)
{
    for (size_t i = 0; i < row_set_words(s); i++)
        s->bits[i] = ~s->bits[i];
    if (s->rows % 64)
        s->bits[s->rows / 64] &= ((uint64_t)1 << s->rows % 64) - 1;
}
