/* arena.h -- the memory of one answer: taken piece by piece, given back at once when
 * the next call begins. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct arena_block;

struct reply_arena {
    struct arena_block *blocks;
    /* hands out from the arena; what it frees is kept until the reset */
    ProtobufCAllocator allocator;
};

void reply_arena_init(struct reply_arena *a);
/* forgets all, keeps the newest block for the next answer */
void reply_arena_reset(struct reply_arena *a);
void reply_arena_fini(struct reply_arena *a);
/* 16-byte aligned; NULL when there is no memory */
void *reply_arena_alloc(struct reply_arena *a, size_t bytes);
