/* fiber.c -- fibers: their stacks, switches between them, and what sanitizers and valgrind must
 * know about both.
 *
 * A fiber switches only to the loop of its reactor and back, never to another fiber. The extra
 * switch costs 10 ns; in return the loop sees every switch and accounts for the time. The struct
 * lies at the upper end of its stack. These ends are distributed over cache sets ("colouring").
 * With 16384 fibers at equal page offsets a resume costs 820 ns, with colouring 343 ns. */
#include "reactor/reactor.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define STACK_BYTES ((size_t)256 << 10)
#else
#define STACK_BYTES ((size_t)64 << 10)
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id)       ((void)(id))
#endif

#define GUARD_BYTES     ((size_t)4096)
#define PAGE_BYTES      ((size_t)4096)
#define STACKS_PER_SLAB 16
/* MADV_GUARD_INSTALL, which the kernel headers of older systems lack. */
#define ADVICE_GUARD_INSTALL 102
#define COLOURS              16
#define COLOUR_BYTES         ((size_t)256)

/* ---- stacks ---- */

static int pool_grow_slab(struct fiber_pool *p)
{
    if (p->slab_count == p->slab_capacity) {
        uint32_t capacity = p->slab_capacity ? 2 * p->slab_capacity : 16;
        struct fiber_slab *slabs = realloc(p->slabs, capacity * sizeof(*slabs));
        if (!slabs)
            return -ENOMEM;
        p->slabs = slabs;
        p->slab_capacity = capacity;
    }
    size_t bytes = STACKS_PER_SLAB * (GUARD_BYTES + STACK_BYTES);
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return -ENOMEM;
    /* with huge pages, untouched parts of stacks would take memory */
    (void)madvise(base, bytes, MADV_NOHUGEPAGE);
    p->slabs[p->slab_count++] = (struct fiber_slab){base, bytes};
    p->slab = base;
    p->slab_left = bytes;
    return 0;
}

/* Makes a page that faults. Since Linux 6.13 that needs no mapping of its own. mprotect() splits
 * each stack into two mappings, and a process may have only 65530 (vm.max_map_count). */
static bool guard(char *page)
{
    if (madvise(page, GUARD_BYTES, ADVICE_GUARD_INSTALL) == 0)
        return true;
    return mprotect(page, GUARD_BYTES, PROT_NONE) == 0;
}

static struct fiber *pool_make(struct fiber_pool *p)
{
    if (p->made == p->all_capacity) {
        uint32_t capacity = p->all_capacity ? 2 * p->all_capacity : 64;
        struct fiber **all = realloc(p->all, capacity * sizeof(*all));
        p->all = all ? all : p->all;
        /* enough for all fibers to be free */
        struct fiber **unused = all ? realloc(p->free, capacity * sizeof(*unused)) : NULL;
        if (!unused)
            return NULL;
        p->free = unused;
        p->all_capacity = capacity;
    }
    if (p->slab_left == 0 && pool_grow_slab(p) < 0)
        return NULL;
    if (!guard(p->slab))
        return NULL;
    char *stack = p->slab + GUARD_BYTES;
    p->slab += GUARD_BYTES + STACK_BYTES;
    p->slab_left -= GUARD_BYTES + STACK_BYTES;

    size_t top = STACK_BYTES - sizeof(struct fiber) - (p->made % COLOURS) * COLOUR_BYTES;
    top &= ~(size_t)63;
    struct fiber *f = (struct fiber *)(stack + top);
    memset(f, 0, sizeof(*f));
    f->stack = stack;
    f->stack_size = top;
    f->state = FIBER_FREE;
    f->valgrind_stack = VALGRIND_STACK_REGISTER(stack, stack + top);
#if defined(__SANITIZE_THREAD__)
    f->tsan_fiber = __tsan_create_fiber(0);
#endif
    p->all[p->made++] = f;
    p->fresh++;
    return f;
}

