/* descriptors.c -- the limit of open files is raised to what the system allows; connections get
 * what data files leave. */
#include "reactor/machine/descriptors.h"
#include <sys/resource.h>

#define KEPT           32u /* listeners, logs, the manifest, a restore; what libraries open */
#define KEPT_A_REACTOR 16u /* its ring, its log, a merge and a snapshot */
#define MOST           (1u << 20)

unsigned descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    const rlim_t was = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_cur != was && setrlimit(RLIMIT_NOFILE, &limit) < 0)
        limit.rlim_cur = was;
    return limit.rlim_cur < MOST ? (unsigned)limit.rlim_cur : MOST;
}

unsigned descriptors_for_connections(unsigned descriptors, unsigned reactors)
{
    const unsigned kept = KEPT + KEPT_A_REACTOR * reactors, most = descriptors / 2;
    return descriptors - (kept < most ? kept : most);
}
