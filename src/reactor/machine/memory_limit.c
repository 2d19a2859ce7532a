/* memory_limit.c -- takes the least of several limits. control_group.c reads those of control
 * groups. */
#include "reactor/machine/memory_limit.h"
#include "base/check.h"
#include "reactor/machine/control_group.h"
#include "reactor/reactor.h"

#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAPPED_BYTES (1 << 20)

static uint64_t limit_of_group(const char *folder, bool unified)
{
    const uint64_t bytes = control_group_number(folder, unified ? "memory.max" : "memory.limit_in_bytes");
    return bytes ? bytes : UINT64_MAX;
}

uint64_t memory_limit_of_groups(const char *root)
{
    const uint64_t least = control_group_least(root, "memory", limit_of_group);
    /* version 1 writes a huge number for "no limit" */
    return least < (uint64_t)INT64_MAX / 2 ? least : 0;
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

/* Both thresholds are fixed here because otherwise glibc raises the first to as much as 32 MiB, and
 * the second to twice that. */
void process_memory_init(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, 2 * MAPPED_BYTES);
}

void process_memory_keep(uint64_t bytes)
{
    (void)mallopt(M_TRIM_THRESHOLD, bytes < 2 * MAPPED_BYTES ? (int)bytes : 2 * MAPPED_BYTES);
}

void process_memory_trim(void)
{
    malloc_trim(0);
}
