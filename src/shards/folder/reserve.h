/* reserve.h -- DIR/reserve: a file that only takes space, so that there is some to give when the
 * disk is full. With the file removed, deletions still find room in the log, the manifest can be
 * replaced, and a collection can be dropped. */
#pragma once

#include "base/check.h"
#include <stdint.h>

/* Sees to it that the file is there with that many bytes really on the disk; after a failure it
 * is not there. Waits. */
MUST_USE int reserve_make(const char *dir, uint64_t bytes);
/* Gives the space back; 0 also when there was none. Waits. */
MUST_USE int reserve_remove(const char *dir);

/* Does the disk take a small file, and keep it? Waits. */
MUST_USE int disk_probe(const char *dir);
