/* column.h -- the values of one payload field for each row of a segment, so that a
 * filter reads no payloads.
 *
 * A column kind is a table; README.md says what adding one touches. While its segment grows a
 * column is appended to. column_sort() makes what answers ranges fast, once, before it is saved; a
 * column that was opened from a file never changes, so any core may read it. Pure computation: no
 * I/O, no threads. Fibers of one core may read a column at a pause of any function here. */
#pragma once

#include "base/pause.h"
#include "columns/field_spec.h"
#include "columns/predicate.h"
#include "columns/row_set.h"

/* Rows that pass: surely no fewer than min and no more than max. */
struct cardinality {
    uint32_t min, expected, max;
};

/* A named piece of a saved column; borrowed. */
struct column_region {
    const char *name; /* at most 9 bytes: "c65535." comes before it in the container */
    const void *bytes;
    uint64_t size;
};
#define COLUMN_REGIONS 8

struct column_kind {
    const char *name;
    uint16_t id;        /* enum field_kind */
    uint16_t version;   /* of what save() lends */
    uint32_t operators; /* 1 << enum predicate_op */

    /* Whether the values of p can be compared with this column. */
    int (*accepts)(const struct predicate *p, struct error *error);
    /* Whether a field that holds v passes: what a column says of a row, without the column. */
    bool (*passes)(const struct predicate *p, const struct field_values *v);

    int (*create)(void **ret);
    /* Appends the next row. -ENOMEM, -ENOSPC: nothing changed. */
    int (*append)(void *column, const struct field_values *v);
    /* Appends row `row` of another column of this kind. */
    int (*append_row)(void *column, const void *from, uint32_t row);
    int (*sort)(void *column, const struct pause *pause);

    void (*estimate)(const void *column, const struct predicate *p, struct cardinality *ret);
    int (*select)(const void *column, const struct predicate *p, struct row_set *set, const struct pause *pause);
    bool (*test)(const void *column, const struct predicate *p, uint32_t row);

    /* Lends the sorted column as regions, until its next change. */
    unsigned (*save)(void *column, struct column_region regions[COLUMN_REGIONS]);
    int (*open)(const struct column_region *regions, unsigned count, uint32_t rows, const struct pause *pause,
                void **ret, const char **ret_why);
    uint64_t (*memory)(const void *column);
    void (*destroy)(void *column);
};

/* NULL: it has no columns yet. */
const struct column_kind *column_kind_find(enum field_kind kind);

struct column {
    const struct column_kind *kind;
    void *state;
    uint32_t rows;
    uint16_t field; /* number in the schema */
};

MUST_USE int column_create(const struct column_kind *kind, uint16_t field, struct column *ret);
void column_destroy(struct column *c); /* one that is all zeros is fine */
/* The next row. -ENOMEM, -ENOSPC: there are too many values. */
MUST_USE int column_append(struct column *c, const struct field_values *v);
MUST_USE int column_append_row(struct column *c, const struct column *from, uint32_t row);
/* No row may follow. -ENOMEM, or what the pause returned: then another call continues. */
MUST_USE int column_sort(struct column *c, const struct pause *pause);

/* How many rows pass p, which the kind has checked. */
void column_estimate(const struct column *c, const struct predicate *p, struct cardinality *ret);
/* Adds the rows that pass to the set, whichever of its rows the column has. -ENOMEM, or
 * what the pause returned. */
MUST_USE int column_select(const struct column *c, const struct predicate *p, struct row_set *set,
                           const struct pause *pause);
bool column_test(const struct column *c, const struct predicate *p, uint32_t row);

/* After column_sort(). Returns how many regions there are. */
unsigned column_save(struct column *c, struct column_region regions[COLUMN_REGIONS]);
/* Opens in place what column_save() lent: borrows the bytes, which are 8-byte aligned, until
 * destroy. Bytes from a disk are data: -EINVAL, and what is wrong with them (a literal). -ENOMEM,
 * or what the pause returned. */
MUST_USE int column_open(const struct column_kind *kind, uint16_t field, const struct column_region *regions,
                         unsigned count, uint32_t rows, const struct pause *pause, struct column *ret,
                         const char **ret_why);
uint64_t column_memory(const struct column *c); /* owned */
