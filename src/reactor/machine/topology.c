/* topology.c -- counts physical cores, not hardware threads. Two reactors on one core would share
 * its caches and units, so each would be slower and less steady. hwloc leaves out what the cpuset
 * forbids; this file restricts the result to the affinity of the starting thread. */
#include "reactor/machine/topology.h"
#include "base/check.h"
#include "reactor/machine/control_group.h"
#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>

struct topology {
    hwloc_topology_t machine;
    /* HWLOC_OBJ_CORE, or hardware threads (HWLOC_OBJ_PU) where the system does not report cores */
    hwloc_obj_type_t unit;
    unsigned cores;
};

/* Keeps only the cores that taskset, numactl and CPUAffinity allow; all cores where the system does
 * not report the affinity. */
static void restrict_to_affinity(hwloc_topology_t machine)
{
    hwloc_cpuset_t set = hwloc_bitmap_alloc();
    if (!set)
        return;
    if (hwloc_get_cpubind(machine, set, HWLOC_CPUBIND_THREAD) == 0 && !hwloc_bitmap_iszero(set))
        /* if no core would be left, this fails and changes nothing */
        hwloc_topology_restrict(machine, set, 0);
    hwloc_bitmap_free(set);
}

struct topology *topology_open(void)
{
    struct topology *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    if (hwloc_topology_init(&t->machine) < 0)
        goto err_free;
    hwloc_topology_set_all_types_filter(t->machine, HWLOC_TYPE_FILTER_KEEP_STRUCTURE);
    if (hwloc_topology_load(t->machine) < 0)
        goto err_destroy;
    restrict_to_affinity(t->machine);
    t->unit = HWLOC_OBJ_CORE;
    int n = hwloc_get_nbobjs_by_type(t->machine, t->unit);
    if (n <= 0) {
        t->unit = HWLOC_OBJ_PU;
        n = hwloc_get_nbobjs_by_type(t->machine, t->unit);
    }
    t->cores = n > 0 ? (unsigned)n : 1;
    return t;
err_destroy:
    hwloc_topology_destroy(t->machine);
err_free:
    free(t);
    return NULL;
}

void topology_close(struct topology *t)
{
    if (!t)
        return;
    hwloc_topology_destroy(t->machine);
    free(t);
}

unsigned topology_cores(const struct topology *t)
{
    return t->cores;
}

static uint64_t quota_of_group(const char *folder, bool unified)
{
    char path[4096];
    unsigned long long quota_us = 0, period_us = 100000;
    if (!unified) { /* a negative quota means no limit */
        const uint64_t quota = control_group_number(folder, "cpu.cfs_quota_us");
        const uint64_t period = control_group_number(folder, "cpu.cfs_period_us");
        return quota == 0 || quota > INT64_MAX || period == 0 || period > INT64_MAX ? UINT64_MAX
                                                                                    : quota * 1000 / period;
    }
    snprintf(path, sizeof(path), "%s/cpu.max", folder);
    FILE *f = fopen(path, "re");
    if (!f)
        return UINT64_MAX;
    const int n = fscanf(f, "%llu %llu", &quota_us, &period_us);
    fclose(f);
    return n < 1 || quota_us == 0 || period_us == 0 ? UINT64_MAX : quota_us * 1000 / period_us;
}

uint64_t topology_quota(const char *root)
{
    return control_group_least(root, "cpu", quota_of_group);
}

unsigned topology_busy(const struct topology *t)
{
    const uint64_t quota = topology_quota(""), cores = quota == UINT64_MAX ? t->cores : (quota + 999) / 1000;
    return cores == 0 ? 1 : cores < t->cores ? (unsigned)cores : t->cores;
}

bool topology_bind(const struct topology *t, unsigned reactor)
{
    hwloc_obj_t core = hwloc_get_obj_by_type(t->machine, t->unit, reactor % t->cores);
    if (!core)
        return false;
    hwloc_cpuset_t set = hwloc_bitmap_dup(core->cpuset);
    if (!set)
        return false;
    /* one hardware thread, so that the scheduler does not move the reactor between siblings */
    hwloc_bitmap_singlify(set);
    bool bound = hwloc_set_cpubind(t->machine, set, HWLOC_CPUBIND_THREAD) == 0;
    /* The node is a preference, so that a full node still gives memory. On one node there is
     * nothing to choose. */
    if (bound && hwloc_get_nbobjs_by_type(t->machine, HWLOC_OBJ_NUMANODE) > 1)
        hwloc_set_membind(t->machine, core->nodeset, HWLOC_MEMBIND_BIND,
                          HWLOC_MEMBIND_THREAD | HWLOC_MEMBIND_BYNODESET);
    hwloc_bitmap_free(set);
    return bound;
}
