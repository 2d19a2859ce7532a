/* topology.h -- the cores that this process may use. These are the machine's cores (hwloc) less
 * what affinity (taskset, numactl, CPUAffinity) and the cpuset forbid, and no more than the CPU
 * time that control groups allow. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct topology;

/* NULL when the machine cannot be read; then no reactor is bound to a core. */
struct topology *topology_open(void);
void topology_close(struct topology *t);
/* Physical cores that this process may use by its cpuset and by its affinity at topology_open(); at
 * least 1. */
unsigned topology_cores(const struct topology *t);
/* How many of them the process can keep busy: fewer if its control groups allow less CPU time; at
 * least 1. */
unsigned topology_busy(const struct topology *t);
/* The CPU time that control groups allow, in thousandths of a core, from files under root: "" for
 * the system's own. UINT64_MAX: no limit. */
uint64_t topology_quota(const char *root);
/* Binds the calling thread to a core, and its new memory to the NUMA node of that core. Reactors
 * beyond the number of cores start again at the first core. False when the system refuses; then the
 * scheduler moves the thread between cores. */
bool topology_bind(const struct topology *t, unsigned reactor);
