/* descriptors.c -- raises the limit on open files as far as the system allows, and reserves
 * descriptors for the server's own files. Connections get the rest. */
#include "reactor/machine/descriptors.h"
#include <sys/resource.h>

/* for listeners, logs, the manifest, a restore, and the files of libraries */
#define KEPT           32u
#define KEPT_A_REACTOR 16u /* for a reactor's io_uring, log, merge and snapshot */
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
