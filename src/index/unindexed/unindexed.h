/* unindexed.h -- unindexed rows: rows that the index does not hold yet. When there are many, a
 * search takes only those in lists near to it.
 *
 * Lists are made in the background when there are enough rows. They are made again when there are
 * three times as many, or when one list has got too large a share of them; meanwhile searches use
 * the old ones. Then it is measured how many of their rows a search must look at
 * (unindexed_need.h). From then on a row is put into its list when it is appended. As the index
 * takes rows, the lists lose them. When few rows are left, the lists go as a whole. */
#pragma once

#include "index/unindexed/unindexed_lists.h"
#include "index/unindexed/unindexed_need.h"
#include "index/unindexed/unindexed_train.h"

struct unindexed {
    struct unindexed_lists *lists;       /* for searches; NULL: there are none */
    struct unindexed_lists *next;        /* those that will replace them, while rows are put in */
    struct unindexed_training *training; /* and while they are made */
    /* while it is measured what searches must look at; of `lists` */
    struct unindexed_needing *needing;
    struct unindexed_lists *old; /* replaced, and freed bit by bit */
    uint32_t version;            /* counts replacements */
};

/* What the rows of an index are, as far as their tail is concerned. */
struct unindexed_rows {
    enum metric metric;
    uint32_t dim;
    const struct rows *vectors;
    /* these need no list: a search that finds their leader has found them */
    const struct copies *copies;
    uint32_t graphed, rows; /* the tail lies between */
};

void unindexed_fini(struct unindexed *t);
uint64_t unindexed_bytes(const struct unindexed *t);

/* A row more has come. Takes some microseconds. */
void unindexed_append(struct unindexed *t, const struct unindexed_rows *r);

/* Some tens of microseconds of what is to be done; false: there is nothing. */
bool unindexed_step(struct unindexed *t, const struct unindexed_rows *r);

/* Rows that lists are still to take, and searches go through meanwhile; 0 when there
 * are too few for lists. */
uint32_t unindexed_unlisted(const struct unindexed *t, const struct unindexed_rows *r);

/* Rows that a search which keeps ef candidates looks at, of so many in the tail; may be
 * more than there are. */
uint32_t unindexed_budget(uint32_t dim, uint32_t rows, double ef);
