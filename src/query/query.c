/* query.c -- checks the bounds of a query that are the same for every collection. */
#include "query/query.h"

#include <errno.h>
#include <inttypes.h>

const char *const fan_out_names[FAN_OUT_COUNT] = {"auto", "1", "all", NULL};

static int effort_check(const struct query_effort *f, struct error *e)
{
    if (f->ef > QUERY_EF_MAX)
        return error_set(e, ERROR_INVALID_ARGUMENT, "ef is %u; it must be at most %d (0: chosen by the server)", f->ef,
                         QUERY_EF_MAX);
    if (f->recall != 0 && !(f->recall > 0 && f->recall <= 1))
        return error_set(e, ERROR_INVALID_ARGUMENT,
                         "recall is %g; it must be above 0 and at most 1, which is exact (0: as the server is set)",
                         (double)f->recall);
    if (f->refine_k != 0 && !(f->refine_k >= 1 && f->refine_k <= QUERY_REFINE_K_MAX))
        return error_set(e, ERROR_INVALID_ARGUMENT, "refine_k is %g; it must be 1 to %d (0: as the collection says)",
                         (double)f->refine_k, QUERY_REFINE_K_MAX);
    return 0;
}

int query_check(const struct query *q, struct error *e)
{
    if (q->k == 0 || q->k > QUERY_K_MAX)
        return error_set(e, ERROR_INVALID_ARGUMENT, "k is %u; it must be 1 to %d", q->k, QUERY_K_MAX);
    if (q->offset > QUERY_K_MAX - q->k)
        return error_set(e, ERROR_INVALID_ARGUMENT, "offset %u and k %u: together they may be at most %d", q->offset,
                         q->k, QUERY_K_MAX);
    int rc = effort_check(&q->effort, e);
    if (rc < 0)
        return rc;
    if ((unsigned)q->fan_out >= FAN_OUT_COUNT)
        return error_set(e, ERROR_INVALID_ARGUMENT,
                         "fan_out %d is not known; there are 1 (auto), 2 (one core) and 3 (all cores), or 0: as the "
                         "server is set",
                         (int)q->fan_out);
    return 0;
}
