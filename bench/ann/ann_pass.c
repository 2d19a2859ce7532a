/* ann_pass.c -- one engine, one way of searching, all queries one after the other. Queries per
 * second are counted in CPU time of the thread, which other programs disturb less than wall time.
 * Latencies are wall time, for each query. */
#include "ann/ann.h"
#include "clock.h"

#include <errno.h>
#include <stdlib.h>

/* untimed queries before a pass, because the engine before has filled the caches with its data */
#define WARM_UP 50

int ann_pass_init(struct ann_pass *p, const struct ann_options *o, const struct dataset *d)
{
    *p = (struct ann_pass){.queries = d->query_count,
                           .rows = calloc((size_t)d->query_count * o->k, sizeof(*p->rows)),
                           .counts = calloc(d->query_count, sizeof(*p->counts)),
                           .latency_ns = calloc(d->query_count, sizeof(*p->latency_ns))};
    return p->rows && p->counts && p->latency_ns ? recall_init(&p->recall, d, o->k) : -ENOMEM;
}

void ann_pass_fini(struct ann_pass *p)
{
    recall_fini(&p->recall);
    free(p->rows);
    free(p->counts);
    free(p->latency_ns);
}

int ann_pass_run(struct ann_pass *p, const struct ann_engine *x, const struct dataset *d,
                 const struct result_point *how, uint32_t k, double *ret_qps)
{
    struct peer_search s = {.k = k, .ef = how->ef, .refine_k = how->refine_k};
    for (uint32_t q = 0; q < WARM_UP && q < p->queries; q++)
        if (x->peer->search(x->index, d->queries + (size_t)q * d->dim, &s, p->rows) < 0)
            return -EIO;
    if (how->interleave > 1)
        return ann_lanes_run(p, x, d, how, k, ret_qps);
    uint64_t cpu = clock_thread_cpu_ns(), before = clock_wall_ns();
    for (uint32_t q = 0; q < p->queries; q++) {
        int count = x->peer->search(x->index, d->queries + (size_t)q * d->dim, &s, p->rows + (size_t)q * k);
        if (count < 0)
            return -EIO;
        p->counts[q] = (uint32_t)count;
        uint64_t now = clock_wall_ns();
        p->latency_ns[q] = now - before < UINT32_MAX ? (uint32_t)(now - before) : UINT32_MAX;
        before = now;
    }
    *ret_qps = p->queries * 1e9 / (double)(clock_thread_cpu_ns() - cpu);
    return 0;
}

double ann_pass_recall(const struct ann_pass *p, const struct dataset *d, uint32_t k)
{
    uint64_t found = 0;
    for (uint32_t q = 0; q < p->queries; q++)
        found += recall_count(&p->recall, q, p->rows + (size_t)q * k, p->counts[q]);
    return (double)found / ((double)p->queries * k);
}
