/* memory.h -- where bytes come from.
 *
 * Every function here may fail and says so: running out of memory is an answer to one request, not
 * the end of the process. Memory never changes core: who allocates frees. */
#pragma once

#include "base/check.h"
#include <stddef.h>
#include <stdint.h>

#define CACHE_LINE 64

/* Zeroed memory aligned to 64 bytes, for vectors and codes; NULL when there is
 * none. Freed with free(). */
MUST_USE void *memory_aligned(size_t bytes);

/* Zeroed memory of whole pages, on 2 MiB pages where the kernel grants them: for what searches walk
 * at random. Freed with huge_free() and the same size. NULL when there is none. */
MUST_USE void *huge_alloc(size_t bytes);
void huge_free(void *p, size_t bytes);

/* Gives the pages of heap memory that is about to be freed back to the system, step by step with
 * pause() between (NULL: none): to free a hundred MiB at once takes tens of milliseconds. What
 * was in them is gone. */
void memory_discard(void *p, size_t bytes, void (*pause)(void));
/* free() of a block of a few MiB at most that is not needed again soon. Its pages go back to the
 * system at once: the heap would keep them, and takes 200 ms to give back a GiB in one call. */
void memory_free(void *p);

/* An arena: allocations that die together. Zero-initialised is a valid empty
 * arena. Single-threaded. */
struct arena {
    struct arena_block *blocks;
    size_t used;  /* bytes handed out, all blocks */
    size_t limit; /* 0: none; otherwise an allocation beyond it fails */
    size_t first; /* bytes of the first block; 0: 16 KiB. The others double */
};

MUST_USE void *arena_alloc(struct arena *a, size_t bytes);         /* 16-byte aligned, not zeroed */
MUST_USE void *arena_alloc_aligned(struct arena *a, size_t bytes); /* 64-byte aligned, not zeroed */
/* Room for so many bytes is taken at once, and no more: what is allocated next lies in it.
 * Without memory, nothing. */
void arena_room(struct arena *a, size_t bytes);
MUST_USE char *arena_copy(struct arena *a, const void *bytes, size_t n); /* adds a terminating 0 */
/* Moves all of `from` to `to`, with which it lives and dies from then on; its addresses stay. */
void arena_adopt(struct arena *to, struct arena *from);
void arena_reset(struct arena *a); /* forgets all, keeps one block for the next use */
void arena_fini(struct arena *a);
void arena_fini_slowly(struct arena *a,
                       /* as memory_discard() says; nobody may use it meanwhile */
                       void (*pause)(void));
/* The same where memory is scarce: the heap keeps nothing of blocks of more than 8 KiB. */
void arena_discard(struct arena *a, void (*pause)(void));
size_t arena_bytes(const struct arena *a); /* taken from the heap, handed out or not */

/* A byte buffer that grows. Zero-initialised is empty. */
struct buffer {
    uint8_t *bytes;
    size_t size, capacity;
};

/* room for `more` bytes behind size; -ENOMEM */
MUST_USE int buffer_reserve(struct buffer *b, size_t more);
MUST_USE int buffer_append(struct buffer *b, const void *bytes, size_t n);
MUST_USE int buffer_printf(struct buffer *b, const char *format, ...) PRINTF_LIKE(2, 3);
void buffer_fini(struct buffer *b);
void buffer_fini_slowly(struct buffer *b, void (*pause)(void)); /* as memory_discard() says */
