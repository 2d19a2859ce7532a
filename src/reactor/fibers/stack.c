/* stack.c -- the first frame of a new stack, in the layout that stack_swap() expects. */
#include "reactor/fibers/stack.h"

/* KITH_UCONTEXT selects the portable code on any machine, to test it. */
#if (defined(__x86_64__) || defined(__aarch64__)) && !defined(KITH_UCONTEXT)
#include <stdint.h>

void stack_swap(void **save_sp, void *sp);
void stack_trampoline(void);

void stack_init(struct stack_context *c, void *stack, size_t size, stack_entry_fn entry, void *arg)
{
    uintptr_t top = ((uintptr_t)stack + size) & ~(uintptr_t)15;
#if defined(__x86_64__)
    /* From sp upwards: r15 r14 r13 r12 rbx rbp rip, then 16 bytes. So the trampoline starts with a
     * stack pointer that is a multiple of 16. The ABI requires that at its `call`, and SSE stores
     * fault otherwise. */
    uint64_t *frame = (uint64_t *)(top - 16 - 7 * 8);
    for (int i = 0; i < 6; i++)
        frame[i] = 0;
    frame[3] = (uint64_t)(uintptr_t)arg;
    frame[4] = (uint64_t)(uintptr_t)entry;
    frame[6] = (uint64_t)(uintptr_t)stack_trampoline;
#else
    uint64_t *frame = (uint64_t *)(top - 160);
    for (int i = 0; i < 20; i++)
        frame[i] = 0;
    frame[0] = (uint64_t)(uintptr_t)arg;
    frame[1] = (uint64_t)(uintptr_t)entry;
    frame[11] = (uint64_t)(uintptr_t)stack_trampoline;
#endif
    c->sp = frame;
}

void stack_switch(struct stack_context *from, struct stack_context *to)
{
    stack_swap(&from->sp, to->sp);
}

void stack_fini(struct stack_context *c)
{
    c->sp = NULL;
}

#else /* any other machine: correct, but slow */
#include "base/check.h"
#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

static void enter(unsigned fn_hi, unsigned fn_lo, unsigned arg_hi, unsigned arg_lo)
{
    stack_entry_fn fn = (stack_entry_fn)(uintptr_t)(((uint64_t)fn_hi << 32) | fn_lo);
    fn((void *)(uintptr_t)(((uint64_t)arg_hi << 32) | arg_lo));
}

/* The ucontext_t lies at the lower end of the stack and takes about 1 KiB of it. */
void stack_init(struct stack_context *c, void *stack, size_t size, stack_entry_fn entry, void *arg)
{
    ucontext_t *u = (ucontext_t *)(((uintptr_t)stack + 63) & ~(uintptr_t)63);
    check(getcontext(u) == 0);
    u->uc_stack.ss_sp = u + 1;
    u->uc_stack.ss_size = size - (size_t)((char *)(u + 1) - (char *)stack);
    u->uc_link = NULL;
    uint64_t f = (uint64_t)(uintptr_t)entry, a = (uint64_t)(uintptr_t)arg;
    makecontext(u, (void (*)(void))enter, 4, (unsigned)(f >> 32), (unsigned)f, (unsigned)(a >> 32), (unsigned)a);
    c->sp = u;
}

void stack_switch(struct stack_context *from, struct stack_context *to)
{
    ucontext_t here;
    /* the loop's own context; it lies in this frame, which stays valid until the switch back */
    if (!from->sp) {
        from->sp = &here;
        check(swapcontext(&here, to->sp) == 0);
        from->sp = NULL;
        return;
    }
    check(swapcontext(from->sp, to->sp) == 0);
}

void stack_fini(struct stack_context *c)
{
    c->sp = NULL;
}
#endif
