#include "compare.h"

#include <string.h>

/* Queries per second: the median, and the bounds of the rounds. */
struct rate {
    double median, low, high;
};

static bool rate_of(const struct result *r, const char *engine, double recall, struct rate *ret)
{
    const struct result_engine *x = result_engine(r, engine);
    const struct result_point *p = x ? result_best(x, recall, 1) : NULL;
    if (!p || !(p->qps > 0))
        return false;
    *ret = (struct rate){.median = p->qps, .low = p->qps_low, .high = p->qps_high};
    if (!(ret->low > 0) || ret->low > ret->median || ret->high < ret->median)
        ret->low = ret->high = ret->median;
    return true;
}

/* The ratio of two rates. The bounds assume the worst of both at once. */
static struct rate divide(struct rate a, struct rate b)
{
    return (struct rate){.median = a.median / b.median, .low = a.low / b.high, .high = a.high / b.low};
}

static bool standing(const struct compare_options *o, const struct result *r, const char *engine, double recall,
                     struct rate *ret)
{
    struct rate unit;
    if (!rate_of(r, engine, recall, ret))
        return false;
    if (o->relative && rate_of(r, o->relative, recall, &unit))
        *ret = divide(*ret, unit);
    return true;
}

enum compare_verdict compare_points(const struct compare_options *o, const struct result *old, const struct result *now,
                                    const char *engine, double recall, double *ret_ratio)
{
    struct rate before, after, unit;
    struct compare_options plain = *o;
    /* Without the reference engine in both files at this recall, the rates are compared
     * directly. */
    if (o->relative && (!rate_of(old, o->relative, recall, &unit) || !rate_of(now, o->relative, recall, &unit)))
        plain.relative = NULL;
    bool was = standing(&plain, old, engine, recall, &before), is = standing(&plain, now, engine, recall, &after);
    *ret_ratio = 0;
    if (!was || !is)
        return was ? COMPARE_LOST : is ? COMPARE_GAINED : COMPARE_SAME;
    *ret_ratio = after.median / before.median;
    if (*ret_ratio < 1 - o->threshold && after.high < before.low)
        return COMPARE_SLOWER;
    if (*ret_ratio > 1 + o->threshold && after.low > before.high)
        return COMPARE_FASTER;
    return COMPARE_SAME;
}

static const char *const verdicts[] = {[COMPARE_SAME] = "same",
                                       [COMPARE_FASTER] = "faster",
                                       [COMPARE_SLOWER] = "SLOWER",
                                       [COMPARE_LOST] = "LOST: the recall is not reached any more",
                                       [COMPARE_GAINED] = "gained: the recall was not reached before"};

static bool engine_compare(const struct compare_options *o, const struct result *old, const struct result *now,
                           const char *engine, double recall, FILE *to, unsigned *compared)
{
    struct rate before = {0}, after = {0};
    double ratio;
    enum compare_verdict verdict = compare_points(o, old, now, engine, recall, &ratio);
    bool was = rate_of(old, engine, recall, &before), is = rate_of(now, engine, recall, &after);
    if (!was && !is)
        return false;
    fprintf(to, "%-22s %-24s >= %.3f  %8.0f -> %8.0f  ", now->data, engine, recall, before.median, after.median);
    if (ratio > 0)
        fprintf(to, "%6.3f", ratio);
    else
        fprintf(to, "%6s", "-");
    fprintf(to, "  %s\n", verdicts[verdict]);
    ++*compared;
    return verdict == COMPARE_SLOWER || verdict == COMPARE_LOST;
}

unsigned compare_results(const struct compare_options *o, const struct results *old, const struct results *now,
                         FILE *to, unsigned *ret_compared)
{
    unsigned worse = 0;
    *ret_compared = 0;
    for (unsigned i = 0; i < now->count; i++) {
        const struct result *is = &now->list[i], *was = results_find(old, is->data);
        for (unsigned j = 0; was && j < is->engine_count; j++) {
            const char *engine = is->engines[j].name;
            if (!result_engine(was, engine) || (o->relative && strcmp(engine, o->relative) == 0))
                continue;
            for (size_t t = 0; t < RESULT_TARGETS; t++)
                worse += engine_compare(o, was, is, engine, result_targets[t], to, ret_compared);
        }
    }
    return worse;
}
