/* memory_limit.c -- a limit may be set on any group above ours, so all are looked at, up to the root. In a container the path may name groups
 * that cannot be seen from inside; the mounted root is then ours. */
#include "reactor/memory_limit.h"
#include "base/check.h"
#include "reactor/reactor.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PATH_MAX_BYTES 4096

/* The number in a file; "max", nothing and what cannot be read are no limit. */
static uint64_t read_limit(const char *path)
{
    unsigned long long n = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return UINT64_MAX;
    if (fscanf(f, "%llu", &n) != 1)
        n = 0;
    fclose(f);
    return n ? n : UINT64_MAX;
}

/* The least limit of the group at path and of all above it, which are in the file called name of each. */
static uint64_t least_above(const char *root, const char *mount, const char *group, const char *name)
{
    uint64_t least = UINT64_MAX;
    char path[PATH_MAX_BYTES];
    int size = (int)strlen(group);
    for (;;) {
        while (size > 0 && group[size - 1] == '/')
            size--;
        int n = snprintf(path, sizeof(path), "%s%s%.*s/%s", root, mount, size, group, name);
        uint64_t limit = n > 0 && (size_t)n < sizeof(path) ? read_limit(path) : UINT64_MAX;
        least = limit < least ? limit : least;
        if (size == 0)
            return least;
        while (size > 0 && group[size - 1] != '/')
            size--;
    }
}

static bool has_memory(const char *controllers)
{
    for (const char *at = controllers; *at; at += *at == ',') {
        size_t n = strcspn(at, ",");
        if (n == 6 && memcmp(at, "memory", 6) == 0)
            return true;
        at += n;
    }
    return false;
}

/* A line of /proc/self/cgroup: "0::/path" of version 2, "4:memory:/path" of version 1. */
static uint64_t limit_of_line(const char *root, char *line)
{
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group)
        return UINT64_MAX;
    *group++ = 0;
    controllers++;
    group[strcspn(group, "\n")] = 0;
    if (*controllers == 0)
        return least_above(root, "/sys/fs/cgroup", group, "memory.max");
    return has_memory(controllers) ? least_above(root, "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes")
                                   : UINT64_MAX;
}

uint64_t memory_limit_of_groups(const char *root)
{
    char path[PATH_MAX_BYTES], *line = NULL;
    size_t capacity = 0;
    uint64_t least = UINT64_MAX;
    int n = snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    FILE *f = n > 0 && (size_t)n < sizeof(path) ? fopen(path, "re") : NULL;
    if (!f)
        return 0;
    while (getline(&line, &capacity, f) > 0) {
        uint64_t limit = limit_of_line(root, line);
        least = limit < least ? limit : least;
    }
    free(line);
    fclose(f);
    return least < (uint64_t)INT64_MAX / 2 ? least : 0; /* version 1 writes a huge number for none */
}

static void take_least(struct memory_limit *l, uint64_t bytes, const char *from)
{
    if (bytes && (l->bytes == 0 || bytes < l->bytes))
        *l = (struct memory_limit){bytes, from};
}

static uint64_t resource_limit(int resource)
{
    struct rlimit limit;
    return getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur : 0;
}

struct memory_limit memory_limit_find(void)
{
    struct memory_limit ret = {0};
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page_bytes > 0)
        take_least(&ret, (uint64_t)pages * (uint64_t)page_bytes, "the machine");
    take_least(&ret, memory_limit_of_groups(""), "the control group");
    take_least(&ret, resource_limit(RLIMIT_DATA), "RLIMIT_DATA");
    take_least(&ret, resource_limit(RLIMIT_AS), "RLIMIT_AS");
    return ret;
}

uint64_t process_anonymous_bytes(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return 0;
#else
    unsigned long long pages, resident = 0, shared = 0;
    if (reactor_here()->rt->options.backend == BACKEND_SIM)
        return 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    int n = fscanf(f, "%llu %llu %llu", &pages, &resident, &shared);
    fclose(f);
    return n == 3 && resident > shared ? (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
#endif
}

void process_memory_trim(void)
{
    malloc_trim(0);
}
