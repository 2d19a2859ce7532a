/* vector_file.c -- reads all binary formats with the same code: a fixed number of bytes for each
 * row from a fixed offset on. vector_json.c reads JSON lines. */
#include "cli/import/vector_format.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct vector_file *f, struct error *e)
{
    return error_set(e, ERROR_RESOURCE_EXHAUSTED, "no memory to read %s", f->path);
}

int vector_file_reject(struct vector_file *f, struct error *e, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    const char *reason = arena_copy(&f->texts, text, strlen(text));
    if (!reason)
        return no_memory(f, e);
    f->rejects[f->reject_count++] = (struct vector_reject){f->row, f->lines, reason};
    return 0;
}

void vector_file_accept(struct vector_file *f)
{
    f->row_numbers[f->count] = f->row;
    f->line_numbers[f->count++] = f->lines;
}

/* Whether the name, without ".gz", ends in `end`. */
static bool name_ends(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    if (n > 3 && strcmp(path + n - 3, ".gz") == 0)
        n -= 3;
    return n >= m && strncmp(path + n - m, end, m) == 0;
}

static uint64_t row_bytes(const struct vector_file *f)
{
    return f->head_bytes + (uint64_t)f->dim * element_bytes(f->type);
}

static int npy_open(struct vector_file *f, struct error *e)
{
    struct npy_header h;
    int rc = npy_header_read(f->stream, f->path, &h, e);
    if (rc < 0)
        return rc;
    if (h.columns == 0 || h.columns > VECTOR_DIM_MAX)
        return error_set(e, ERROR_INVALID_ARGUMENT, "%s has rows of %llu number%s", f->path,
                         (unsigned long long)h.columns, plural(h.columns));
    f->type = h.type;
    f->dim = (uint32_t)h.columns;
    f->rows = h.rows;
    f->rows_known = true;
    f->data_offset = h.data_offset;
    byte_stream_go_on(f->stream);
    return 0;
}

static int vecs_open(struct vector_file *f, enum element_type type, struct error *e)
{
    uint32_t dim = 0;
    size_t got;
    int rc = byte_stream_read(f->stream, &dim, sizeof(dim), &got, e);
    if (rc < 0)
        return rc;
    if (got < sizeof(dim) || dim == 0 || dim > VECTOR_DIM_MAX)
        return error_set(e, ERROR_INVALID_ARGUMENT, "%s does not begin with a dimension", f->path);
    f->type = type;
    f->dim = dim;
    f->head_bytes = sizeof(dim);
    /* an incomplete last row counts, and is an error when it is read */
    if (byte_stream_size_known(f->stream)) {
        f->rows = (byte_stream_file_bytes(f->stream) + row_bytes(f) - 1) / row_bytes(f);
        f->rows_known = true;
    }
    byte_stream_rewind(f->stream);
    return 0;
}

/* Reads a line into f->line, without a byte order mark in the first line, which programs on Windows
 * write. */
static int line_read(struct vector_file *f, struct error *e)
{
    static const char mark[] = "\xef\xbb\xbf";
    struct error why = {0};
    const uint64_t line = f->lines + 1;
    int rc = byte_stream_line(f->stream, &f->line, VECTOR_LINE_BYTES_MAX, &why);
    if (rc < 0)
        return error_set(e, why.code, "line %llu: %s", (unsigned long long)line, why.text);
    f->lines += rc > 0;
    if (rc == 0 || line > 1 || f->line.size < 2)
        return rc;
    const char *text = (const char *)f->line.bytes;
    if (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)
        return error_set(e, ERROR_INVALID_ARGUMENT, "%s is UTF-16: save it as UTF-8", f->path);
    if (f->line.size >= 3 && memcmp(text, mark, 3) == 0) {
        f->line.size -= 3;
        memmove(f->line.bytes, f->line.bytes + 3, f->line.size + 1);
    }
    return rc;
}

/* Reads the next line that is not blank. 1, 0 at the end, or negative. */
static int row_line_read(struct vector_file *f, struct error *e)
{
    int rc;
    do
        rc = line_read(f, e);
    while (rc > 0 && strspn((const char *)f->line.bytes, " \t\r") == f->line.size);
    return rc;
}

/* Whether the first line that is not blank begins an array, which means that the whole file is
 * one. */
static bool is_array(const struct vector_file *f)
{
    const char *text = (const char *)f->line.bytes;
    return text[strspn(text, " \t\r")] == '[';
}

static int json_open(struct vector_file *f, uint32_t dim, struct error *e)
{
    f->json = true;
    f->dim = dim;
    int rc = row_line_read(f, e);
    if (rc > 0 && is_array(f))
        return error_set(e, ERROR_INVALID_ARGUMENT,
                         "%s is a JSON array, but each line must be an object, {\"id\":1,\"vector\":[...]}: "
                         "jq -c '.[]' makes such lines of an array of objects",
                         f->path);
    for (; rc > 0 && f->dim == 0; rc = f->dim == 0 ? row_line_read(f, e) : rc)
        f->dim = vector_json_dim(f);
    if (rc < 0)
        return rc;
    if (f->dim == 0)
        return error_set(e, ERROR_INVALID_ARGUMENT, f->lines == 0 ? "%s is empty" : "%s has no line with a \"vector\"",
                         f->path);
    f->lines = 0;
    byte_stream_rewind(f->stream);
    return 0;
}

