/* vector_format.h -- inside vector_file: what the parts share. */
#pragma once

#include "cli/import/vector_file.h"

#define VECTOR_DIM_MAX        (1 << 20) /* a larger one is a broken file, not a vector */
#define VECTOR_LINE_BYTES_MAX (64 << 20)

struct vector_file {
    struct byte_stream *stream;
    char *path;
    bool json;
    uint32_t dim;
    uint64_t row;   /* the next one */
    uint64_t lines; /* of a .jsonl that were read */
    bool rows_known;
    uint64_t rows;
    /* binary files: rows of head_bytes + dim elements, from data_offset on */
    enum element_type type;
    uint32_t head_bytes; /* .fvecs and so on: the dimension before each row */
    uint64_t data_offset;
    uint8_t *raw;
    struct buffer line; /* .jsonl */
    /* the batch; arrays of `capacity` rows */
    size_t capacity;
    float *vectors;
    uint64_t *row_numbers, *line_numbers;
    struct kith_id *ids;
    const char **payloads;
    uint32_t *payload_sizes;
    struct vector_reject *rejects;
    struct arena texts;    /* payloads and reasons */
    size_t text_bytes_max; /* a batch ends behind the row that goes beyond it */
    size_t count, reject_count;
    bool any_payload;
};

/* The row whose vector is at [count] is the point f->row. */
void vector_file_accept(struct vector_file *f);
/* Notes that f->row is no point. */
int vector_file_reject(struct vector_file *f, struct error *e, const char *format, ...) PRINTF_LIKE(3, 4);

/* Reads the line in f->line as row f->row into the batch, or rejects it. */
int vector_json_row(struct vector_file *f, struct error *e);
/* The dimension of the vector in f->line; 0 when it has none. */
uint32_t vector_json_dim(const struct vector_file *f);
