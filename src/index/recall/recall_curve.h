/* recall_curve.h -- which effort has which recall in one segment, as measured when it was
 * sealed (recall_measure.h).
 *
 * A curve has a ladder of beams (ef) for each of two k, and one for walks that may end early
 * (early_end.h), at the smaller k. A rung of a ladder is one ef. It has the recall@k of the
 * measured queries, a floor that says how far this mean may be off, and the number of
 * distances that a walk computed. Rungs rise in ef, recall, floor and distances. One more
 * rung says what a scan of all codes finds. A search that asks for a recall gets the cheapest
 * way that reaches it. */
#pragma once

#include "base/check.h"
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define RECALL_RUNGS_MAX 20
#define RECALL_KS        2
/* the smaller k; a search with a smaller k is searched as if it asked for this many */
#define RECALL_K_MIN       10
#define RECALL_K_MAX       100
#define RECALL_EF_MAX      2048 /* of a ladder, at most */
#define RECALL_QUERIES_MAX 1024

/* Stored on the disk as it is (docs/storage-format.md). */
struct recall_rung {
    uint32_t ef;  /* for a scan: the number of rows */
    float recall; /* mean recall@k, 0 to 1 */
    /* the mean minus three standard errors, so that the true mean is hardly lower */
    float floor;
    float distances; /* mean number of distances a query */
};

struct recall_ladder {
    uint32_t k;
    uint32_t queries; /* how many it was measured with */
    uint32_t count;   /* rungs */
    uint32_t reserved;
    struct recall_rung rung[RECALL_RUNGS_MAX];
};

struct recall_curve {
    struct recall_ladder of[RECALL_KS]; /* for k 10 and for k 100 */
    /* for k 10, with walks that may end early; empty for a growing graph */
    struct recall_ladder early;
    struct recall_rung scan; /* of all codes, for k 10; ef 0: not measured */
};
static_assert(sizeof(struct recall_curve) == 1024, "on disk");

/* Checks a curve from a disk, of a segment with so many rows. Returns what is wrong, or NULL. */
const char *recall_curve_check(const struct recall_curve *c, uint32_t rows);

/* How to search for a wanted recall. */
enum recall_way { RECALL_WALK, RECALL_SCAN, RECALL_EXACT };
struct recall_effort {
    enum recall_way way;
    uint32_t ef;     /* of a walk */
    bool ends_early; /* the walk may end early */
};

/* The sizes that decide the cost of a scan. */
struct recall_sizes {
    uint32_t rows, code_bytes, vector_bytes;
    uint32_t distinct; /* rows that an exact scan compares: all rows, or only leaders of copies */
    /* cost of a distance in a walk, as a multiple of that in a sealed segment; 0: 1 */
    float walk_cost;
};

/* The cheapest way that has recall `wanted` (0 to 1) at k, by the curve. If none in the curve
 * has it: an exact scan. early: walks may end early. Walks for k above 10 hardly ever do, so
 * those are not measured. */
struct recall_effort recall_curve_effort(const struct recall_curve *c, const struct recall_sizes *sizes, float wanted,
                                         uint32_t k, bool early);
/* An ef for a graph that was not measured, wide enough for most data. */
uint32_t recall_default_ef(float wanted, uint32_t k);