static struct fiber *pool_take(struct fiber_pool *p)
{
    if (p->free_count == 0)
        return pool_make(p);
    struct fiber *f = p->free[--p->free_count];
    p->free_min = p->free_count < p->free_min ? p->free_count : p->free_min;
    if (p->free_count < p->given) {
        p->given = p->free_count;
        p->fresh++;
    }
    return f;
}

/* Gives the stack's pages below the one with the struct back to the kernel. Their content is not
 * needed: the next fiber begins with an empty stack. */
static void give_back(const struct fiber *f)
{
    uintptr_t end = (uintptr_t)f & ~(uintptr_t)(PAGE_BYTES - 1);
    (void)madvise(f->stack, end - (uintptr_t)f->stack, MADV_DONTNEED);
}

static uint64_t resident_of(const struct fiber_slab *s)
{
    unsigned char pages[STACKS_PER_SLAB * (GUARD_BYTES + STACK_BYTES) / PAGE_BYTES];
    uint64_t count = 0;
    if (mincore(s->base, s->bytes, pages) < 0)
        return s->bytes;
    for (size_t i = 0; i < s->bytes / PAGE_BYTES; i++)
        count += pages[i] & 1;
    return count * PAGE_BYTES;
}

void fiber_stacks_trim(uint32_t kept)
{
    struct fiber_pool *p = &reactor_here()->pool;
    const uint32_t unused = p->free_min > kept ? p->free_min - kept : 0;
    const uint64_t fresh = p->fresh;
    uint64_t resident = 0;
    /* fibers start and end while this fiber pauses */
    while (p->given < unused && p->given < p->free_count) {
        give_back(p->free[p->given++]);
        fiber_checkpoint();
    }
    for (uint32_t i = 0; i < p->slab_count; i++) {
        resident += resident_of(&p->slabs[i]);
        fiber_checkpoint();
    }
    p->resident = resident;
    /* Another trim may have ended meanwhile with a higher value. Then some stacks count twice until
     * the next trim. */
    p->measured = fresh;
    p->free_min = p->free_count;
}

uint64_t fiber_stack_bytes(const struct reactor *r)
{
    const struct fiber_pool *p = &r->pool;
    if (r->ops == &backend_sim) /* the simulated world does not depend on the kernel's memory */
        return (uint64_t)p->made * STACK_BYTES;
    return p->resident + (p->fresh - p->measured) * STACK_BYTES;
}

/* The first fiber of each actor, and the fibers that a store starts once, always find a free one:
 * ACTORS_MAX fibers are reserved for each of these two purposes. */
void fiber_pool_init(struct reactor *r, uint32_t max)
{
    const uint32_t kept = max / 4 < 2 * ACTORS_MAX ? max / 4 : 2 * ACTORS_MAX;
    r->pool.max = max;
    r->pool.max_actors = max - kept;
    r->pool.max_client = max - kept - max / 8;
}

void fiber_pool_fini(struct reactor *r)
{
    struct fiber_pool *p = &r->pool;
    for (uint32_t i = 0; i < p->made; i++) {
        struct fiber *f = p->all[i];
        VALGRIND_STACK_DEREGISTER(f->valgrind_stack);
#if defined(__SANITIZE_THREAD__)
        __tsan_destroy_fiber(f->tsan_fiber);
#endif
    }
    for (uint32_t i = 0; i < p->slab_count; i++) {
#if defined(__SANITIZE_ADDRESS__)
        /* Fibers that never ended (a simulated power cut) leave poisoned bytes behind. */
        __asan_unpoison_memory_region(p->slabs[i].base, p->slabs[i].bytes);
#endif
        munmap(p->slabs[i].base, p->slabs[i].bytes);
    }
    free(p->slabs);
    free(p->all);
    free(p->free);
    memset(p, 0, sizeof(*p));
}

/* ---- switches ---- */

