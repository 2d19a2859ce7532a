/* field_spec.c -- checks the path and the kind of a field. */
#include "base/text/utf8.h"
#include "columns/column.h"

#include <string.h>

static int path_check(const char *path, struct error *error)
{
    const size_t n = strnlen(path, FIELD_PATH_MAX);
    if (n == 0 || n == FIELD_PATH_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT, "the path of a field has 1 to %d bytes, this one has %zu%s",
                         FIELD_PATH_MAX - 1, n, n ? " or more" : "");
    if (!utf8_is_valid(path, n))
        return error_set(error, ERROR_INVALID_ARGUMENT, "the path of a field is not UTF-8");
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)path[i] < ' ' || path[i] == 0x7f)
            return error_set(error, ERROR_INVALID_ARGUMENT, "byte %zu of the path of a field is a control character",
                             i + 1);
    if (path[0] == '.' || path[n - 1] == '.' || strstr(path, ".."))
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "the path '%s' has an empty key; it is keys with one dot between them, as in address.city",
                         path);
    return 0;
}

int field_spec_check(const struct field_spec *f, struct error *error)
{
    int rc = path_check(f->path, error);
    if (rc < 0)
        return rc;
    if (!column_kind_of(f->kind))
        return error_set(error, ERROR_INVALID_ARGUMENT, "field kind %u of field '%s' is unknown; known: %s", f->kind,
                         f->path, column_kind_names());
    return 0;
}
