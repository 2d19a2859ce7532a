/* column.h -- a column has the values of one payload field for each row of a segment, so that a
 * filter reads no payloads.
 *
 * A column kind is a table of functions; README.md says how to add one. While its segment grows, a
 * column is appended to. column_sort() orders its values once, before it is saved, so that ranges
 * are found fast. A column that was opened from a file never changes, so any core may read it.
 * Pure computation: no I/O, no threads. At a pause of any function here, other fibers of the core
 * may read the column. */
#pragma once

#include "base/pause.h"
#include "columns/field_spec.h"
#include "columns/predicate.h"
#include "columns/row_set.h"

/* An estimate of how many rows pass. min and max are true bounds. */
struct cardinality {
    uint32_t min, expected, max;
};

/* A named piece of a saved column; borrowed. */
struct column_region {
    const char *name; /* at most 9 bytes, because "c65535." comes before it in the container */
    const void *bytes;
    uint64_t size;
};
#define COLUMN_REGIONS 8

struct column_kind {
    const char *name;   /* in the protocol and for users */
    uint16_t id;        /* the number on disk, from 1 on; never changes */
    uint16_t version;   /* of the format of save() */
    uint32_t operators; /* 1 << enum predicate_op */
    /* 1 << enum value_type: the types of values that the kind reads; others are skipped */
    uint32_t takes;

    /* Checks that the values of p can be compared with a column of this kind. 0, or an error. */
    int (*accepts)(const struct predicate *p, struct error *error);
    /* Whether a row whose field has the values v passes, without a column. */
    bool (*passes)(const struct predicate *p, const struct field_values *v);

    int (*create)(void **ret);
    /* Appends a row. After -ENOMEM or -EOVERFLOW nothing has changed. */
    int (*append)(void *column, const struct field_values *v);
    /* Appends row `row` of another column of this kind. */
    int (*append_row)(void *column, const void *from, uint32_t row);
    int (*sort)(void *column, const struct pause *pause);

    void (*estimate)(const void *column, const struct predicate *p, struct cardinality *ret);
    int (*select)(const void *column, const struct predicate *p, struct row_set *set, const struct pause *pause);
    bool (*test)(const void *column, const struct predicate *p, uint32_t row);

    /* Returns the sorted column as regions. They are borrowed until the column changes. */
    unsigned (*save)(void *column, struct column_region regions[COLUMN_REGIONS]);
    int (*open)(const struct column_region *regions, unsigned count, uint32_t rows, const struct pause *pause,
                void **ret, const char **ret_why);
    uint64_t (*memory)(const void *column);
    /* How many values the column has, as need() counts them. */
    uint64_t (*values)(const void *column);
    /* The bytes that a column takes when it has grown to so many rows and values, at least what
     * memory() then returns. sorts: at the peak of sort(). More rows or values never need less. */
    uint64_t (*need)(uint32_t rows, uint64_t values, bool sorts);
    void (*destroy)(void *column);
};

/* The kind with that number or name; NULL: there is none. */
const struct column_kind *column_kind_of(unsigned id);
const struct column_kind *column_kind_named(const char *name);
/* The names of all kinds, "integer, ...", for errors. Valid until the next call in this thread. */
const char *column_kind_names(void);
/* Adds a kind of the program, as tests do. Called before the first collection is created. */
void column_kind_add(const struct column_kind *kind);

struct column {
    const struct column_kind *kind;
    void *state;
    uint32_t rows;
    uint16_t field; /* number in the schema */
    bool in_file;   /* it was opened, so its values lie in borrowed bytes */
};

MUST_USE int column_create(const struct column_kind *kind, uint16_t field, struct column *ret);
void column_destroy(struct column *c); /* a zero-initialised column is allowed */
/* Appends a row. -ENOMEM; -EOVERFLOW: a column cannot have so many values. */
MUST_USE int column_append(struct column *c, const struct field_values *v);
MUST_USE int column_append_row(struct column *c, const struct column *from, uint32_t row);
/* Sorts the values. No row may be appended afterwards. -ENOMEM, or what the pause returned; then it
 * may be called again. */
MUST_USE int column_sort(struct column *c, const struct pause *pause);

/* Estimates how many rows pass p, which accepts() has checked. */
void column_estimate(const struct column *c, const struct predicate *p, struct cardinality *ret);
/* Adds the rows that pass to the set. Set and column may have different numbers of rows. -ENOMEM,
 * or what the pause returned. */
MUST_USE int column_select(const struct column *c, const struct predicate *p, struct row_set *set,
                           const struct pause *pause);
bool column_test(const struct column *c, const struct predicate *p, uint32_t row);

/* Returns how many regions the sorted column has. They are borrowed until the column changes. */
unsigned column_save(struct column *c, struct column_region regions[COLUMN_REGIONS]);
/* Opens the saved regions in place. Borrows their bytes, which are 8-byte aligned, until
 * column_destroy(). Checks them, because they come from a disk. -EINVAL: they are wrong, and
 * *ret_why says how (a literal). -ENOMEM, or what the pause returned. */
MUST_USE int column_open(const struct column_kind *kind, uint16_t field, const struct column_region *regions,
                         unsigned count, uint32_t rows, const struct pause *pause, struct column *ret,
                         const char **ret_why);
uint64_t column_memory(const struct column *c); /* bytes that it owns */
uint64_t column_values(const struct column *c);
