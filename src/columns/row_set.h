/* row_set.h -- a set of rows of one segment, a bit each. Bits behind the last row are always
 * clear. */
#pragma once

#include "base/bits.h"
#include "base/check.h"

struct row_set {
    /* owned; bits_words(rows) words, and one more so that a set of no rows has memory */
    uint64_t *bits;
    uint32_t rows; /* the set spans rows [0, rows) */
};

MUST_USE int row_set_init(struct row_set *s, uint32_t rows); /* an empty set; -ENOMEM */
void row_set_fini(struct row_set *s);
void row_set_clear(struct row_set *s);
uint32_t row_set_count(const struct row_set *s);

static inline size_t row_set_words(const struct row_set *s)
{
    return bits_words(s->rows);
}
static inline bool row_set_has(const struct row_set *s, uint32_t row)
{
    return bits_test(s->bits, row);
}
/* Ignores a row that the set does not span. */
static inline void row_set_add(struct row_set *s, uint32_t row)
{
    if (row < s->rows)
        bits_set(s->bits, row);
}

/* The two sets must span the same rows. */
void row_set_and(struct row_set *s, const struct row_set *with);
void row_set_or(struct row_set *s, const struct row_set *with);
void row_set_invert(struct row_set *s);
