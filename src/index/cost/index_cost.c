/* index_cost.c -- exponential means of time ratios. Most searches have one kind of work, to which
 * the whole measured time is attributed. A search with two kinds of equal size says little about
 * either, so it is not noted. */
#include "index/cost/index_cost.h"

#define MEAN_OF 16
/* weight 1/256: the ratio of a way that is not used moves towards the others */
#define FORGOTTEN 256
/* a ratio beyond 8 times the mean counts as 8 times: the machine was busy */
#define STANDS_OUT  8
#define LARGER_PART .6 /* share of one kind of work from which on its search is noted */

/* A way that was never measured gets the ratio of a measured one. */
static double factor_of(const struct index_cost *c, enum index_way way)
{
    static const enum index_way next[INDEX_WAYS] = {
        [INDEX_SCAN] = INDEX_WALK, [INDEX_WALK] = INDEX_FILTERED_WALK, [INDEX_FILTERED_WALK] = INDEX_WALK};
    if (c->factor[way] > 0)
        return c->factor[way];
    if (c->factor[next[way]] > 0)
        return c->factor[next[way]];
    const enum index_way last = (enum index_way)(INDEX_WAYS - way - next[way]);
    return c->factor[last] > 0 ? c->factor[last] : 1;
}

double index_cost_ns(const struct index_cost *c, const struct search_work *work)
{
    double ns = work->other_ns;
    for (enum index_way way = 0; way < INDEX_WAYS; way++)
        ns += work->ns[way] * factor_of(c, way);
    return ns;
}

static void note(struct index_cost *c, enum index_way way, double ratio)
{
    double *mean = &c->factor[way];
    if (*mean > 0 && ratio > STANDS_OUT * *mean)
        ratio = STANDS_OUT * *mean;
    *mean = *mean > 0 ? *mean + (ratio - *mean) / MEAN_OF : ratio;
    /* An old ratio that is too high would keep a way from being chosen and measured again. */
    for (enum index_way other = 0; other < INDEX_WAYS; other++)
        if (other != way && c->factor[other] > 0)
            c->factor[other] += (ratio - c->factor[other]) / FORGOTTEN;
}

void index_cost_note(struct index_cost *c, const struct search_work *work, uint64_t took_ns)
{
    enum index_way most = INDEX_SCAN;
    for (enum index_way way = 0; way < INDEX_WAYS; way++)
        most = work->ns[way] > work->ns[most] ? way : most;
    const double own_ns = work->ns[most] * factor_of(c, most), all_ns = index_cost_ns(c, work);
    const double took = (double)took_ns - (all_ns - own_ns);
    if (work->ns[most] > 0 && own_ns > LARGER_PART * all_ns && took > 0)
        note(c, most, took / work->ns[most]);
}

void index_cost_note_tested(struct index_cost *c, bool again)
{
    c->retried += ((double)again - c->retried) / MEAN_OF;
}
