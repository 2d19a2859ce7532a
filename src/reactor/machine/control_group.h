/* control_group.h -- limits that control groups set for this process: its own group and every group
 * above it, in both versions of the kernel's interface. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Reads the limit that one group sets from the files in its folder; UINT64_MAX: none. unified: the
 * files are those of version 2. */
typedef uint64_t (*control_group_fn)(const char *folder, bool unified);

/* The least limit of this process's group and all groups above it; UINT64_MAX: none. root: "" for
 * the system's own files. controller: its name in version 1, like "memory". */
uint64_t control_group_least(const char *root, const char *controller, control_group_fn limit);

/* The first number in the file folder/name; UINT64_MAX if there is none, as in "max". */
uint64_t control_group_number(const char *folder, const char *name);
