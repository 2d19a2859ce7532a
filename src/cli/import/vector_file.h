/* vector_file.h -- rows of vectors from the files people have, as f32, batch after batch.
 *
 *   .npy               NumPy: bools, integers of 1 to 8 bytes, f2, f4, f8; row i of the array is
 *                      row i
 *   .fvecs .bvecs .ivecs  TexMex: each row a 32-bit dimension and that many f32, u8 or i32
 *   .jsonl             a JSON object a line: {"id": 7 or "a UUID", "vector": [...], "payload": any
 *                      value}; payload may be
 *                      missing, and is kept as it is written; blank lines are no rows, and a line
 *                      with any other key is rejected
 *
 * Each may be packed with gzip (any name ending in .gz). Rows count from 0. A row that cannot be a
 * point (wrong dimension, a NaN, bad JSON, no id) is rejected with a reason and the others go on; a
 * file that cannot be read at all is an error. */
#pragma once

#include "base/error.h"
#include "cli/import/npy.h"

#include <kith/kith.h>
#include <stdbool.h>
#include <stdint.h>

struct vector_file;

/* path "-" is standard input, format NULL is told by the name's end ("npy", "fvecs", "bvecs",
 * "ivecs" or "jsonl" otherwise). dim 0: as the file says (the first good line of a .jsonl). A file
 * of another dimension is refused, in a .jsonl a row is. */
int vector_file_open(const char *path, const char *format, uint32_t dim, struct vector_file **ret, struct error *e);
void vector_file_close(struct vector_file *f);

uint32_t vector_file_dim(const struct vector_file *f);
bool vector_file_has_ids(const struct vector_file *f); /* .jsonl */
/* false: not known before the end */
bool vector_file_rows(const struct vector_file *f, uint64_t *ret);
double vector_file_progress(const struct vector_file *f); /* 0..1, by bytes read */
/* a batch ends when its payloads are larger */
void vector_file_texts_bound(struct vector_file *f, size_t bytes);
/* the next batch begins at row */
int vector_file_seek(struct vector_file *f, uint64_t row, struct error *e);

struct vector_reject {
    uint64_t row, line; /* line: of a .jsonl, as editors count, from 1; else 0 */
    const char *reason;
};

/* Everything in it is lent until the next call. */
struct vector_batch {
    uint64_t row_first, row_end; /* rows [row_first, row_end) of the file were read for it */
    size_t count;                /* good ones */
    float *vectors;              /* count x dim */
    const uint64_t *rows;        /* where each was in the file, */
    const uint64_t *lines;       /* and in which line; 0 as above, NULL: none has any */
    const struct kith_id *ids;   /* NULL when the file has none */
    const char *const *payloads; /* JSON text as it is written, ending with 0; "" for none; NULL when no row has one */
    const uint32_t *payload_sizes;
    size_t reject_count;
    const struct vector_reject *rejects;
};

/* Reads up to rows_max rows. Returns 1 with *ret filled (perhaps with nothing but rejects), 0 at
 * the end, or a negative errno. */
int vector_file_next(struct vector_file *f, size_t rows_max, struct vector_batch *ret, struct error *e);