enum format_kind { FORMAT_NPY, FORMAT_VECS, FORMAT_JSON };

static const struct format {
    const char *ending; /* the format's name is this without '.' */
    enum format_kind kind;
    enum element_type type; /* for FORMAT_VECS */
} formats[] = {
    {".npy", FORMAT_NPY, 0},
    {".fvecs", FORMAT_VECS, ELEMENT_F32},
    {".bvecs", FORMAT_VECS, ELEMENT_U8},
    {".ivecs", FORMAT_VECS, ELEMENT_I32},
    {".jsonl", FORMAT_JSON, 0},
    {".ndjson", FORMAT_JSON, 0},
};

static const struct format *format_find(const char *path, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (name ? strcmp(name, formats[i].ending + 1) == 0 : name_ends(path, formats[i].ending))
            return &formats[i];
    return NULL;
}

static int format_open(struct vector_file *f, const struct format *format, uint32_t dim, struct error *e)
{
    int rc = format->kind == FORMAT_NPY    ? npy_open(f, e)
             : format->kind == FORMAT_VECS ? vecs_open(f, format->type, e)
                                           : json_open(f, dim, e);
    if (rc == 0 && dim != 0 && f->dim != dim)
        rc = error_set(e, ERROR_INVALID_ARGUMENT, "%s has vectors of %u dimension%s, but %u are needed", f->path,
                       f->dim, plural(f->dim), dim);
    return rc;
}

int vector_file_open(const char *path, const char *format_name, uint32_t dim, struct vector_file **ret, struct error *e)
{
    *ret = NULL;
    const struct format *format = format_find(path, format_name);
    if (!format && format_name)
        return error_set(e, ERROR_INVALID_ARGUMENT, "a format is npy, fvecs, bvecs, ivecs or jsonl, not '%s'",
                         format_name);
    if (!format && strcmp(path, "-") == 0)
        return error_set(e, ERROR_INVALID_ARGUMENT,
                         "standard input has no name that shows its format: give --format npy, fvecs, bvecs, ivecs or "
                         "jsonl");
    if (!format)
        return error_set(e, ERROR_INVALID_ARGUMENT,
                         "%s: the name should end in .npy, .fvecs, .bvecs, .ivecs or .jsonl (or one of these and .gz); "
                         "kith import takes other names with --format",
                         path);
    struct vector_file *f = calloc(1, sizeof(*f));
    if (!f)
        return error_set(e, ERROR_RESOURCE_EXHAUSTED, "no memory to read %s", path);
    f->path = strdup(strcmp(path, "-") == 0 ? "standard input" : path);
    f->text_bytes_max = SIZE_MAX;
    int rc = f->path ? byte_stream_open(path, &f->stream, e)
                     : error_set(e, ERROR_RESOURCE_EXHAUSTED, "no memory to read %s", path);
    if (rc == 0 && format->kind != FORMAT_JSON && byte_stream_size_known(f->stream) &&
        byte_stream_file_bytes(f->stream) == 0)
        rc = error_set(e, ERROR_INVALID_ARGUMENT, "%s is empty", f->path);
    if (rc == 0)
        rc = format_open(f, format, dim, e);
    if (rc < 0) {
        vector_file_close(f);
        return rc;
    }
    *ret = f;
    return 0;
}

static void batch_free(struct vector_file *f)
{
    free(f->raw);
    free(f->vectors);
    free(f->row_numbers);
    free(f->line_numbers);
    free(f->ids);
    free(f->payloads);
    free(f->payload_sizes);
    free(f->rejects);
    f->raw = NULL;
    f->vectors = NULL;
    f->row_numbers = f->line_numbers = NULL;
    f->ids = NULL;
    f->payloads = NULL;
    f->payload_sizes = NULL;
    f->rejects = NULL;
    f->capacity = 0;
}

void vector_file_close(struct vector_file *f)
{
    if (!f)
        return;
    batch_free(f);
    arena_fini(&f->texts);
    buffer_fini(&f->line);
    byte_stream_close(f->stream);
    free(f->path);
    free(f);
}

uint32_t vector_file_dim(const struct vector_file *f)
{
    return f->dim;
}

bool vector_file_has_ids(const struct vector_file *f)
{
    return f->json;
}

bool vector_file_rows(const struct vector_file *f, uint64_t *ret)
{
    if (f->rows_known)
        *ret = f->rows;
    return f->rows_known;
}

void vector_file_texts_bound(struct vector_file *f, size_t bytes)
{
    f->text_bytes_max = bytes;
}

double vector_file_progress(const struct vector_file *f)
{
    uint64_t all = byte_stream_file_bytes(f->stream);
    return all == 0 ? 0 : (double)byte_stream_file_position(f->stream) / (double)all;
}

