/* import_batch.h -- inside the importer: rows kept until they are acknowledged, and the
 * pieces they are sent in. */
#pragma once

#include "cli/import/vector_file.h"

struct import_batch {
    size_t count, pieces; /* freed when no piece is left */
    uint32_t dim;
    bool own_ids; /* of the source; else the row's number gives the id */
    float *vectors;
    struct kith_id *ids;
    uint64_t *rows, *lines; /* where they are in the source */
    const char **payloads;  /* NULL: none */
    uint32_t *payload_sizes;
    char *payload_bytes;
};

/* A run of rows of one batch that is one request; at first the whole batch. */
struct import_piece {
    struct import_piece *next;
    struct import_batch *batch;
    size_t first, count;
    int64_t request; /* in flight under this id */
    unsigned pauses; /* that the import had made when it was sent */
    /* it is part of a piece that found no room after so many pauses, plus 1; 0: of none */
    unsigned cut_at;
};

/* A copy of b as one piece; NULL when there is no memory. */
struct import_piece *import_piece_create(const struct vector_batch *b, uint32_t dim, uint64_t start_id);
/* Halves p: p keeps the first rows, the rest is returned; NULL when there is no memory. */
struct import_piece *import_piece_split(struct import_piece *p);
uint64_t import_piece_row(const struct import_piece *p); /* its first row in the source */
size_t import_piece_bytes(const struct import_piece *p); /* of vectors and payloads */
void import_piece_destroy(struct import_piece *p);       /* and its batch with the last one */
struct kith_points import_piece_points(const struct import_piece *p);
