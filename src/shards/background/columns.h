/* columns.h -- background work on columns: builds those that segments lack, shares them with the
 * other reactors, and frees those of dropped fields. */
#pragma once

#include "shards/shard.h"

/* Does one step. 1: it did something; 0: there is nothing to do. -ENOMEM, or what the
 * pause returned. Waits. */
MUST_USE int shard_work_on_columns(struct shard *s);