/* Switches from the running fiber to the loop. `ends`: the fiber is not resumed again. */
static void switch_to_loop(struct reactor *r, struct fiber *f, bool ends)
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(ends ? NULL : &f->asan_fake_stack, r->loop_stack, r->loop_stack_size);
#endif
#if defined(__SANITIZE_THREAD__)
    __tsan_switch_to_fiber(r->tsan_loop, 0);
#endif
    (void)ends;
    stack_switch(&f->context, &r->loop);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(f->asan_fake_stack, &r->loop_stack, &r->loop_stack_size);
#endif
}

static void fiber_main(void *arg)
{
    struct fiber *f = arg;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(NULL, &f->reactor->loop_stack, &f->reactor->loop_stack_size);
#endif
    f->fn(f->arg);
    struct reactor *r = f->reactor;
    f->state = FIBER_FREE;
    switch_to_loop(r, f, true);
    check(!"a fiber that has ended was resumed");
}

void fiber_resume(struct reactor *r, struct fiber *f)
{
    f->state = FIBER_RUNNING;
    r->fiber = f;
    r->stats.switches++;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&r->asan_fake_stack, f->stack, f->stack_size);
#endif
#if defined(__SANITIZE_THREAD__)
    r->tsan_loop = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(f->tsan_fiber, 0);
#endif
    stack_switch(&r->loop, &f->context);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(r->asan_fake_stack, NULL, NULL);
#endif
    r->fiber = NULL;
    if (f->state == FIBER_FREE) {
        stack_fini(&f->context);
        r->pool.free[r->pool.free_count++] = f;
        r->pool.live--;
    }
}

/* ---- fiber.h ---- */

int fiber_start_below(uint32_t limit, enum fiber_class cls, fiber_fn fn, void *arg, const char *name)
{
    struct reactor *r = reactor_here();
    struct fiber_pool *p = &r->pool;
    if (p->live >= limit)
        return -EAGAIN;
    struct fiber *f = pool_take(p);
    if (!f)
        return -ENOMEM;
    p->live++;
    if (UNLIKELY(r->idle))
        reactor_idle_end(r);
    f->reactor = r;
    f->fn = fn;
    f->arg = arg;
    f->name = name;
    f->cls = cls;
    f->state = FIBER_READY;
    f->wake_pending = false;
    f->ran_ns = 0;
#ifdef KITH_DEBUG
    memset(f->held, 0, sizeof(f->held));
#endif
    stack_init(&f->context, f->stack, f->stack_size, fiber_main, f);
    run_queue_push(&r->ready[cls], f);
    return 0;
}

int fiber_start(enum fiber_class cls, fiber_fn fn, void *arg, const char *name)
{
    return fiber_start_below(reactor_here()->pool.max, cls, fn, arg, name);
}

int fiber_start_client(enum fiber_class cls, fiber_fn fn, void *arg, const char *name)
{
    return fiber_start_below(reactor_here()->pool.max_client, cls, fn, arg, name);
}

struct fiber *fiber_self(void)
{
    return reactor_current ? reactor_current->fiber : NULL;
}

enum fiber_class fiber_class_of(const struct fiber *f)
{
    return f->cls;
}

uint64_t fiber_ran_ns(uint64_t now_ns)
{
    struct reactor *r = reactor_here();
    check(r->fiber);
    return r->fiber->ran_ns + (now_ns - r->fiber_began_ns);
}

enum fiber_class fiber_become(enum fiber_class cls)
{
    struct fiber *f = fiber_self();
    check(f);
    enum fiber_class was = f->cls;
    f->cls = cls;
    return was;
}

void fiber_yield(void)
{
    struct reactor *r = reactor_here();
    struct fiber *f = r->fiber;
    check(f);
    f->state = FIBER_READY;
    run_queue_push(&r->ready[f->cls], f);
    switch_to_loop(r, f, false);
}

void fiber_suspend(void)
{
    struct reactor *r = reactor_here();
    struct fiber *f = r->fiber;
    check(f);
    if (f->wake_pending) {
        f->wake_pending = false;
        return;
    }
    f->state = FIBER_SUSPENDED;
    switch_to_loop(r, f, false);
}

