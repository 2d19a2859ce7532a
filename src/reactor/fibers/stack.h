/* stack.h -- switches between stacks.
 *
 * x86-64 and AArch64 have a few lines of assembly each (stack_x86_64.S, stack_aarch64.S). They save
 * the callee-saved registers on the old stack, so that the stack pointer is the whole context. They
 * leave the signal mask alone; saving it makes swapcontext() fifty times as slow. Other machines
 * use swapcontext() (stack.c). */
#pragma once

#include <stddef.h>

struct stack_context {
    void *sp; /* or the address of the ucontext_t, with swapcontext() */
};

typedef void (*stack_entry_fn)(void *arg);

/* Makes c run entry(arg) on the given stack when it is first entered. entry never returns. */
void stack_init(struct stack_context *c, void *stack, size_t size, stack_entry_fn entry, void *arg);

/* Saves the caller in *from and goes on in *to. Returns after a switch to *from. */
void stack_switch(struct stack_context *from, struct stack_context *to);

/* Clears the context. The caller may reuse its stack. */
void stack_fini(struct stack_context *c);
