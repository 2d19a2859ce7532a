#include "shards/collection.h"

#include <ctype.h>
#include <string.h>

#define M_DEFAULT            16
#define EF_CONSTRUCT_DEFAULT 100
#define EF_CONSTRUCT_MAX     4096
#define SLOTS_MAX            65536

static int name_check(const char *name, struct error *error)
{
    size_t n = strnlen(name, COLLECTION_NAME_MAX);
    if (n == 0 || n == COLLECTION_NAME_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "a collection's name has 1 to %d characters, this one has %zu%s", COLLECTION_NAME_MAX - 1, n,
                         n ? " or more" : "");
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
            return error_set(
                error, ERROR_INVALID_ARGUMENT,
                "a collection's name is made of letters, digits, '.', '_' and '-'; character %zu is none of them",
                i + 1);
    if (name[0] == '.')
        return error_set(error, ERROR_INVALID_ARGUMENT, "a collection's name does not begin with '.'");
    return 0;
}

int collection_config_check(struct collection_config *c, struct error *error)
{
    int rc = name_check(c->name, error);
    if (rc < 0)
        return rc;
    if (c->dim < 1 || c->dim > DIM_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT, "dim is %u; it must be 1 to %d", c->dim, DIM_MAX);
    if (c->metric < METRIC_L2 || c->metric > METRIC_COSINE)
        return error_set(error, ERROR_INVALID_ARGUMENT, "metric %d is unknown; it is l2, ip or cosine", (int)c->metric);
    if (c->durability == 0)
        c->durability = DURABILITY_FLUSH;
    if (c->durability < DURABILITY_FLUSH || c->durability > DURABILITY_NONE)
        return error_set(error, ERROR_INVALID_ARGUMENT, "durability %d is unknown; it is flush, interval or none",
                         (int)c->durability);
    if (c->slots == 0)
        c->slots = SLOTS_DEFAULT;
    if (c->slots > SLOTS_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT, "slots is %u; at most %d", c->slots, SLOTS_MAX);
    if (c->index.m == 0)
        c->index.m = M_DEFAULT;
    if (c->index.m < 2 || c->index.m > 256)
        return error_set(error, ERROR_INVALID_ARGUMENT, "m is %u; it must be 2 to 256", c->index.m);
    if (c->index.ef_construct == 0)
        c->index.ef_construct = EF_CONSTRUCT_DEFAULT;
    if (c->index.ef_construct > EF_CONSTRUCT_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT, "ef_construct is %u; at most %d", c->index.ef_construct,
                         EF_CONSTRUCT_MAX);
    return 0;
}
