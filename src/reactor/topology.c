/* topology.c -- physical cores, not hardware threads: two reactors on one core would share its caches and units, and each
 * would be slower and less steady. hwloc has already left out what the cpuset forbids. */
#include "reactor/topology.h"
#include "base/check.h"
#include <hwloc.h>
#include <stdlib.h>

struct topology {
    hwloc_topology_t machine;
    hwloc_obj_type_t unit; /* cores, or hardware threads where cores are not told */
    unsigned cores;
};

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

bool topology_bind(const struct topology *t, unsigned reactor)
{
    hwloc_obj_t core = hwloc_get_obj_by_type(t->machine, t->unit, reactor % t->cores);
    if (!core)
        return false;
    hwloc_cpuset_t set = hwloc_bitmap_dup(core->cpuset);
    if (!set)
        return false;
    hwloc_bitmap_singlify(set); /* one hardware thread, so that the reactor does not wander between siblings */
    bool bound = hwloc_set_cpubind(t->machine, set, HWLOC_CPUBIND_THREAD) == 0;
    /* Memory is a preference: a full node must not mean no memory. On one node there is nothing to choose. */
    if (bound && hwloc_get_nbobjs_by_type(t->machine, HWLOC_OBJ_NUMANODE) > 1)
        hwloc_set_membind(t->machine, core->nodeset, HWLOC_MEMBIND_BIND,
                          HWLOC_MEMBIND_THREAD | HWLOC_MEMBIND_BYNODESET);
    hwloc_bitmap_free(set);
    return bound;
}
