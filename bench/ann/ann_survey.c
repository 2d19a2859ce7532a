/* ann_survey.c -- finds the ways of searching that are worth measuring. Each is tried once, so
 * speeds are rough; a way is left out only if another one is clearly better. */
#include "ann/ann.h"
#include "clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUERIES 200 /* the first queries of the set */
/* share of the speed of a way with the same recall, below which a way is left out */
#define BEATEN       0.85
#define STALL_STEPS  4 /* the sweep ends after so many larger efs without more recall */
#define STALL_RECALL 0.0002
#define RECALL_ERROR 0.004 /* error of the recall over few queries */
#define RECALL_LOW   0.85  /* below the lowest recall of the tables, so not worth measuring */

/* Tries one value of refine_k with one ef after the other, until the recall is enough or does not
 * rise any more. */
static int sweep(const struct ann_options *o, const struct dataset *d, const struct ann_engine *x, double refine_k,
                 double refine_less, struct ann_pass *pass, struct result_engine *ret)
{
    unsigned first = ret->point_count;
    for (uint32_t i = 0; i < o->ef_count; i++) {
        if (refine_less * o->k >= o->ef[i])
            continue; /* the smaller refine_k scores all candidates again already */
        struct result_point p = {.ef = o->ef[i], .refine_k = refine_k, .interleave = 1};
        int rc = ann_pass_run(pass, x, d, &p, o->k, &p.qps);
        if (rc < 0)
            return rc;
        p.recall = ann_pass_recall(pass, d, o->k);
        ret->points[ret->point_count++] = p;
        unsigned n = ret->point_count - first;
        /* few queries may have a high recall by chance */
        bool sure = pass->queries == d->query_count;
        if ((sure && p.recall >= o->recall_enough) ||
            (n > STALL_STEPS && p.recall < ret->points[ret->point_count - 1 - STALL_STEPS].recall + STALL_RECALL))
            break;
    }
    return 0;
}

static int compare_recall(const void *a, const void *b)
{
    const struct result_point *x = a, *y = b;
    return x->recall < y->recall ? -1 : x->recall > y->recall;
}

/* Whether another way is clearly better. A larger ef with the same recall is kept, because over all
 * queries it has more. */
static bool is_beaten(const struct result_engine *x, const struct result_point *p)
{
    for (unsigned i = 0; i < x->point_count; i++) {
        const struct result_point *other = &x->points[i];
        bool finds_more = other->recall > p->recall + RECALL_ERROR;
        bool finds_as_much = other->ef >= p->ef && other->recall >= p->recall;
        if ((finds_more || finds_as_much) && p->qps < BEATEN * other->qps)
            return true;
    }
    return false;
}

static void drop_beaten(struct result_engine *x)
{
    struct result_point *kept = malloc((x->point_count + 1) * sizeof(*kept));
    unsigned count = 0;
    for (unsigned i = 0; kept && i < x->point_count; i++)
        if (x->points[i].recall >= RECALL_LOW && !is_beaten(x, &x->points[i]))
            kept[count++] = x->points[i];
    if (!kept)
        return; /* without memory all points are measured */
    free(x->points);
    x->points = kept;
    x->point_count = count;
}

/* Adds the best ways of searching with more queries in flight. */
static void add_interleaved(const struct ann_options *o, struct result_engine *x)
{
    unsigned count = x->point_count;
    struct result_point *more =
        realloc(x->points, (count + RESULT_TARGETS * (size_t)o->interleave_count) * sizeof(*more));
    if (!more)
        return; /* without memory they are not measured */
    x->points = more;
    const struct result_point *last = NULL;
    for (size_t t = 0; t < RESULT_TARGETS; t++) {
        const struct result_point *best = result_best(x, result_targets[t], 1);
        if (!best || best == last)
            continue;
        last = best;
        for (uint32_t i = 0; i < o->interleave_count; i++) {
            more[x->point_count] = *best;
            more[x->point_count++].interleave = o->interleave[i];
        }
    }
}

int ann_survey(const struct ann_options *o, const struct dataset *d, struct ann_engine *x, struct result_engine *ret)
{
    double factors[ANN_REFINE_MAX] = {0};
    unsigned count = x->peer->refine_ks(x->index, factors);
    if (count > 0 && o->refine_count > 0) {
        count = o->refine_count;
        memcpy(factors, o->refine_k, sizeof(factors));
    }
    struct ann_pass pass;
    ret->points = calloc((size_t)o->ef_count * (count + 1), sizeof(*ret->points));
    int rc = ann_pass_init(&pass, o, d);
    if (rc == 0 && !ret->points)
        rc = -ENOMEM;
    if (pass.queries > QUERIES)
        pass.queries = QUERIES;
    struct progress p;
    char what[96];
    snprintf(what, sizeof(what), "%s: trying", ret->name);
    progress_start(&p, what, count ? count : 1);
    for (unsigned i = 0; rc == 0 && i < (count ? count : 1); i++) {
        rc = sweep(o, d, x, factors[i], i > 0 ? factors[i - 1] : 0, &pass, ret);
        progress_at(&p, i + 1);
    }
    progress_end(&p);
    ann_pass_fini(&pass);
    if (rc < 0)
        return rc;
    drop_beaten(ret);
    if (x->peer->overlaps)
        add_interleaved(o, ret);
    qsort(ret->points, ret->point_count, sizeof(*ret->points), compare_recall);
    return 0;
}
