/* arena.h -- the memory of one answer or one request: allocated piece by piece, freed all at
 * once. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct arena_block;

struct reply_arena {
    struct arena_block *blocks;
    /* for protobuf-c: allocates from the arena; its free() does nothing */
    ProtobufCAllocator allocator;
};

void reply_arena_init(struct reply_arena *a);
/* Frees all but the newest block, which is used again. */
void reply_arena_reset(struct reply_arena *a);
void reply_arena_fini(struct reply_arena *a);
/* Memory that is aligned to 16 bytes and lives until the reset; NULL: no memory. */
void *reply_arena_alloc(struct reply_arena *a, size_t bytes);
