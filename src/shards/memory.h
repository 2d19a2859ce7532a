/* memory.h -- what a store holds in memory, counted where it lies. */
#pragma once

#include "base/memory_use.h"
#include "shards/store.h"

struct segment;

/* Adds what the segment holds, without the index that it only borrows. */
void segment_memory(const struct segment *g, struct memory_use *use);
