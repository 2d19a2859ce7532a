/* control_group.c -- finds the least limit of the process's control group and of all groups above
 * it, because any of them may set a limit. In a container the path may name groups that are not
 * visible from inside. Then the mounted root is the group of this process. */
#include "reactor/machine/control_group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 4096

uint64_t control_group_number(const char *folder, const char *name)
{
    char path[PATH_MAX_BYTES];
    unsigned long long number = 0;
    int n = snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = n > 0 && (size_t)n < sizeof(path) ? fopen(path, "re") : NULL;
    if (!f)
        return UINT64_MAX;
    const bool read = fscanf(f, "%llu", &number) == 1;
    fclose(f);
    return read ? number : UINT64_MAX;
}

struct reading {
    const char *root, *controller;
    control_group_fn limit;
};

static uint64_t least_above(const struct reading *r, const char *mount, const char *group, bool unified)
{
    uint64_t least = UINT64_MAX;
    char path[PATH_MAX_BYTES];
    int size = (int)strlen(group);
    for (;;) {
        while (size > 0 && group[size - 1] == '/')
            size--;
        int n =
            snprintf(path, sizeof(path), "%s/sys/fs/cgroup%s%s%.*s", r->root, *mount ? "/" : "", mount, size, group);
        uint64_t limit = n > 0 && (size_t)n < sizeof(path) ? r->limit(path, unified) : UINT64_MAX;
        least = limit < least ? limit : least;
        if (size == 0)
            return least;
        while (size > 0 && group[size - 1] != '/')
            size--;
    }
}

static bool has_controller(const char *controllers, const char *name)
{
    for (const char *at = controllers; *at; at += *at == ',') {
        size_t n = strcspn(at, ",");
        if (n == strlen(name) && memcmp(at, name, n) == 0)
            return true;
        at += n;
    }
    return false;
}

/* A line of /proc/self/cgroup: "0::/path" in version 2, "4:memory:/path" in version 1. */
static uint64_t limit_of_line(const struct reading *r, char *line)
{
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group)
        return UINT64_MAX;
    *group++ = 0;
    controllers++;
    group[strcspn(group, "\n")] = 0;
    if (*controllers == 0)
        return least_above(r, "", group, true);
    return has_controller(controllers, r->controller) ? least_above(r, r->controller, group, false) : UINT64_MAX;
}

uint64_t control_group_least(const char *root, const char *controller, control_group_fn limit)
{
    const struct reading r = {root, controller, limit};
    char path[PATH_MAX_BYTES], *line = NULL;
    size_t capacity = 0;
    uint64_t least = UINT64_MAX;
    int n = snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    FILE *f = n > 0 && (size_t)n < sizeof(path) ? fopen(path, "re") : NULL;
    if (!f)
        return UINT64_MAX;
    while (getline(&line, &capacity, f) > 0) {
        uint64_t one = limit_of_line(&r, line);
        least = one < least ? one : least;
    }
    free(line);
    fclose(f);
    return least;
}
