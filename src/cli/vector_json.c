/* Jansson's integers are signed, so an id of 2^63 or more is given as a string; the reason of such a row says so. */
#include "cli/vector_format.h"

#include "base/point_id.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *line_parse(const struct vector_file *f, json_error_t *error)
{
    return json_loadb((const char *)f->line.bytes, f->line.size, JSON_REJECT_DUPLICATES, error);
}

uint32_t vector_json_dim(const struct vector_file *f)
{
    json_error_t error;
    json_t *row = line_parse(f, &error);
    size_t n = json_array_size(json_object_get(row, "vector"));
    json_decref(row);
    return n <= VECTOR_DIM_MAX ? (uint32_t)n : 0;
}

/* NULL when *ret is filled, otherwise why not. */
static const char *id_of(const json_t *row, struct kith_id *ret)
{
    const json_t *id = json_object_get(row, "id");
    struct point_id parsed;
    if (!id)
        return "it has no \"id\"";
    if (json_is_integer(id)) {
        if (json_integer_value(id) < 0)
            return "its \"id\" is negative";
        *ret = (struct kith_id){0, (uint64_t)json_integer_value(id)};
        return NULL;
    }
    if (!json_is_string(id) || point_id_parse(json_string_value(id), &parsed) < 0)
        return "its \"id\" is neither a number nor a UUID";
    *ret = (struct kith_id){parsed.hi, parsed.lo};
    return NULL;
}

/* Fills the vector of the next good row. 1: it is good; 0: the row was rejected. */
static int vector_of(struct vector_file *f, const json_t *row, struct error *e)
{
    const json_t *vector = json_object_get(row, "vector");
    int rc;
    if (!json_is_array(vector)) {
        rc = vector_file_reject(f, e, "it has no \"vector\" that is an array");
        return rc;
    }
    if (json_array_size(vector) != f->dim)
        return vector_file_reject(f, e, "its vector has %zu numbers instead of %u", json_array_size(vector), f->dim);
    float *to = f->vectors + f->count * f->dim;
    for (size_t i = 0; i < f->dim; i++) {
        const json_t *x = json_array_get(vector, i);
        if (!json_is_number(x))
            return vector_file_reject(f, e, "element %zu of its vector is not a number", i);
        to[i] = (float)json_number_value(x);
        if (!isfinite(to[i]))
            return vector_file_reject(f, e, "element %zu of its vector does not fit a 32-bit float", i);
    }
    return 1;
}

/* Likewise for the payload. */
static int payload_of(struct vector_file *f, const json_t *row, struct error *e)
{
    const json_t *payload = json_object_get(row, "payload");
    f->payloads[f->count] = "";
    f->payload_sizes[f->count] = 0;
    if (!payload || json_is_null(payload))
        return 1;
    if (!json_is_object(payload))
        return vector_file_reject(f, e, "its \"payload\" is not an object");
    char *text = json_dumps(payload, JSON_COMPACT);
    if (!text)
        return error_set(e, ERROR_RESOURCE_EXHAUSTED, "no memory for a payload of %s", f->path);
    size_t size = strlen(text);
    char *copy = arena_copy(&f->texts, text, size);
    free(text);
    if (!copy)
        return error_set(e, ERROR_RESOURCE_EXHAUSTED, "no memory for a payload of %s", f->path);
    f->payloads[f->count] = copy;
    f->payload_sizes[f->count] = (uint32_t)size;
    f->any_payload = true;
    return 1;
}

int vector_json_row(struct vector_file *f, struct error *e)
{
    json_error_t error;
    json_t *row = line_parse(f, &error);
    if (!row)
        return vector_file_reject(f, e, "bad JSON at column %d: %s", error.column, error.text);
    int rc;
    const char *why = json_is_object(row) ? id_of(row, &f->ids[f->count]) : "it is not an object";
    if (why)
        rc = vector_file_reject(f, e, "%s", why);
    else
        rc = vector_of(f, row, e);
    if (rc == 1)
        rc = payload_of(f, row, e);
    if (rc == 1)
        f->row_numbers[f->count++] = f->row;
    json_decref(row);
    return rc < 0 ? rc : 0;
}
