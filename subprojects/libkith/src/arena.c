/* A list of blocks, newest first. Memory is cut from the newest block only. */
#include "arena.h"

#include <stdint.h>
#include <stdlib.h>

#define BLOCK_BYTES (64 * 1024)
#define BLOCK_ALIGN 16

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    _Alignas(BLOCK_ALIGN) uint8_t bytes[];
};

void *reply_arena_alloc(struct reply_arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    size_t rounded = (bytes + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN;
    struct arena_block *b = a->blocks;
    if (!b || b->size - b->used < rounded) {
        size_t size = rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES;
        b = malloc(sizeof(*b) + size);
        if (!b)
            return NULL;
        b->next = a->blocks;
        b->used = 0;
        b->size = size;
        a->blocks = b;
    }
    void *p = b->bytes + b->used;
    b->used += rounded;
    return p;
}

static void *allocator_alloc(void *arena, size_t bytes)
{
    return reply_arena_alloc(arena, bytes);
}

static void allocator_free(void *arena, void *p)
{
    (void)arena;
    (void)p; /* the reset frees the whole answer at once */
}

void reply_arena_init(struct reply_arena *a)
{
    a->blocks = NULL;
    a->allocator = (ProtobufCAllocator){allocator_alloc, allocator_free, a};
}

static void blocks_free(struct arena_block *b)
{
    while (b) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
}

void reply_arena_reset(struct reply_arena *a)
{
    if (!a->blocks)
        return;
    blocks_free(a->blocks->next);
    a->blocks->next = NULL;
    a->blocks->used = 0;
}

void reply_arena_fini(struct reply_arena *a)
{
    blocks_free(a->blocks);
    a->blocks = NULL;
}
