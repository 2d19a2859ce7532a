/* vector_file.h -- reads rows of vectors from common file formats, as f32, in batches.
 *
 *     .npy                  NumPy: bools, integers of 1 to 8 bytes, f2, f4, f8; row i of the array
 *     .fvecs .bvecs .ivecs  TexMex: each row is a 32-bit dimension and that many f32, u8 or i32
 *     .jsonl                each line is {"id": 7 or "a UUID", "vector": [...], "payload": any value};
 *                           payload is optional and kept as it is written; blank lines are skipped;
 *                           a line with any other key is rejected
 *
 * Each may be packed with gzip (any name ending in .gz). Rows count from 0. A row that cannot be a
 * point (wrong dimension, a NaN, bad JSON, no id) is rejected with a reason, and reading goes on. A
 * file that cannot be read at all is an error. */
#pragma once

#include "base/error.h"
#include "cli/import/npy.h"

#include <kith/kith.h>
#include <stdbool.h>
#include <stdint.h>

struct vector_file;

/* path "-" is standard input. format is "npy", "fvecs", "bvecs", "ivecs" or "jsonl"; NULL: by the
 * end of the name. dim 0: that of the file (in a .jsonl, of the first valid line). With another dim
 * a binary file is refused, and in a .jsonl each row. */
int vector_file_open(const char *path, const char *format, uint32_t dim, struct vector_file **ret, struct error *e);
void vector_file_close(struct vector_file *f);

uint32_t vector_file_dim(const struct vector_file *f);
bool vector_file_has_ids(const struct vector_file *f); /* true for .jsonl */
/* false: unknown before the end */
bool vector_file_rows(const struct vector_file *f, uint64_t *ret);
double vector_file_progress(const struct vector_file *f); /* 0..1, by bytes read */
/* a batch ends with the row whose payload exceeds this */
void vector_file_texts_bound(struct vector_file *f, size_t bytes);
/* the next batch begins at this row */
int vector_file_seek(struct vector_file *f, uint64_t row, struct error *e);

struct vector_reject {
    uint64_t row, line; /* line: in a .jsonl, counted from 1; else 0 */
    const char *reason;
};

/* All of it is borrowed until the next call. */
struct vector_batch {
    /* rows [row_first, row_end) of the file were read for this batch */
    uint64_t row_first, row_end;
    size_t count;              /* accepted rows */
    float *vectors;            /* count x dim */
    const uint64_t *rows;      /* row of each in the file */
    const uint64_t *lines;     /* line of each; 0 as above; NULL: the file has no lines */
    const struct kith_id *ids; /* NULL when the file has none */
    /* JSON text as it is written, ended by 0; "": no payload; NULL: no row has one */
    const char *const *payloads;
    const uint32_t *payload_sizes;
    size_t reject_count;
    const struct vector_reject *rejects;
};

/* Reads up to rows_max rows. Returns 1 with *ret filled (perhaps only with rejected rows), 0 at the
 * end, or a negative errno. */
int vector_file_next(struct vector_file *f, size_t rows_max, struct vector_batch *ret, struct error *e);
