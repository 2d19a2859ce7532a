/* vector_format.h -- internal to vector_file: the struct that its parts share. */
#pragma once

#include "cli/import/vector_file.h"

#define VECTOR_DIM_MAX        (1 << 20) /* a larger one means a broken file */
#define VECTOR_LINE_BYTES_MAX (64 << 20)

struct vector_file {
    struct byte_stream *stream;
    char *path;
    bool json;
    uint32_t dim;
    uint64_t row;   /* number of the next row */
    uint64_t lines; /* lines read so far (.jsonl) */
    bool rows_known;
    uint64_t rows;
    /* binary files: rows of head_bytes and dim elements, from data_offset on */
    enum element_type type;
    uint32_t head_bytes; /* .fvecs and the like: bytes of the dimension before each row */
    uint64_t data_offset;
    uint8_t *raw;
    struct buffer line; /* .jsonl */
    /* the batch: arrays of `capacity` rows */
    size_t capacity;
    float *vectors;
    uint64_t *row_numbers, *line_numbers;
    struct kith_id *ids;
    const char **payloads;
    uint32_t *payload_sizes;
    struct vector_reject *rejects;
    struct arena texts;    /* payloads and reasons of rejections */
    size_t text_bytes_max; /* a batch ends with the row that exceeds this */
    size_t count, reject_count;
    bool any_payload;
};

/* Accepts the vector at [count] as that of row f->row. */
void vector_file_accept(struct vector_file *f);
/* Rejects row f->row with a reason. */
int vector_file_reject(struct vector_file *f, struct error *e, const char *format, ...) PRINTF_LIKE(3, 4);

/* Adds the line in f->line to the batch as row f->row, or rejects it. */
int vector_json_row(struct vector_file *f, struct error *e);
/* The dimension of the vector in f->line; 0 if it has none. */
uint32_t vector_json_dim(const struct vector_file *f);
