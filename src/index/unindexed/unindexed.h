/* unindexed.h -- unindexed rows: rows that the index does not hold yet. When there are many, a
 * search looks only at those in lists near to its query.
 *
 * Lists are made in the background when there are enough rows. They are made again when there
 * are three times as many rows, or when one list is too large; searches use the old lists
 * meanwhile. Then it is measured how many rows of the lists a search must look at
 * (unindexed_need.h). A row that is appended is put into its list at once. Lists lose the rows
 * that the index takes. When few unindexed rows are left, the lists are dropped. */
#pragma once

#include "index/unindexed/unindexed_lists.h"
#include "index/unindexed/unindexed_need.h"
#include "index/unindexed/unindexed_train.h"

struct unindexed {
    struct unindexed_lists *lists;       /* for searches; NULL: there are none */
    struct unindexed_lists *next;        /* lists that are being filled and will replace `lists` */
    struct unindexed_training *training; /* the making of `next` */
    /* the measurement of what searches of `lists` must look at */
    struct unindexed_needing *needing;
    struct unindexed_lists *old; /* replaced lists, which are freed in steps */
    uint32_t version;            /* grows each time that `lists` is replaced */
};

/* The rows of an index, as far as lists need them. */
struct unindexed_rows {
    enum metric metric;
    uint32_t dim;
    const struct rows *vectors;
    /* copies need no list, because a search that finds their leader has found them */
    const struct copies *copies;
    uint32_t graphed, rows; /* the unindexed rows are [graphed, rows) */
};

void unindexed_fini(struct unindexed *t);
uint64_t unindexed_bytes(const struct unindexed *t);

/* Called when a row was appended. Takes a few microseconds. */
void unindexed_append(struct unindexed *t, const struct unindexed_rows *r);

/* Does some tens of microseconds of work. False: there is nothing to do. */
bool unindexed_step(struct unindexed *t, const struct unindexed_rows *r);

/* How many rows lists have not taken yet, which searches scan; 0 when there are
 * too few rows for lists. */
uint32_t unindexed_unlisted(const struct unindexed *t, const struct unindexed_rows *r);

/* How many of `rows` unindexed rows a search that keeps ef candidates looks at. May
 * be more than `rows`. */
uint32_t unindexed_budget(uint32_t dim, uint32_t rows, double ef);
