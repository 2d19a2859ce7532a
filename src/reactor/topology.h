/* topology.h -- which cores this process may use, told by hwloc. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct topology;

/* NULL when the machine cannot be read; then nothing is bound. */
struct topology *topology_open(void);
void topology_close(struct topology *t);
/* Physical cores that the cpuset of this process allows; at least 1. */
unsigned topology_cores(const struct topology *t);
/* Binds the calling thread to a core, and its new memory to that core's NUMA node. More reactors than cores wrap around.
 * False when the system refuses; the thread then runs where the scheduler likes. */
bool topology_bind(const struct topology *t, unsigned reactor);
