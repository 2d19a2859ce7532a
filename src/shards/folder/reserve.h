/* reserve.h -- DIR/reserve: a file that only takes space. It is removed when the disk is full. Then
 * the log has space for deletions, the manifest can be replaced, and a collection can be
 * dropped. */
#pragma once

#include "base/check.h"
#include <stdint.h>

/* Makes the file with so many bytes, which really take disk space, if it is not there. After a
 * failure there is no file. Waits. */
MUST_USE int reserve_make(const char *dir, uint64_t bytes);
/* Removes the file. 0 also when there was none. Waits. */
MUST_USE int reserve_remove(const char *dir);

/* Tests whether the disk takes a small file: writes, flushes and removes one. Waits. */
MUST_USE int disk_probe(const char *dir);
