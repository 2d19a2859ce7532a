/* hnsw_advance.c -- the order of the steps of a build, as the index kind takes them: links for
 * new rows, repairs on the way, the last form. */
#include "index/hnsw/build/hnsw_builder.h"
#include "index/hnsw/hnsw_index.h"
#include "index/hnsw/intrinsic_dimension.h"

#include <errno.h>

#define REPAIR_SHARE 8   /* repair the graph when 1 in so many rows is new, */
#define WATCH_SHARE  64  /* and search for rows by their own vectors when 1 in so many is */
#define FIT_ROWS_MIN 512 /* fewer rows say little about the data */

/* Before the first row is linked, chooses the number of links by the intrinsic
 * dimension of the rows. */
static int fit_graph(struct hnsw_index *x, const struct index_job *job)
{
    const struct index_host *host = x->base.host;
    uint32_t looked_at;
    const bool is_open = host->options->open & OPEN_M && x->intrinsic_dimension == 0 && x->graph.count == 0 &&
                         job->total >= FIT_ROWS_MIN;
    int rc = is_open ? intrinsic_dimension_measure(job->vectors, job->total, host->dim, job->pause,
                                                   &x->intrinsic_dimension, &looked_at)
                     : 0;
    if (rc != 0 || !is_open)
        return rc;
    hnsw_options_fit(host->options, x->intrinsic_dimension, looked_at, host->dim);
    hnsw_fini(&x->graph);
    hnsw_init(&x->graph, host->options);
    x->graph.copies = host->copies;
    return 0;
}

static int begin(struct hnsw_index *x, const struct index_job *job)
{
    const int rc = fit_graph(x, job);
    if (rc != 0)
        return rc;
    x->builder = hnsw_builder_create(&x->graph, x->base.host->codes);
    if (!x->builder)
        return -ENOMEM;
    x->builder->copies = x->base.host->copies;
    x->builder->alive = x->base.host->alive;
    return 0;
}

int hnsw_index_build(struct index *base, const struct index_job *job)
{
    struct hnsw_index *x = hnsw_index_of(base);
    const struct codes *codes = base->host->codes;
    struct hnsw *g = &x->graph;
    int rc = x->builder ? 0 : begin(x, job);
    if (rc == 0)
        rc = hnsw_build(g, x->builder, codes, job->count, job->workers, job->pause);
    if (rc != 0)
        return rc;
    const struct reach_search search = {g, codes, job->vectors};
    const bool repairs = x->builder->changes > g->count / REPAIR_SHARE;
    const bool watches = g->count - x->builder->watched > g->count / WATCH_SHARE;
    if (repairs)
        rc = hnsw_repair(g, x->builder, codes, job->pause);
    if (rc == 0 && job->is_fed && watches) /* not when no search comes before finish() */
        rc = hnsw_reach(g, x->builder, &search, REACH_DUE, job->workers, job->pause);
    return rc;
}

void hnsw_index_codes_changed(struct index *base)
{
    struct hnsw_index *x = hnsw_index_of(base);
    if (x->builder)
        hnsw_builder_codes_changed(x->builder, base->host->codes);
}

/* Changed links may have cut off a row, so a repair follows. */
int hnsw_index_finish(struct index *base, const struct index_job *job)
{
    struct hnsw_index *x = hnsw_index_of(base);
    const struct codes *codes = base->host->codes;
    if (!x->builder)
        return 0;
    int rc = hnsw_final_prune(&x->graph, x->builder, codes, job->workers, job->pause);
    return rc == 0 && x->builder->changes > 0 ? hnsw_repair(&x->graph, x->builder, codes, job->pause) : rc;
}

int hnsw_index_reach(struct index *base, const struct index_job *job, const struct codes *codes,
                     struct index_reach **ret)
{
    struct hnsw_index *x = hnsw_index_of(base);
    const struct reach_search search = {&x->graph, codes, job->vectors};
    *ret = NULL;
    if (!x->builder)
        return 0;
    *ret = &x->builder->reach;
    return hnsw_reach(&x->graph, x->builder, &search, REACH_ALL, job->workers, job->pause);
}
