/* codes_check.h -- measures whether codes find the true neighbours, with rows
 * of the segment itself.
 *
 * Some rows, spread over all, are searched for among the others: by their vectors, and by codes
 * as a search does. A search takes the nearest by code and scores them again. The share of the
 * true neighbours that it finds is the recall of the codes; no graph can have a higher one with
 * them. Rows at the same distance count as equally good. Equal input gives an equal result. */
#pragma once

#include "base/workers.h"
#include "vectors/codes/codes.h"

#define CHECK_NEIGHBOURS 10  /* true neighbours of each row */
#define CHECK_CANDIDATES 100 /* candidates by code, at most */
#define CHECK_ROWS_MAX   32768

struct codes_check;

/* What is checked; lent until the check ends. The codes hold the rows below count. */
struct codes_checked {
    const struct codes *codes;
    const struct codes *refine; /* what scores again; NULL: the vectors */
    const struct rows *vectors;
    uint32_t count;
};

/* queries: how many rows are searched for at most; more give a more exact
 * result. NULL: no memory. */
MUST_USE struct codes_check *codes_check_create(const struct codes_checked *of, uint32_t queries);
void codes_check_destroy(struct codes_check *k);
uint64_t codes_check_bytes(const struct codes_check *k); /* memory owned; k may be NULL */

/* Measures. 0, or what the pause returned; then another call goes on. */
MUST_USE int codes_check_run(struct codes_check *k, const struct workers *workers, const struct pause *pause);

/* The share of the true neighbours that are among the nearest when so many candidates are
 * scored again, by `refine` or, with `exactly`, by the vectors. 1 when there are no more
 * rows than candidates. */
double codes_check_recall(const struct codes_check *k, uint32_t candidates, bool exactly);

/* Whether each searched row is itself among so many nearest by code. If not, other rows have its
 * code, and a walk that keeps few candidates misses it among them. Rows that are equal to it
 * count as the row itself. */
bool codes_check_own(const struct codes_check *k, uint32_t candidates);
