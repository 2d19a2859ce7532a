/* recall_curve.h -- which effort gives which recall in one sealed segment, as measured when it was
 * made (recall_measure.h).
 *
 * A curve has a ladder of beams (ef) for each of two k, and one more for the smaller k of walks
 * that may end early (early_end.h). Each rung says which recall@k the queries of the measurement
 * had with that ef, how far that mean may be off, and how many distances a walk computed. Rungs
 * rise in ef, recall, floor and distances. One more rung tells what a scan of all codes finds. A
 * search that asks for a recall gets the cheapest way that reaches it. */
#pragma once

#include "base/check.h"
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define RECALL_RUNGS_MAX 20
#define RECALL_KS        2
/* the smaller of them; a search for fewer is searched as one for so many */
#define RECALL_K_MIN       10
#define RECALL_K_MAX       100
#define RECALL_EF_MAX      2048 /* of a ladder */
#define RECALL_QUERIES_MAX 1024

/* On disk as it is (docs/storage-format.md). */
struct recall_rung {
    uint32_t ef;     /* a scan: the rows */
    float recall;    /* mean recall@k, 0..1 */
    float floor;     /* the mean is hardly lower than that: three standard errors less */
    float distances; /* mean distances computed a query */
};

struct recall_ladder {
    uint32_t k;
    uint32_t queries; /* that it was measured with */
    uint32_t count;   /* rungs */
    uint32_t reserved;
    struct recall_rung rung[RECALL_RUNGS_MAX];
};

struct recall_curve {
    struct recall_ladder of[RECALL_KS]; /* of k 10 and of k 100 */
    /* of k 10, where walks may end early; a graph that grows has none */
    struct recall_ladder early;
    struct recall_rung scan; /* of all codes, k 10; ef 0: not measured */
};
static_assert(sizeof(struct recall_curve) == 1024, "on disk");

/* What is wrong with a curve that was read from a disk, of a segment with so many
 * rows; NULL: nothing. */
const char *recall_curve_check(const struct recall_curve *c, uint32_t rows);

/* The way of searching that a wanted recall takes. */
enum recall_way { RECALL_WALK, RECALL_SCAN, RECALL_EXACT };
struct recall_effort {
    enum recall_way way;
    uint32_t ef;     /* of a walk */
    bool ends_early; /* the walk may */
};

/* Sizes that the costs of a scan follow from. */
struct recall_sizes {
    uint32_t rows, code_bytes, vector_bytes;
    uint32_t distinct; /* rows that an exact scan compares: all, but where copies need not be */
    /* of a distance in a walk, as a multiple of what it is in a sealed segment; 0: 1 */
    float walk_cost;
};

/* The cheapest way that has recall `wanted` (0..1) at k by the curve. early: walks may end early,
 * which those for more than 10 hardly ever do, so that they are not measured. Nothing in the
 * curve reaches it: exact. */
struct recall_effort recall_curve_effort(const struct recall_curve *c, const struct recall_sizes *sizes, float wanted,
                                         uint32_t k, bool early);
/* An ef for a graph that was not measured: wide enough for most data. */
uint32_t recall_default_ef(float wanted, uint32_t k);
