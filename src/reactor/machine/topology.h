/* topology.h -- which cores this process may use: what the machine has (hwloc), less what the
 * process's affinity (taskset, numactl, CPUAffinity) and its cpuset forbid, and no more than the
 * CPU time that its control groups allow. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct topology;

/* NULL when the machine cannot be read; then nothing is bound. */
struct topology *topology_open(void);
void topology_close(struct topology *t);
/* Physical cores that this process may use, by its affinity when topology_open() was called and by
 * its cpuset; at least 1. */
unsigned topology_cores(const struct topology *t);
/* How many of them it can keep busy: fewer when its control groups allow less CPU time; at least
 * 1. */
unsigned topology_busy(const struct topology *t);
/* The CPU time that control groups allow, in thousandths of a core, from files under root: "" for
 * the system's own. UINT64_MAX: there is no limit. */
uint64_t topology_quota(const char *root);
/* Binds the calling thread to a core, and its new memory to that core's NUMA node. More
 * reactors than cores wrap around. False when the system refuses; the thread then runs where
 * the scheduler likes. */
bool topology_bind(const struct topology *t, unsigned reactor);
