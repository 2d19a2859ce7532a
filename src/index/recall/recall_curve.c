/* recall_curve.c -- reads a curve. Between two rungs, recall is taken to rise linearly with ef.
 * Where all queries are alike it rises faster: what is missed falls by about the same factor
 * with each further candidate. But some queries find nothing until the beam leads out of a
 * cluster that holds them; then recall may stay low until shortly before the upper rung. Between
 * and beyond the two k that were measured, ef follows a power of k. */
#include "index/recall/recall_curve.h"

#include <math.h>

#define EF_UNMEASURED 64    /* assumed ef of a graph without a curve for recall .98 at k 10, */
#define MISS_STANDARD 0.02f /* which misses this share */
#define MISS_LEAST    0.0004f

/* A walk that may end early is chosen where it computes at most this share of the distances,
 * because it keeps a larger pool. */
#define EARLY_DISTANCES_MAX 0.98

/* Nanoseconds on one core of a Zen 4 (AVX-512). A distance in a walk waits for memory; one in a
 * scan streams. Only the ratios matter, and they differ little between machines. */
#define WALK_NS      14.0
#define WALK_BYTE_NS 0.03
#define SCAN_NS      6.0
#define SCAN_BYTE_NS 0.035

static const char *ladder_check(const struct recall_ladder *l, uint32_t k)
{
    if (l->k != k || l->count > RECALL_RUNGS_MAX || l->queries > RECALL_QUERIES_MAX || (l->count && !l->queries))
        return "the recall curve is out of range";
    for (uint32_t i = 0; i < l->count; i++) {
        const struct recall_rung *r = &l->rung[i], *before = i ? r - 1 : &(struct recall_rung){0};
        if (r->ef <= before->ef || r->ef > RECALL_EF_MAX || !(r->recall >= before->recall && r->recall <= 1) ||
            !(r->floor >= before->floor && r->floor <= r->recall) ||
            !(r->distances >= before->distances && r->distances <= (float)UINT32_MAX))
            return "the recall curve does not rise";
    }
    return NULL;
}

const char *recall_curve_check(const struct recall_curve *c, uint32_t rows)
{
    const struct recall_rung *scan = &c->scan;
    if (scan->ef && (scan->ef != rows || !(scan->recall >= 0 && scan->recall <= 1) ||
                     !(scan->floor >= 0 && scan->floor <= scan->recall)))
        return "the recall of a scan is out of range";
    const char *why = ladder_check(&c->of[0], RECALL_K_MIN);
    why = why ? why : ladder_check(&c->of[1], RECALL_K_MAX);
    return why ? why : ladder_check(&c->early, RECALL_K_MIN);
}

/* The ef on a ladder where the floor reaches `wanted`, and its distances; 0: it never does. */
static double ladder_ef(const struct recall_ladder *l, float wanted, double *ret_distances)
{
    for (uint32_t i = 0; i < l->count; i++) {
        const struct recall_rung *r = &l->rung[i];
        if (r->floor < wanted)
            continue;
        *ret_distances = r->distances;
        if (i == 0 || r->floor <= r[-1].floor)
            return r->ef;
        const double share = fmin(fmax((wanted - r[-1].floor) / (r->floor - r[-1].floor), 0), 1);
        *ret_distances = r[-1].distances + share * (r->distances - r[-1].distances);
        return r[-1].ef + share * (r->ef - r[-1].ef);
    }
    return 0;
}

/* The ef for any k: by the ladder of k 10 up to 10, by both ladders between, by that of k 100
 * in proportion above. */
static double walk_ef(const struct recall_curve *c, float wanted, uint32_t k, double *ret_distances)
{
    double distances[RECALL_KS];
    const double few = ladder_ef(&c->of[0], wanted, &distances[0]);
    *ret_distances = distances[0];
    if (k <= RECALL_K_MIN || few == 0)
        return few;
    const double many = ladder_ef(&c->of[1], wanted, &distances[1]);
    if (k >= RECALL_K_MAX || many == 0) {
        /* where k 100 was not measured, ef grows in proportion to k */
        const double base = many > 0 ? many : few, at = many > 0 ? RECALL_K_MAX : RECALL_K_MIN,
                     known = distances[many > 0];
        *ret_distances = known * k / at;
        return base * k / at;
    }
    const double share = log((double)k / RECALL_K_MIN) / log((double)RECALL_K_MAX / RECALL_K_MIN);
    *ret_distances = distances[0] * pow(distances[1] / distances[0], share);
    return few * pow(many / few, share);
}

static double walk_ns(const struct recall_sizes *s, double distances)
{
    return distances * (WALK_NS + WALK_BYTE_NS * s->code_bytes) * (s->walk_cost > 0 ? (double)s->walk_cost : 1);
}

static double scan_ns(uint32_t rows, uint32_t row_bytes)
{
    return rows * (SCAN_NS + SCAN_BYTE_NS * row_bytes);
}

/* Chooses the cheapest walk and returns the distances that it computes. INFINITY: no walk
 * reaches what is wanted. */
static double best_walk(const struct recall_curve *c, float wanted, uint32_t k, bool early, struct recall_effort *ret)
{
    double whole = 0, ending = 0;
    const double ef = wanted < 1 ? walk_ef(c, wanted, k, &whole) : 0;
    const double early_ef = early && wanted < 1 && k <= RECALL_K_MIN ? ladder_ef(&c->early, wanted, &ending) : 0;
    const bool ends_early = early_ef > 0 && (ef == 0 || ending < EARLY_DISTANCES_MAX * whole);
    const double best = ends_early ? early_ef : ef;
    *ret = (struct recall_effort){RECALL_WALK, (uint32_t)fmax(ceil(best), k), ends_early};
    return best == 0 ? INFINITY : ends_early ? ending : whole;
}

struct recall_effort recall_curve_effort(const struct recall_curve *c, const struct recall_sizes *sizes, float wanted,
                                         uint32_t k, bool early)
{
    struct recall_effort effort;
    const double walk = walk_ns(sizes, best_walk(c, wanted, k, early, &effort));
    const bool scannable = c->scan.ef && wanted < 1 && c->scan.floor >= wanted;
    const double scan = scannable ? scan_ns(sizes->rows, sizes->code_bytes) : INFINITY;
    const double exact = scan_ns(sizes->distinct, sizes->vector_bytes);
    if (walk <= scan && walk <= exact)
        return effort;
    return (struct recall_effort){.way = scan <= exact ? RECALL_SCAN : RECALL_EXACT};
}

uint32_t recall_default_ef(float wanted, uint32_t k)
{
    const double missed = fmax(1 - (double)wanted, MISS_LEAST);
    const double ef =
        EF_UNMEASURED * sqrt(MISS_STANDARD / missed) * (k > RECALL_K_MIN ? sqrt((double)k / RECALL_K_MIN) : 1);
    return ef > k ? (uint32_t)ceil(ef) : k;
}
