/* codes_fill.c -- many rows coded at once, in shares.
 *
 * A batch is 64 pieces of some rows; which of them are done is a word, kept when a pause ends the
 * work. Rows are counted by the batch, so a reader never meets one that is not written. */
#include "vectors/codes/codes_internal.h"

#include "base/memory.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PIECES      64
#define PIECE_BYTES (32 * 1024) /* of vectors: some 10 us */

struct job {
    struct codes *codes;
    const struct rows *vectors;
    uint32_t from, to, piece_rows;
    uint8_t *work; /* of all shares */
    size_t work_bytes;
    uint32_t *outliers;             /* [OUTLIERS_MAX]: each place is written by one share */
    _Atomic uint32_t next, clipped; /* counters; nothing is published by them */
    _Atomic uint64_t filled;        /* pieces that are done; read when all shares have returned */
};

static void encode_piece(struct job *job, uint32_t piece, void *work)
{
    const uint32_t from = job->from + piece * job->piece_rows;
    for (uint32_t row = from; row < job->to && row < from + job->piece_rows; row++) {
        if (!codes_encode(job->codes, row, rows_at(job->vectors, row), work))
            continue;
        const uint32_t at = atomic_fetch_add_explicit(&job->clipped, 1, memory_order_relaxed);
        if (at < OUTLIERS_MAX)
            job->outliers[at] = row;
    }
}

static int fill_share(void *arg, unsigned share, const struct pause *pause)
{
    struct job *job = arg;
    void *work = job->work ? job->work + share * job->work_bytes : NULL;
    for (;;) {
        uint32_t piece = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
        if (piece >= PIECES || piece >= (job->to - job->from + job->piece_rows - 1) / job->piece_rows)
            return 0;
        const uint64_t bit = (uint64_t)1 << piece;
        if (atomic_load_explicit(&job->filled, memory_order_relaxed) & bit)
            continue;
        encode_piece(job, piece, work);
        atomic_fetch_or_explicit(&job->filled, bit, memory_order_relaxed);
        int rc = pause_here(pause);
        if (rc != 0)
            return rc;
    }
}

static int ascending(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Which shares found which outliers is chance; the list is not. One that is too long
 * would not be all of them. */
static void take_outliers(struct codes *c, uint32_t clipped)
{
    c->clipped = clipped;
    c->outlier_count = clipped <= OUTLIERS_MAX ? clipped : 0;
    qsort(c->outliers, c->outlier_count, sizeof(*c->outliers), ascending);
}

static int fill_batch(struct codes *c, struct job *job, const struct workers *workers, const struct pause *pause)
{
    int rc = codes_reserve(c, job->to);
    if (rc < 0)
        return rc;
    atomic_init(&job->next, 0);
    atomic_init(&job->clipped, c->clipped);
    atomic_init(&job->filled, c->filled);
    rc = workers_run(workers, fill_share, job, pause);
    take_outliers(c, job->clipped);
    c->filled = job->filled;
    if (rc == 0) {
        c->count = job->to;
        c->filled = 0;
    }
    return rc;
}

int codes_fill(struct codes *c, const struct rows *vectors, uint32_t count, const struct workers *workers,
               const struct pause *pause)
{
    struct job job = {
        .codes = c, .vectors = vectors, .piece_rows = PIECE_BYTES / (c->dim * (uint32_t)sizeof(float)) + 1};
    job.work_bytes = c->ops->work_bytes ? (c->ops->work_bytes(c->dim) + 63) & ~(size_t)63 : 0;
    if (job.work_bytes) {
        job.work = memory_aligned(job.work_bytes * workers_shares(workers));
        if (!job.work)
            return -ENOMEM;
    }
    int rc = codes_reserve_outliers(c);
    job.outliers = c->outliers;
    while (rc == 0 && c->count < count) {
        const uint32_t batch = PIECES * job.piece_rows;
        job.from = c->count;
        job.to = count - c->count < batch ? count : c->count + batch;
        rc = fill_batch(c, &job, workers, pause);
    }
    memory_free(job.work);
    if (rc == 0 && c->outlier_count == 0) {
        memory_free(c->outliers);
        c->outliers = NULL;
    }
    return rc;
}
