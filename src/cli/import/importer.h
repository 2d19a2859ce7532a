/* importer.h -- puts points from a source into a collection, with many batches in flight, and loses
 * none if the connection breaks.
 *
 * A batch is kept until the server has acknowledged it. When the connection breaks, the importer
 * connects again, after longer and longer pauses, and sends unacknowledged batches again. A
 * repeated upsert is harmless, because an earlier upsert never follows a later one. A batch that
 * the server refuses as invalid is halved until the invalid rows stand alone; those are rejected
 * and the others are stored. A batch that is too large for the server's memory is halved, too, and
 * later batches have at most the size that was accepted. */
#pragma once

#include "cli/import/vector_file.h"

struct import_source {
    /* Like vector_file_next(). */
    int (*next)(void *arg, size_t rows_max, struct vector_batch *ret, struct error *e);
    double (*fraction)(void *arg); /* the share that has been read, 0..1 */
    void *arg;
};

struct importer {
    const char *collection;
    struct kith *kith; /* connected at the start */
    uint32_t dim;
    size_t batch_rows, in_flight_max;
    uint64_t rows_max; /* 0: all */
    uint64_t start_id; /* for sources without ids: id = start_id + row */
    struct import_source source;
    /* Called now and then; the progress is in the results below. */
    void (*on_progress)(struct importer *im, double fraction);
    void (*on_reject)(struct importer *im, const struct vector_reject *reject);
    /* called when the connection broke, or after a time without progress */
    void (*on_trouble)(struct importer *im, const char *sentence);
    void *arg;
    /* results */
    uint64_t rows_read, points, rejected, reconnects;
};

/* 0, or a negative errno with the sentence; the results say how much was done. */
int importer_run(struct importer *im, struct error *e);
