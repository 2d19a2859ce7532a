/* Tests that the least limit of a control group and of its parents is found, in trees of files that
 * look like the kernel's. */
#include "reactor/machine/memory_limit.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static char root[64];

static void put(const char *path, const char *text)
{
    char command[512];
    snprintf(command, sizeof(command), "mkdir -p \"$(dirname %s%s)\" && printf '%s\\n' > %s%s", root, path, text, root,
             path);
    cr_assert_eq(system(command), 0);
}

static void begin(void)
{
    strcpy(root, "/tmp/kith-limit-XXXXXX");
    cr_assert(mkdtemp(root));
}

static void end(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", root);
    cr_assert_eq(system(command), 0);
}

TestSuite(memory_limit, .init = begin, .fini = end);

Test(memory_limit, of_version_2_the_least_up_to_the_root_counts)
{
    put("/proc/self/cgroup", "0::/system.slice/kith.service");
    put("/sys/fs/cgroup/system.slice/kith.service/memory.max", "max");
    put("/sys/fs/cgroup/system.slice/memory.max", "2147483648");
    cr_assert_eq(memory_limit_of_groups(root), (uint64_t)2147483648u);
    put("/sys/fs/cgroup/system.slice/kith.service/memory.max", "1073741824");
    cr_assert_eq(memory_limit_of_groups(root), 1073741824u);
}

Test(memory_limit, in_a_container_the_mounted_root_is_ours)
{
    put("/proc/self/cgroup", "0::/docker/8a1f");
    put("/sys/fs/cgroup/memory.max", "536870912");
    cr_assert_eq(memory_limit_of_groups(root), 536870912u);
}

Test(memory_limit, of_version_1_the_group_of_the_memory_controller_counts)
{
    put("/proc/self/cgroup", "5:cpu,cpuacct:/a\\n4:hugetlb,memory:/b/c\\n0::/");
    put("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1000000");
    put("/sys/fs/cgroup/memory/b/memory.limit_in_bytes", "3000000");
    put("/sys/fs/cgroup/memory/b/c/memory.limit_in_bytes", "9223372036854771712");
    cr_assert_eq(memory_limit_of_groups(root), 3000000u);
}

Test(memory_limit, none_is_none)
{
    cr_assert_eq(memory_limit_of_groups(root), 0u);
    put("/proc/self/cgroup", "0::/");
    put("/sys/fs/cgroup/memory.max", "max");
    cr_assert_eq(memory_limit_of_groups(root), 0u);
    put("/proc/self/cgroup", "1:memory:/");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
    cr_assert_eq(memory_limit_of_groups(root), 0u);
}

Test(memory_limit, a_resource_limit_that_is_less_counts)
{
    struct memory_limit without = memory_limit_find();
    cr_assert_gt(without.bytes, 0u);
    struct rlimit data;
    getrlimit(RLIMIT_DATA, &data);
    data.rlim_cur = without.bytes / 2;
    cr_assert_eq(setrlimit(RLIMIT_DATA, &data), 0);
    struct memory_limit with = memory_limit_find();
    cr_assert_eq(with.bytes, without.bytes / 2);
    cr_assert_str_eq(with.from, "RLIMIT_DATA");
}
