/* codes_check.h -- do codes find the true neighbours? Measured on rows of the segment itself.
 *
 * Some rows, spread over all, are searched for among the others: by their vectors, and by the codes
 * as a search does it, which takes the nearest by code and scores these again. What of the true
 * neighbours is found so is the recall of the codes: no graph can do better with them. Rows equally
 * far count as equally good. Equal input gives an equal result. */
#pragma once

#include "base/workers.h"
#include "vectors/codes/codes.h"

#define CHECK_NEIGHBOURS 10  /* looked for */
#define CHECK_CANDIDATES 100 /* by code, at most */
#define CHECK_ROWS_MAX   32768

struct codes_check;

/* What is compared; lent until the check ends. The codes hold the rows below count. */
struct codes_checked {
    const struct codes *codes;
    const struct codes *refine; /* what scores again; NULL: the vectors */
    const struct rows *vectors;
    uint32_t count;
};

/* queries: rows searched for, at most; more of them measure more exactly. NULL
 * when there is no memory. */
MUST_USE struct codes_check *codes_check_create(const struct codes_checked *of, uint32_t queries);
void codes_check_destroy(struct codes_check *k);
uint64_t codes_check_bytes(const struct codes_check *k); /* memory owned; k may be NULL */

/* Measures. 0, or what the pause returned: then another call goes on. */
MUST_USE int codes_check_run(struct codes_check *k, const struct workers *workers, const struct pause *pause);

/* The share of the true neighbours that is among the nearest when so many candidates are
 * scored again, by what scores again or, `exactly`, by the vectors; 1 when there are no
 * more rows than that. */
double codes_check_recall(const struct codes_check *k, uint32_t candidates, bool exactly);

/* Whether each row that was searched for is itself among so many of the nearest by code. If not,
 * its neighbours share its code, and a walk that keeps few candidates loses it among them. Rows
 * equal to it count as itself. */
bool codes_check_own(const struct codes_check *k, uint32_t candidates);