void fiber_wake(struct fiber *f)
{
    struct reactor *r = f->reactor;
    dcheck(r == reactor_current);
    switch (f->state) {
    case FIBER_SUSPENDED:
        f->state = FIBER_WOKEN;
        run_queue_push(&r->ready[f->cls], f);
        break;
    case FIBER_WOKEN: /* already in a run queue; it rechecks its condition */ break;
    case FIBER_READY:
    case FIBER_RUNNING: f->wake_pending = true; break;
    case FIBER_FREE: check(!"wake of a fiber that has ended");
    }
}

static void sleeper_wake(void *arg)
{
    fiber_wake(arg);
}

void fiber_sleep_ns(uint64_t duration_ns)
{
    struct reactor *r = reactor_here();
    check(r->fiber);
    struct timer t = {0};
    timer_start(&t, reactor_now(r) + duration_ns, sleeper_wake, r->fiber);
    while (t.slot) /* a wake for another reason does not end the sleep */
        fiber_suspend();
}

/* ---- checkpoints ---- */

/* After this time a fiber of class WRITE or BACKGROUND yields if something has arrived. It is also
 * the intended time between two reads of the clock. */
#define LOOK_NS 10000u
/* Most checkpoints between two reads of the clock, because the steps of a loop may become
 * longer. */
#define STRIDE_MAX 16

static bool look_closer(struct reactor *r)
{
    uint64_t now = reactor_now(r), since = now - r->checkpoint_ns;
    if (since < LOOK_NS / 2 && r->checkpoint_stride < STRIDE_MAX)
        r->checkpoint_stride *= 2;
    else if (since > 2 * LOOK_NS && r->checkpoint_stride > 1)
        r->checkpoint_stride /= 2;
    r->checkpoint_left = r->checkpoint_stride;
    r->checkpoint_ns = now;

    uint64_t ran = now - r->fiber_began_ns;
    if (ran >= r->slice_ns)
        return true;
    if (r->fiber->cls == CLASS_INTERACTIVE)
        return false;
    if (!r->on_floor && r->ready[CLASS_INTERACTIVE].count)
        return true;
    return ran >= LOOK_NS && reactor_has_events(r, now);
}

bool fiber_should_yield(void)
{
    struct reactor *r = reactor_current;
    dcheck(r && r->fiber);
    if (UNLIKELY(r->ops->should_yield != NULL) && r->ops->should_yield(r->backend))
        return true;
#ifdef KITH_DEBUG
    /* Debug builds sometimes yield for no reason. That finds code which wrongly assumes that state
     * stays the same over a checkpoint (after Seastar). */
    r->debug_seed = r->debug_seed * 6364136223846793005u + 1442695040888963407u;
    if (!r->ops->should_yield && (r->debug_seed >> 60) == 0)
        return true;
#endif
    if (LIKELY(--r->checkpoint_left > 0))
        return false;
    return look_closer(r);
}

void fiber_pause(void)
{
    fiber_checkpoint();
}

#define COPY_BYTES ((size_t)64 << 10) /* about 20 us if the pages of `to` must be allocated */

void fiber_copy(void *to, const void *from, size_t n)
{
    for (size_t at = 0, part; at < n; at += part) {
        part = n - at < COPY_BYTES ? n - at : COPY_BYTES;
        memcpy((char *)to + at, (const char *)from + at, part);
        fiber_checkpoint();
    }
}

/* ---- contexts of requests ---- */

int context_check(const struct context *ctx)
{
    if (!ctx)
        return 0;
    if (atomic_load_explicit(&ctx->cancelled, memory_order_relaxed))
        return -ECANCELED;
    if (ctx->deadline_ns && clock_now_ns() >= ctx->deadline_ns)
        return -ETIME;
    return 0;
}

void context_cancel(struct context *ctx)
{
    atomic_store_explicit(&ctx->cancelled, true, memory_order_relaxed);
}
