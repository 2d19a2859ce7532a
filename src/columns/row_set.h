/* row_set.h -- rows of one segment, a bit each. Bits of rows that the set does not
 * span are always clear. */
#pragma once

#include "base/bits.h"
#include "base/check.h"

struct row_set {
    uint64_t *bits; /* owned; bits_words(rows), and one more so that an empty set has memory */
    uint32_t rows;  /* that it spans */
};

MUST_USE int row_set_init(struct row_set *s, uint32_t rows); /* none is in it; -ENOMEM */
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
/* Rows that the set does not span are left out. */
static inline void row_set_add(struct row_set *s, uint32_t row)
{
    if (row < s->rows)
        bits_set(s->bits, row);
}

/* Both span the same rows. */
void row_set_and(struct row_set *s, const struct row_set *with);
void row_set_or(struct row_set *s, const struct row_set *with);
void row_set_invert(struct row_set *s);
