/* stack.h -- leaving one stack for another.
 *
 * x86-64 and AArch64 have a few lines of assembly each (stack_x86_64.S, stack_aarch64.S): the
 * callee-saved registers go onto the stack that is left, and the stack pointer is all there is to
 * remember. Signal masks are not touched, which is what makes swapcontext() fifty times as dear;
 * other machines use it all the same (stack.c). */
#pragma once

#include <stddef.h>

struct stack_context {
    void *sp; /* or the ucontext_t, where that is used */
};

typedef void (*stack_entry_fn)(void *arg);

/* Makes c run entry(arg) on the given stack when it is first entered. entry never returns. */
void stack_init(struct stack_context *c, void *stack, size_t size, stack_entry_fn entry, void *arg);

/* Saves the caller in *from and goes on in *to. Returns when somebody switches to *from. */
void stack_switch(struct stack_context *from, struct stack_context *to);

/* Forgets the context; its stack is the caller's again. */
void stack_fini(struct stack_context *c);
