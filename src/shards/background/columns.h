/* columns.h -- columns that segments lack are built, lent to the other reactors, and freed when
 * their field is dropped. */
#pragma once

#include "shards/shard.h"

/* One step. 1: something was done; 0: nothing is left to do. -ENOMEM, or what the
 * pause returned. Waits. */
MUST_USE int shard_work_on_columns(struct shard *s);
