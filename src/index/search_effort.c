/* search_effort.c -- chooses what a search has to do. That is the given beam, or what the wanted
 * recall takes: by the curve of a sealed index, by that of a growing one, or by a default. It
 * only chooses and reads no row. */
#include "index/search.h"

#include "index/recall/recall_measure.h"
#include <math.h>

#define EF_PART_MIN 24 /* walks that keep fewer candidates end in a wrong place */
#define FEW_VECTORS 1024
/* up to so many rows with fewer than FEW_VECTORS distinct vectors are scanned
 * until a curve is measured */
#define FEW_SCANNED 16384
/* 18 to 25 ns a distance of 64 values, where recall_curve.c assumes 16 */
#define GROWING_WALK_COST 1.5f
/* all vectors are compared while there are at most so many times the rows in the graph */
#define GROWING_EXACT 2
/* at so many times the measured effort, the codes themselves must miss neighbours */
#define EFFORT_EXACT 8

/* Of the ef nearest of all rows, this part has about p = ef / parts, with a deviation of sqrt(p
 * * (1 - 1 / parts)). It keeps two deviations more. So a search of several parts finds about as
 * much as one of the whole, and each part takes less time. */
static uint32_t ef_of_part(uint32_t ef, uint32_t k, uint32_t parts)
{
    const double share = (double)ef / parts, part = ceil(share + 2 * sqrt(share * (1 - 1.0 / parts)));
    const double least = k > EF_PART_MIN ? k : EF_PART_MIN;
    const double enough = part > least ? part : least;
    return enough < ef ? (uint32_t)enough : ef;
}

static struct recall_effort effort_by_curve(const struct segment_index *x, float recall, uint32_t k, bool early)
{
    const struct recall_sizes sizes = {.rows = indexed_rows(x),
                                       .distinct = x->copies.leader ? x->copies.leader_count : indexed_rows(x),
                                       .code_bytes = x->codes.stride,
                                       .vector_bytes = x->dim * (uint32_t)sizeof(float)};
    return recall_curve_effort(x->curve, &sizes, recall, k, early);
}

uint32_t segment_index_ef(const struct segment_index *x, float recall, uint32_t k)
{
    if (!x->curve || !x->sealed)
        return 0;
    const struct recall_effort effort = effort_by_curve(x, recall, k, false);
    return effort.way == RECALL_WALK ? effort.ef : 0;
}

/* Whether most rows are copies. The graph of the others is small, and of little use where they
 * are equally far apart. */
static bool has_few_vectors(const struct segment_index *x)
{
    return x->copies.leaders < FEW_VECTORS && indexed_rows(x) < FEW_SCANNED;
}

/* The effort by the curve of a growing graph, for the rows it had when it was measured. Since
 * then the cost of a walk has grown with the rows, and so has that of a scan. */
static struct recall_effort growing_effort(const struct segment_index *x, float recall, uint32_t k)
{
    const struct recall_sizes sizes = {.rows = x->growing.rows,
                                       .distinct = x->growing.rows,
                                       .code_bytes = x->codes.stride,
                                       .vector_bytes = x->dim * (uint32_t)sizeof(float),
                                       .walk_cost = GROWING_WALK_COST};
    return recall_curve_effort(x->growing.curve, &sizes, recall, k, false);
}

/* Chooses the effort of a growing graph. It has got rows since it was measured, so its ef grows
 * in proportion, and is at least the default for graphs without a curve. Where not even the
 * codes find the wanted recall, all vectors are compared, unless there are many times the rows
 * that the curve was measured for. */
static void choose_growing(struct search *s)
{
    const struct segment_index *x = s->x;
    const struct search_params *p = s->params;
    s->ef = p->ef_unmeasured ? p->ef_unmeasured : recall_default_ef(p->recall, s->k);
    s->ef = s->ef > search_refine_count(s) ? s->ef : search_refine_count(s);
    if (!x->growing.curve) {
        s->scan = has_few_vectors(x);
        return;
    }
    const struct recall_effort effort = growing_effort(x, p->recall, s->k);
    s->exact = effort.way == RECALL_EXACT && s->count / GROWING_EXACT <= indexed_rows(x);
    s->scan = effort.way != RECALL_WALK;
    const double grown = (double)effort.ef * indexed_rows(x) / x->growing.rows;
    if (effort.way == RECALL_WALK && grown > s->ef)
        s->ef = (uint32_t)grown;
}

/* Chooses what the wanted recall takes. */
static void choose_effort(struct search *s)
{
    const struct segment_index *x = s->x;
    const struct search_params *p = s->params;
    if (p->recall >= 1 || s->count < RECALL_ROWS_MIN) {
        s->exact = true;
        return;
    }
    if (x->curve && x->sealed) {
        s->refined_k = s->k > RECALL_K_MIN ? s->k : RECALL_K_MIN;
        const struct recall_effort effort =
            effort_by_curve(x, p->recall, s->k, index_may_end_early(s->allowed, s->count));
        s->scan = effort.way == RECALL_SCAN;
        s->exact = effort.way == RECALL_EXACT;
        s->leaders = s->exact && x->copies.leader && !p->allowed && s->count == indexed_rows(x);
        s->ef = effort.way == RECALL_WALK ? effort.ef : SEARCH_EF_DEFAULT;
        s->ends_early = effort.ends_early;
    } else {
        choose_growing(s);
    }
}

/* Widens the search by the factor `effort`. Where a scan then costs no more than a walk, the
 * codes are scanned. At a large factor the vectors are scanned. */
static void widen(struct search *s)
{
    const double effort = s->params->effort, ef = s->ef * effort;
    if (effort <= 1)
        return;
    s->ef = ef < s->count ? (uint32_t)ef : s->count;
    s->scan |= (uint64_t)s->ef * SCANNED_PER_CANDIDATE >= s->count;
    s->exact |= s->scan && effort >= EFFORT_EXACT;
}

void search_choose_effort(struct search *s)
{
    const struct search_params *p = s->params;
    s->ef = p->ef ? p->ef : SEARCH_EF_DEFAULT;
    s->exact = p->exact;
    s->ends_early = p->ends_early;
    s->early_least = s->x->curve && s->x->sealed ? s->x->curve->early.rung[0].ef : 0;
    if (!p->ef && p->recall > 0 && !p->exact) {
        choose_effort(s);
        widen(s);
    } else if (!p->ef && s->ef < search_refine_count(s)) {
        s->ef = search_refine_count(s);
    }
    s->scan |= p->way == SEARCH_SCANS;
    s->ef = s->ef > s->k ? s->ef : s->k;
    if (p->parts > 1)
        s->ef = ef_of_part(s->ef, s->k, p->parts);
}
