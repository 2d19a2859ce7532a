/* arena.c -- memory that is freed together. It comes in blocks; a caller that reserves its size
 * first gets one block. */
#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MIN ((size_t)16 << 10)

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    _Alignas(CACHE_LINE) uint8_t bytes[];
};

static struct arena_block *block_create(size_t size)
{
    size_t total = (sizeof(struct arena_block) + size + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
    if (total < size)
        return NULL;
    struct arena_block *b = aligned_alloc(CACHE_LINE, total);
    if (b) {
        b->used = 0;
        b->size = size;
    }
    return b;
}

void arena_room(struct arena *a, size_t bytes)
{
    struct arena_block *b = a->blocks;
    if ((b && b->size - b->used >= bytes) || (a->limit && (bytes > a->limit || a->used > a->limit - bytes)))
        return;
    struct arena_block *fresh = block_create(bytes);
    if (!fresh)
        return;
    fresh->next = b;
    a->blocks = fresh;
}

/* Blocks double in size, so that a small arena has one block and a large one a few. */
static void *alloc(struct arena *a, size_t bytes, size_t align)
{
    if (a->limit && (bytes > a->limit || a->used > a->limit - bytes))
        return NULL;
    struct arena_block *b = a->blocks;
    size_t at = b ? (b->used + align - 1) & ~(align - 1) : 0;
    if (!b || at > b->size || bytes > b->size - at) {
        size_t size = b ? b->size * 2 : a->first ? a->first : BLOCK_MIN;
        struct arena_block *fresh = block_create(size > bytes ? size : bytes);
        if (!fresh)
            return NULL;
        fresh->next = b;
        a->blocks = b = fresh;
        at = 0;
    }
    b->used = at + bytes;
    a->used += bytes;
    return b->bytes + at;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    return alloc(a, bytes, 16);
}

void *arena_alloc_aligned(struct arena *a, size_t bytes)
{
    return alloc(a, bytes, CACHE_LINE);
}

char *arena_copy(struct arena *a, const void *bytes, size_t n)
{
    char *copy = n < SIZE_MAX ? arena_alloc(a, n + 1) : NULL;
    if (copy) {
        if (n)
            memcpy(copy, bytes, n);
        copy[n] = 0;
    }
    return copy;
}

void arena_adopt(struct arena *to, struct arena *from)
{
    if (!from->blocks)
        return;
    struct arena_block *last = from->blocks;
    while (last->next)
        last = last->next;
    if (to->blocks) { /* behind the block that is being filled */
        last->next = to->blocks->next;
        to->blocks->next = from->blocks;
    } else {
        to->blocks = from->blocks;
    }
    to->used += from->used;
    from->blocks = NULL;
    from->used = 0;
}

static void free_blocks(struct arena_block *b)
{
    while (b) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
}

void arena_reset(struct arena *a)
{
    a->used = 0;
    if (!a->blocks)
        return;
    free_blocks(a->blocks->next);
    a->blocks->next = NULL;
    a->blocks->used = 0;
}

size_t arena_bytes(const struct arena *a)
{
    size_t bytes = 0;
    for (const struct arena_block *b = a->blocks; b; b = b->next)
        bytes += sizeof(*b) + b->size;
    return bytes;
}

void arena_fini(struct arena *a)
{
    free_blocks(a->blocks);
    a->blocks = NULL;
    a->used = 0;
}

#define SLOW_BYTES  ((size_t)1 << 20) /* freeing a smaller block takes too little time to matter */
#define DISCARD_MIN ((size_t)8 << 10)

static void fini(struct arena *a, size_t discarded, void (*pause)(void))
{
    struct arena_block *b = a->blocks;
    *a = (struct arena){.limit = a->limit};
    while (b) {
        struct arena_block *next = b->next;
        if (b->size >= discarded)
            memory_discard(b->bytes, b->size, pause);
        free(b);
        b = next;
    }
}

void arena_fini_slowly(struct arena *a, void (*pause)(void))
{
    fini(a, SLOW_BYTES, pause);
}

void arena_discard(struct arena *a, void (*pause)(void))
{
    fini(a, DISCARD_MIN, pause);
}
