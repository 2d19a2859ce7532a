/* memory.c -- aligned memory; large memory on huge pages, which cause fewer TLB misses in searches;
 * and freeing memory so that the system gets it back. */
#include "base/memory.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE     ((size_t)2 << 20)
#define SMALL_PAGE    ((size_t)4096)
#define DISCARD_BYTES ((size_t)512 << 10)
#define KEPT_BYTES    ((size_t)8 << 10) /* the heap may keep smaller blocks */

void *memory_aligned(size_t bytes)
{
    size_t rounded = (bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
    if (rounded < bytes)
        return NULL;
    void *p = aligned_alloc(CACHE_LINE, rounded ? rounded : CACHE_LINE);
    if (p)
        memset(p, 0, rounded);
    return p;
}

static size_t huge_round(size_t bytes)
{
    size_t unit = bytes >= HUGE_PAGE ? HUGE_PAGE : 4096;
    return (bytes + unit - 1) & ~(unit - 1);
}

/* A mapping starts at any 4 KiB page, but huge pages need 2 MiB alignment. So this maps more and
 * unmaps the ends. */
void *huge_alloc(size_t bytes)
{
    size_t size = huge_round(bytes ? bytes : 1);
    size_t slack = size >= HUGE_PAGE ? HUGE_PAGE : 0;
    if (size < bytes)
        return NULL;
    uint8_t *p = mmap(NULL, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (!slack)
        return p;
    uint8_t *start = (uint8_t *)(((uintptr_t)p + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
    if (start > p)
        munmap(p, (size_t)(start - p));
    if (start < p + slack)
        munmap(start + size, (size_t)(p + slack - start));
    /* if the kernel refuses, the pages are small, and all works */
    madvise(start, size, MADV_HUGEPAGE);
    return start;
}

void huge_free(void *p, size_t bytes)
{
    if (p)
        munmap(p, huge_round(bytes ? bytes : 1));
}

void memory_discard(void *p, size_t bytes, void (*pause)(void))
{
    uintptr_t at = ((uintptr_t)p + SMALL_PAGE - 1) & ~(uintptr_t)(SMALL_PAGE - 1);
    const uintptr_t end = ((uintptr_t)p + bytes) & ~(uintptr_t)(SMALL_PAGE - 1);
    for (size_t n; at < end; at += n) {
        n = end - at < DISCARD_BYTES ? end - at : DISCARD_BYTES;
        madvise((void *)at, n, MADV_DONTNEED); /* if it fails, free() does the work */
        if (pause)
            pause();
    }
}

int memory_grow(void *pointer, uint32_t *have, uint32_t need, size_t size)
{
    void **p = pointer;
    if (need <= *have)
        return 0;
    void *grown = reallocarray(*p, need, size);
    if (!grown)
        return -ENOMEM;
    *p = grown;
    *have = need;
    return 0;
}

void memory_free(void *p)
{
    const size_t bytes = malloc_usable_size(p);
    if (bytes >= KEPT_BYTES)
        memory_discard(p, bytes, NULL);
    free(p);
}
