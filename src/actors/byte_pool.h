/* byte_pool.h -- memory that is lent out in bytes, to the more urgent first. Counts only: who acquired allocates. One reactor's. */
#pragma once

#include "base/check.h"
#include <stdint.h>

#define BYTE_POOL_RANKS 3 /* 0 is the most urgent */

struct byte_pool {
    uint64_t left;
    struct byte_waiter *head[BYTE_POOL_RANKS], **tail[BYTE_POOL_RANKS];
};

void byte_pool_init(struct byte_pool *p, uint64_t bytes);
/* First come, first served within a rank; never before a more urgent one that waits. -ETIME at deadline_ns (0: never). Waits. */
MUST_USE int byte_pool_acquire(struct byte_pool *p, unsigned rank, uint64_t bytes, uint64_t deadline_ns);
void byte_pool_release(struct byte_pool *p, uint64_t bytes);
