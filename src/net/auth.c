/* auth.c -- compares rights. No other file does, so that no protocol can miss a case. */
#include "net/auth.h"

#include <stdbool.h>
#include <string.h>

const struct principal principal_admin = {.name = "admin", .everywhere = RIGHT_MANAGE};
const struct principal principal_read_only = {.name = "read-only", .everywhere = RIGHT_READ};
const struct principal principal_anonymous = {.name = "anonymous", .everywhere = RIGHT_NONE};

static const char *const right_names[RIGHTS] = {"none", "read", "write", "manage"};

enum right principal_right(const struct principal *p, const char *collection)
{
    enum right most = p->everywhere;
    for (unsigned i = 0; collection && collection[0] && i < p->grant_count; i++)
        if (strcmp(p->grants[i].collection, collection) == 0 && p->grants[i].right > most)
            most = p->grants[i].right;
    return most;
}

int principal_check(const struct principal *p, enum right needed, const char *operation, const char *collection,
                    struct error *error)
{
    const enum right has = principal_right(p, collection);
    if (has >= needed)
        return 0;
    const bool whole = !collection || !collection[0];
    return error_set(
        error, ERROR_PERMISSION_DENIED,
        "'%.64s' has the right '%s' on %s%.64s%s, but %s needs '%s': ask the operator of the server for it", p->name,
        right_names[has], whole ? "the whole server" : "collection '", whole ? "" : collection, whole ? "" : "'",
        operation, right_names[needed]);
}
