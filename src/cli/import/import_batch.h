/* import_batch.h -- internal to the importer: batches of rows that are kept until they are
 * acknowledged, and the pieces in which they are sent. */
#pragma once

#include "cli/import/vector_file.h"

struct import_batch {
    size_t count, pieces; /* pieces: the batch is freed when none is left */
    uint32_t dim;
    bool own_ids; /* the source gives ids; else start_id plus the row number */
    float *vectors;
    struct kith_id *ids;
    uint64_t *rows, *lines; /* position in the source */
    const char **payloads;  /* NULL: no payloads */
    uint32_t *payload_sizes;
    char *payload_bytes;
};

/* Consecutive rows of one batch, sent as one request; at first the whole batch. */
struct import_piece {
    struct import_piece *next;
    struct import_batch *batch;
    size_t first, count;
    int64_t request; /* request id while in flight */
    unsigned pauses; /* number of pauses of the import when it was sent */
    /* part of a piece that was refused for its size after this number of pauses, plus 1; 0: not
     * such a part */
    unsigned cut_at;
};

/* A copy of b as one piece; NULL without memory. */
struct import_piece *import_piece_create(const struct vector_batch *b, uint32_t dim, uint64_t start_id);
/* Halves p: p keeps the first rows, and the rest is returned; NULL without memory. */
struct import_piece *import_piece_split(struct import_piece *p);
uint64_t import_piece_row(const struct import_piece *p); /* number of its first row in the source */
size_t import_piece_bytes(const struct import_piece *p); /* of vectors and payloads */
void import_piece_destroy(struct import_piece *p);       /* frees the batch with its last piece */
struct kith_points import_piece_points(const struct import_piece *p);
