#include "memory_faults.h"

#include <errno.h>
#include <stdlib.h>

#define SPARED_MAX 16

static struct sim *sim;
static const struct fiber *spared[SPARED_MAX];
static unsigned spared_count;

void memory_faults_of(struct sim *s)
{
    sim = s;
    spared_count = 0;
}

void memory_faults_spare(void)
{
    check(spared_count < SPARED_MAX);
    spared[spared_count++] = fiber_self();
}

static bool fails(void)
{
    if (!sim)
        return false;
    const struct fiber *self = fiber_self();
    for (unsigned i = 0; i < spared_count; i++)
        if (self == spared[i])
            return false;
    if (!sim_allocation_fails(sim))
        return false;
    errno = ENOMEM;
    return true;
}

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker prescribes these names */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
int __real_posix_memalign(void **p, size_t alignment, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);
int __wrap_posix_memalign(void **p, size_t alignment, size_t n);

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, n);
}

int __wrap_posix_memalign(void **p, size_t alignment, size_t n)
{
    return fails() ? ENOMEM : __real_posix_memalign(p, alignment, n);
}
/* NOLINTEND(bugprone-reserved-identifier) */
