/* advance.c -- bringing an index up to its rows: codes first, since coded rows are cheap to scan, then the graph.
 *
 * Codes are trained on what rows there are, and again when there are twice as many, or when many no longer fit. New codes
 * are made beside the old ones, at whatever pace the pauses allow, and swapped in whole; the links stay as they are. */
#include "index/hnsw_builder.h"
#include "index/segment_index_impl.h"

#include <errno.h>

#define SAMPLE_MAX       32768 /* rows trained on */
#define RETRAIN_ROWS_MAX 65536 /* trained on so many, twice as many say nothing new */
#define BYTES_PER_PAUSE  (64 * 1024)
#define REPAIR_SHARE     8 /* flood the graph when a share of 1 in so many rows is new */

static bool outgrown(const struct segment_index *x)
{
    const struct codes *c = &x->codes;
    if (c->count == 0)
        return true;
    if (c->sq8.lossless && c->misfits == 0)
        return false;
    if (c->count >= 2 * (uint64_t)c->trained_rows && c->trained_rows < RETRAIN_ROWS_MAX)
        return true;
    return c->misfits > 64 && c->misfits > c->count / 16 && c->count > c->trained_rows + c->trained_rows / 4;
}

static void retrain_stop(struct segment_index *x)
{
    codes_fini(&x->next);
    sq8_sample_fini(&x->sample);
    x->retrain = RETRAIN_IDLE;
}

static int retrain_start(struct segment_index *x, uint32_t count)
{
    int rc = sq8_sample_init(&x->sample, x->dim);
    if (rc == 0)
        rc = codes_init(&x->next, CODE_SQ8, 0, x->metric, x->dim);
    if (rc < 0) {
        retrain_stop(x);
        return rc;
    }
    x->sample_next = 0;
    x->sample_rows = count;
    x->retrain = RETRAIN_SAMPLING;
    return 0;
}

static int retrain_sample(struct segment_index *x, const struct rows *vectors, const struct pause *pause)
{
    uint32_t step = x->sample_rows / SAMPLE_MAX + 1, pending = 0;
    while (x->sample_next < x->sample_rows) {
        sq8_sample_add(&x->sample, rows_at(vectors, x->sample_next), x->dim);
        x->sample_next += step;
        pending += x->dim * (uint32_t)sizeof(float) * 4; /* four times the work of encoding */
        if (pending >= BYTES_PER_PAUSE) {
            pending = 0;
            int rc = pause_here(pause);
            if (rc != 0)
                return rc;
        }
    }
    const struct codes_training training = {&x->sample, vectors, x->sample_rows, pause};
    int rc = codes_train(&x->next, &training);
    if (rc != 0)
        return rc;
    x->next.trained_rows = x->sample_rows;
    sq8_sample_fini(&x->sample);
    x->retrain = RETRAIN_ENCODING;
    return 0;
}

static int encode(struct segment_index *x, struct codes *codes, const struct rows *vectors, uint32_t count,
                  const struct pause *pause)
{
    uint32_t pending = 0;
    while (codes->count < count) {
        int rc = codes_append(codes, rows_at(vectors, codes->count));
        if (rc < 0)
            return rc;
        pending += x->dim * (uint32_t)sizeof(float);
        if (pending >= BYTES_PER_PAUSE) {
            pending = 0;
            rc = pause_here(pause);
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

/* Makes new codes for all rows and puts them in place of the old. */
static int retrain(struct segment_index *x, const struct rows *vectors, uint32_t count, const struct pause *pause)
{
    int rc = x->retrain == RETRAIN_IDLE ? retrain_start(x, count) : 0;
    if (rc == 0 && x->retrain == RETRAIN_SAMPLING)
        rc = retrain_sample(x, vectors, pause);
    if (rc == 0)
        rc = encode(x, &x->next, vectors, count, pause);
    if (rc == -ENOMEM)
        retrain_stop(x);
    if (rc != 0)
        return rc;
    struct codes old = x->codes;
    x->codes = x->next;
    x->next = (struct codes){0};
    x->epoch++;
    if (x->builder)
        hnsw_round_drop(x->builder);
    codes_fini(&old);
    retrain_stop(x);
    return 0;
}

static int build(struct segment_index *x, uint32_t count, const struct crew *crew, const struct pause *pause)
{
    if (!x->builder) {
        x->builder = hnsw_builder_create(&x->graph, &x->codes);
        if (!x->builder)
            return -ENOMEM;
    }
    int rc = hnsw_build(&x->graph, x->builder, &x->codes, count, crew, pause);
    if (rc != 0)
        return rc;
    if (x->builder->changes > x->graph.count / REPAIR_SHARE)
        return hnsw_repair(&x->graph, x->builder, &x->codes, pause);
    return 0;
}

int segment_index_advance(struct segment_index *x, const struct rows *vectors, uint32_t count,
                          const struct pause *pause)
{
    return segment_index_build(x, vectors, count, NULL, pause);
}

int segment_index_build(struct segment_index *x, const struct rows *vectors, uint32_t count, const struct crew *crew,
                        const struct pause *pause)
{
    if (x->sealed)
        return count <= x->graph.count ? 0 : -EINVAL;
    if (count > ROWS_MAX)
        return -EINVAL;
    int rc = 0;
    if (x->codes.count > 0)
        rc = encode(x, &x->codes, vectors, count, pause);
    if (rc == 0 && count > 0 && (x->retrain != RETRAIN_IDLE || outgrown(x)))
        rc = retrain(x, vectors, count > x->codes.count ? count : x->codes.count, pause);
    return rc == 0 ? build(x, count, crew, pause) : rc;
}
