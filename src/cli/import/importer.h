/* importer.h -- points from a source into a collection: many batches in flight, and none lost when
 * the connection breaks.
 *
 * A batch is kept until the server has acknowledged it. When the connection breaks, the
 * importer connects again, waiting longer each time, and sends again what was not acknowledged;
 * an upsert may be repeated, but no earlier one follows it. A batch that the server refuses as
 * wrong is halved until the wrong rows stand alone; those are rejected and the others go in. A
 * batch that is too large for the server's memory is halved, too, and later ones are no larger
 * than what then went in. */
#pragma once

#include "cli/import/vector_file.h"

struct import_source {
    /* As vector_file_next(). */
    int (*next)(void *arg, size_t rows_max, struct vector_batch *ret, struct error *e);
    double (*fraction)(void *arg); /* how much has been read, 0..1 */
    void *arg;
};

struct importer {
    const char *collection;
    struct kith *kith; /* open at the start */
    uint32_t dim;
    size_t batch_rows, in_flight_max;
    uint64_t rows_max; /* 0: all */
    uint64_t start_id; /* sources without ids: id = start_id + row */
    struct import_source source;
    /* Called now and then; progress is in what follows. */
    void (*on_progress)(struct importer *im, double fraction);
    void (*on_reject)(struct importer *im, const struct vector_reject *reject);
    void (*on_trouble)(struct importer *im,
                       /* the connection broke, or nothing has gone in for a while */
                       const char *sentence);
    void *arg;
    /* results */
    uint64_t rows_read, points, rejected, reconnects;
};

/* 0, or a negative errno with the sentence; the results tell how far it came. */
int importer_run(struct importer *im, struct error *e);
