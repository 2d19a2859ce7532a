/* Tests that the cores of a process are those of its affinity, and that the time which control
 * groups allow is read from trees of files that look like the kernel's. */
#include "reactor/machine/topology.h"
#include "world.h"
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char root[64];

static void put(const char *path, const char *text)
{
    char command[512];
    snprintf(command, sizeof(command), "mkdir -p \"$(dirname %s%s)\" && printf -- '%s\\n' > %s%s", root, path, text,
             root, path);
    cr_assert_eq(system(command), 0);
}

static void begin(void)
{
    strcpy(root, "/tmp/kith-topology-XXXXXX");
    cr_assert(mkdtemp(root));
}

static void end(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", root);
    cr_assert_eq(system(command), 0);
}

TestSuite(topology, .init = begin, .fini = end);

/* Keeps only the last CPU of this process, as taskset -c would. */
static void keep_one_cpu(void)
{
    cpu_set_t mine, one;
    cr_assert_eq(sched_getaffinity(0, sizeof(mine), &mine), 0);
    CPU_ZERO(&one);
    for (int cpu = CPU_SETSIZE - 1; CPU_COUNT(&one) == 0; cpu--)
        if (CPU_ISSET(cpu, &mine))
            CPU_SET(cpu, &one);
    cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
}

static void stays_there(void *arg)
{
    unsigned *reactors = arg;
    cpu_set_t mine;
    want_eq(sched_getaffinity(0, sizeof(mine), &mine), 0);
    want_eq(CPU_COUNT(&mine), 1);
    if (reactor_id() != 0)
        return;
    *reactors = reactor_count();
    runtime_stop();
}

static unsigned run(unsigned reactors)
{
    unsigned count = 0;
    struct runtime *rt;
    struct error error = {0};
    const struct runtime_options options = {.backend = BACKEND_UV, .reactors = reactors, .pin = true};
    cr_assert_eq(runtime_create(&options, &rt, &error), 0, "%s", error.text);
    cr_assert_eq(runtime_run(rt, stays_there, NULL, &count), 0);
    runtime_destroy(rt);
    return count;
}

Test(topology, on_one_cpu_there_is_one_core_and_by_default_one_reactor)
{
    keep_one_cpu();
    struct topology *t = topology_open();
    cr_assert(t);
    cr_assert_eq(topology_cores(t), 1u);
    cr_assert_eq(topology_busy(t), 1u);
    topology_close(t);
    cr_assert_eq(run(0), 1u);
}

Test(topology, more_reactors_than_cores_run_where_the_process_may)
{
    keep_one_cpu();
    cr_assert_eq(run(3), 3u);
}

Test(topology, of_version_2_the_least_quota_up_to_the_root_counts)
{
    put("/proc/self/cgroup", "0::/a/b");
    put("/sys/fs/cgroup/a/b/cpu.max", "max 100000");
    cr_assert_eq(topology_quota(root), UINT64_MAX);
    put("/sys/fs/cgroup/a/cpu.max", "150000 100000");
    cr_assert_eq(topology_quota(root), 1500u);
    put("/sys/fs/cgroup/a/b/cpu.max", "20000 40000");
    cr_assert_eq(topology_quota(root), 500u);
}

Test(topology, of_version_1_the_group_of_the_cpu_controller_counts)
{
    put("/proc/self/cgroup", "5:cpu,cpuacct:/a\\n4:memory:/b");
    put("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "-1");
    put("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000");
    cr_assert_eq(topology_quota(root), UINT64_MAX);
    put("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "300000");
    cr_assert_eq(topology_quota(root), 3000u);
}

Test(topology, what_makes_no_sense_is_no_quota)
{
    cr_assert_eq(topology_quota(root), UINT64_MAX);
    put("/proc/self/cgroup", "0::/");
    put("/sys/fs/cgroup/cpu.max", "100000 0");
    cr_assert_eq(topology_quota(root), UINT64_MAX);
    put("/sys/fs/cgroup/cpu.max", "none");
    cr_assert_eq(topology_quota(root), UINT64_MAX);
}