int vector_file_seek(struct vector_file *f, uint64_t row, struct error *e)
{
    if (row == f->row)
        return 0;
    if (!f->json) {
        uint64_t to = f->rows_known && row > f->rows ? f->rows : row;
        f->row = to;
        return byte_stream_seek(f->stream, f->data_offset + to * row_bytes(f), e);
    }
    int rc = 1;
    if (row < f->row) {
        rc = byte_stream_seek(f->stream, 0, e);
        if (rc < 0)
            return rc;
        f->row = f->lines = 0;
        rc = 1;
    }
    for (; f->row < row && rc > 0; f->row += rc > 0)
        rc = row_line_read(f, e);
    return rc < 0 ? rc : 0;
}

static int batch_reserve(struct vector_file *f, size_t rows, struct error *e)
{
    if (rows <= f->capacity)
        return 0;
    batch_free(f);
    f->raw = f->json ? NULL : malloc(rows * row_bytes(f));
    f->vectors = memory_aligned(rows * f->dim * sizeof(float));
    f->row_numbers = malloc(rows * sizeof(*f->row_numbers));
    f->line_numbers = malloc(rows * sizeof(*f->line_numbers));
    f->ids = malloc(rows * sizeof(*f->ids));
    f->payloads = malloc(rows * sizeof(*f->payloads));
    f->payload_sizes = malloc(rows * sizeof(*f->payload_sizes));
    f->rejects = malloc(rows * sizeof(*f->rejects));
    if ((!f->raw && !f->json) || !f->vectors || !f->row_numbers || !f->line_numbers || !f->ids || !f->payloads ||
        !f->payload_sizes || !f->rejects)
        return no_memory(f, e);
    f->capacity = rows;
    return 0;
}

static bool all_finite(const float *x, size_t n)
{
    /* x * 0 is 0 for a finite x and NaN otherwise, so one test serves the whole row */
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * 0;
    return sum == 0;
}

static int binary_row(struct vector_file *f, const uint8_t *raw, struct error *e)
{
    if (f->head_bytes) {
        uint32_t dim;
        memcpy(&dim, raw, sizeof(dim));
        if (dim != f->dim)
            return error_set(e, ERROR_CORRUPT, "row %llu of %s says it has %u dimension%s; the first row has %u",
                             (unsigned long long)f->row, f->path, dim, plural(dim), f->dim);
    }
    float *to = f->vectors + f->count * f->dim;
    element_to_f32(f->type, raw + f->head_bytes, f->dim, to);
    if (!all_finite(to, f->dim))
        return vector_file_reject(f, e, "its vector has a NaN, an infinity, or a number beyond a 32-bit float");
    vector_file_accept(f);
    return 0;
}

static int binary_next(struct vector_file *f, size_t rows_max, struct error *e)
{
    if (f->rows_known && rows_max > f->rows - f->row)
        rows_max = (size_t)(f->rows - f->row);
    size_t got;
    int rc = byte_stream_read(f->stream, f->raw, rows_max * row_bytes(f), &got, e);
    if (rc < 0)
        return rc;
    size_t rows = got / row_bytes(f);
    if (got % row_bytes(f) != 0 || (f->rows_known && rows < rows_max))
        return error_set(e, ERROR_CORRUPT, "%s is cut short: it ends within row %llu", f->path,
                         (unsigned long long)(f->row + rows));
    for (size_t i = 0; i < rows; i++, f->row++) {
        rc = binary_row(f, f->raw + i * row_bytes(f), e);
        if (rc < 0)
            return rc;
    }
    return rows > 0;
}

static int json_next(struct vector_file *f, size_t rows_max, struct error *e)
{
    uint64_t first = f->row;
    while (f->count + f->reject_count < rows_max && f->texts.used <= f->text_bytes_max) {
        int rc = row_line_read(f, e);
        if (rc < 0)
            return rc;
        if (rc == 0)
            break;
        rc = vector_json_row(f, e);
        if (rc < 0)
            return rc;
        f->row++;
    }
    return f->row > first;
}

int vector_file_next(struct vector_file *f, size_t rows_max, struct vector_batch *ret, struct error *e)
{
    int rc = batch_reserve(f, rows_max, e);
    if (rc < 0)
        return rc;
    arena_reset(&f->texts);
    f->count = f->reject_count = 0;
    f->any_payload = false;
    uint64_t first = f->row;
    rc = f->json ? json_next(f, rows_max, e) : binary_next(f, rows_max, e);
    if (rc <= 0)
        return rc;
    *ret = (struct vector_batch){
        .row_first = first,
        .row_end = f->row,
        .count = f->count,
        .vectors = f->vectors,
        .rows = f->row_numbers,
        .lines = f->line_numbers,
        .ids = f->json ? f->ids : NULL,
        .payloads = f->any_payload ? f->payloads : NULL,
        .payload_sizes = f->any_payload ? f->payload_sizes : NULL,
        .reject_count = f->reject_count,
        .rejects = f->rejects,
    };
    return 1;
}
