/* finish.c -- what the sealed file shall hold, made when all rows are linked: the codes that are searched, and the rows
 * that score again. Building needs SQ8 whatever is searched, so these are made beside it, with pauses, and searches
 * go on with what was there. */
#include "index/autoindex.h"
#include "index/hnsw_builder.h"
#include "index/recall_measure.h"
#include "index/segment_index_impl.h"

#include <errno.h>
#include <stdlib.h>

#define SAMPLE_MAX      32768 /* rows trained on */
#define BYTES_PER_PAUSE (64 * 1024)

static int sample_rows(struct sq8_sample *sample, uint32_t dim, const struct rows *vectors, uint32_t count,
                       const struct pause *pause)
{
    const uint32_t step = count / SAMPLE_MAX + 1;
    uint32_t pending = 0;
    for (uint32_t row = 0; row < count; row += step) {
        sq8_sample_add(sample, rows_at(vectors, row), dim);
        pending += dim * (uint32_t)sizeof(float) * 4; /* four times the work of encoding */
        if (pending >= BYTES_PER_PAUSE) {
            pending = 0;
            int rc = pause_here(pause);
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

static int train(struct codes *c, const struct rows *vectors, uint32_t count, const struct crew *crew,
                 const struct pause *pause)
{
    struct sq8_sample sample;
    int rc = sq8_sample_init(&sample, c->dim);
    if (rc < 0)
        return rc;
    rc = sample_rows(&sample, c->dim, vectors, count, pause);
    if (rc == 0)
        rc = codes_train(c, &(struct codes_training){&sample, vectors, count, crew, pause});
    if (rc == 0)
        c->trained_rows = count;
    sq8_sample_fini(&sample);
    return rc;
}

/* Codes of a kind for all rows. Called again after a pause ended it, it goes on with what is missing. */
static int make_codes(const struct segment_index *x, struct codes *c, enum code_kind kind, unsigned bits,
                      const struct rows *vectors, const struct crew *crew, const struct pause *pause)
{
    const uint32_t count = x->graph.count;
    int rc = c->ops ? 0 : codes_init(c, kind, bits, x->metric, x->dim);
    if (rc == 0 && c->trained_rows == 0)
        rc = train(c, vectors, count, crew, pause);
    if (rc == 0)
        rc = codes_fill(c, vectors, count, crew, pause);
    if (rc == 0)
        rc = column_join(&c->rows, count, pause);
    return rc == 0 ? column_join(&c->norms, codes_norm_bytes(c) ? count : 0, pause) : rc;
}

static int resolve(struct segment_index *x, const struct rows *vectors, const struct pause *pause)
{
    struct index_facts facts = {.metric = x->metric, .dim = x->dim, .rows = x->graph.count};
    struct index_why why = {0};
    int rc = index_facts_read(&facts, vectors, pause);
    if (rc == 0) {
        x->resolved = x->options;
        index_options_resolve_codes(&x->resolved, &facts, &why);
        x->is_resolved = true;
    }
    return rc;
}

static enum code_kind refine_code(enum refine_kind kind)
{
    return kind == REFINE_F16 ? CODE_F16 : kind == REFINE_BF16 ? CODE_BF16 : CODE_AUTO;
}

/* The last of the graph. Rows that are linked otherwise than before may have lost the link that reached another one. */
static int settle(struct segment_index *x, const struct crew *crew, const struct pause *pause)
{
    if (!x->builder)
        return 0;
    int rc = hnsw_settle(&x->graph, x->builder, &x->codes, crew, pause);
    return rc == 0 && x->builder->changes > 0 ? hnsw_repair(&x->graph, x->builder, &x->codes, pause) : rc;
}

int segment_index_finish(struct segment_index *x, const struct rows *vectors, const struct crew *crew,
                         const struct pause *pause)
{
    if (x->sealed || x->graph.count != x->codes.count)
        return -EINVAL;
    int rc = settle(x, crew, pause);
    if (rc == 0 && !x->is_resolved)
        rc = resolve(x, vectors, pause);
    if (rc == 0 && x->resolved.code != CODE_SQ8)
        rc = make_codes(x, &x->made, x->resolved.code, x->resolved.code_bits, vectors, crew, pause);
    if (rc == 0 && refine_code(x->resolved.refine) != CODE_AUTO)
        rc = make_codes(x, &x->refine, refine_code(x->resolved.refine), 0, vectors, crew, pause);
    if (rc == 0 && x->resolved.links == LINKS_PACKED && x->packed.shape.max == 0)
        rc = links_packed_make(&x->packed, &x->graph.links, 2 * x->graph.m, x->graph.count, pause);
    if (rc == 0)
        rc = segment_index_join(x, pause);
    return rc == 0 ? recall_measure(x, vectors, crew, pause) : rc;
}

void segment_index_unfinish(struct segment_index *x, const struct index_options *options)
{
    check(!x->sealed);
    codes_fini(&x->made);
    codes_fini(&x->refine);
    links_packed_fini(&x->packed);
    free(x->curve);
    recall_measuring_destroy(x->measuring);
    x->curve = NULL;
    x->measuring = NULL;
    x->is_resolved = false;
    x->options = (struct index_options){.m = x->options.m,
                                        .ef_construct = x->options.ef_construct,
                                        .seed = x->options.seed,
                                        .code = options->code,
                                        .code_bits = options->code_bits,
                                        .refine = options->refine,
                                        .refine_k = options->refine_k,
                                        .links = options->links};
}
