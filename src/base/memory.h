/* memory.h -- allocation: aligned memory, huge pages, arenas, growing buffers.
 *
 * Every allocation here may fail and reports it. Running out of memory fails one request, not the
 * process. The core that allocated memory frees it. */
#pragma once

#include "base/check.h"
#include <stddef.h>
#include <stdint.h>

#define CACHE_LINE 64

/* Zeroed memory aligned to 64 bytes, for vectors and codes; NULL without memory. Freed with
 * free(). */
MUST_USE void *memory_aligned(size_t bytes);

/* Zeroed memory of whole pages, on 2 MiB pages where the kernel grants them. For data that searches
 * read at random. Freed with huge_free() and the same size. NULL without memory. */
MUST_USE void *huge_alloc(size_t bytes);
void huge_free(void *p, size_t bytes);

/* Gives the pages of a heap block that is about to be freed back to the system. Calls pause()
 * between steps (NULL: not), because freeing 100 MiB at once takes tens of milliseconds. The
 * content is lost. */
void memory_discard(void *p, size_t bytes, void (*pause)(void));
/* Like free(), for a block of at most a few MiB that is not needed again soon. Its pages go back to
 * the system at once. The heap would keep them, and giving back a GiB later in one call takes 200
 * ms. */
void memory_free(void *p);

/* Makes the array at *(void **)pointer hold at least `need` elements of `size` bytes; *have is how
 * many it holds. The elements stay. -ENOMEM: nothing changed. Freed with free(). */
MUST_USE int memory_grow(void *pointer, uint32_t *have, uint32_t need, size_t size);

/* An arena: allocations that are freed together. All zeros is a valid empty arena.
 * Single-threaded. */
struct arena {
    struct arena_block *blocks;
    size_t used;  /* bytes allocated, in all blocks */
    size_t limit; /* most bytes; an allocation beyond it fails; 0: no limit */
    size_t first; /* bytes of the first block; 0: 16 KiB. Later blocks double. */
};

MUST_USE void *arena_alloc(struct arena *a, size_t bytes);         /* 16-byte aligned, not zeroed */
MUST_USE void *arena_alloc_aligned(struct arena *a, size_t bytes); /* 64-byte aligned, not zeroed */
/* Reserves a block of exactly so many bytes, from which the next allocations come. Does nothing if
 * memory is missing. */
void arena_room(struct arena *a, size_t bytes);
MUST_USE char *arena_copy(struct arena *a, const void *bytes, size_t n); /* adds a terminating 0 */
/* Moves all allocations of `from` to `to`; their addresses stay. */
void arena_adopt(struct arena *to, struct arena *from);
void arena_reset(struct arena *a); /* frees all allocations but keeps one block for the next use */
void arena_fini(struct arena *a);
/* Like arena_fini(), but calls pause() as memory_discard() does; the arena must not be used
 * meanwhile. */
void arena_fini_slowly(struct arena *a, void (*pause)(void));
/* Like arena_fini_slowly(), where memory is scarce: blocks of 8 KiB or more go back to the system,
 * not to the heap. */
void arena_discard(struct arena *a, void (*pause)(void));
size_t arena_bytes(const struct arena *a); /* bytes of all blocks, allocated or not */

/* A byte buffer that grows. All zeros is an empty buffer. */
struct buffer {
    uint8_t *bytes;
    size_t size, capacity;
};

/* makes room for `more` bytes behind size; -ENOMEM */
MUST_USE int buffer_reserve(struct buffer *b, size_t more);
MUST_USE int buffer_append(struct buffer *b, const void *bytes, size_t n);
MUST_USE int buffer_printf(struct buffer *b, const char *format, ...) PRINTF_LIKE(2, 3);
void buffer_fini(struct buffer *b);
/* calls pause() as memory_discard() does */
void buffer_fini_slowly(struct buffer *b, void (*pause)(void));
