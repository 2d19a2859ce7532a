/* spec.c -- checks what a user says about a vector. Whether the server implements it is checked
 * by columns/schema.h. */
#include "vectors/spec.h"

#include <ctype.h>
#include <string.h>

static const char *const types[] = {
    [VECTOR_F32] = "f32", [VECTOR_F16] = "f16",       [VECTOR_BF16] = "bf16",     [VECTOR_I8] = "i8",
    [VECTOR_U8] = "u8",   [VECTOR_BINARY] = "binary", [VECTOR_SPARSE] = "sparse",
};

const char *vector_type_name(enum vector_type type)
{
    return (size_t)type < ARRAY_LEN(types) ? types[type] : NULL;
}

static int name_check(const char *name, struct error *error)
{
    const size_t n = strnlen(name, VECTOR_NAME_MAX);
    if (n == VECTOR_NAME_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT, "a vector's name has at most %d characters; this one has more",
                         VECTOR_NAME_MAX - 1);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
            return error_set(error, ERROR_INVALID_ARGUMENT,
                             "a vector's name is made of letters, digits, '.', '_' and '-'; character %zu is none of "
                             "them",
                             i + 1);
    return 0;
}

int vector_spec_check(const struct vector_spec *v, struct error *error)
{
    int rc = name_check(v->name, error);
    if (rc < 0)
        return rc;
    if (!vector_type_name(v->type))
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "vector type %d is unknown; it is f32, f16, bf16, i8, u8, binary or sparse", (int)v->type);
    if (v->type == VECTOR_SPARSE && v->dim != 0)
        return error_set(error, ERROR_INVALID_ARGUMENT, "dim is %u; a sparse vector has none: leave it out", v->dim);
    if (v->type != VECTOR_SPARSE && (v->dim < 1 || v->dim > DIM_MAX))
        return error_set(error, ERROR_INVALID_ARGUMENT, "dim is %u; it must be 1 to %d", v->dim, DIM_MAX);
    if (v->metric < METRIC_L2 || v->metric > METRIC_COSINE)
        return error_set(error, ERROR_INVALID_ARGUMENT, "metric %d is unknown; it is l2, ip or cosine", (int)v->metric);
    return 0;
}
