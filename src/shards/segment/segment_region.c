/* segment_region.c -- makes and reads the names of regions, and makes the region
 * that describes a vector. */
#include "shards/segment/segment_file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *region_name(char ret[CONTAINER_NAME_MAX], char kind, uint16_t number, const char *what)
{
    int n = snprintf(ret, CONTAINER_NAME_MAX, "%c%u.%s", kind, (unsigned)number, what);
    check(n > 0 && n < CONTAINER_NAME_MAX);
    return ret;
}

static bool begins_with(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

struct region_owner region_owner(const char *name)
{
    const struct region_owner none = {0}, segment = {.kind = 's', .rest = name};
    if (begins_with(name, "seg.") || begins_with(name, "rows.") || begins_with(name, "payload."))
        return segment;
    if ((name[0] != 'v' && name[0] != 'c') || !isdigit((unsigned char)name[1]))
        return none;
    char *end;
    const unsigned long number = strtoul(name + 1, &end, 10);
    if (*end != '.' || number > UINT16_MAX)
        return none;
    return (struct region_owner){.kind = name[0], .number = (uint16_t)number, .rest = end + 1};
}

struct segment_vector_meta segment_vector_meta(const struct vector_spec *v)
{
    return (struct segment_vector_meta){
        .type = v->type, .dim = v->dim, .metric = v->metric, .stride = vector_stride(v)};
}
