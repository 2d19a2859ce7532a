/* stack_aarch64.S -- the switch for AAPCS64, where x19 to x28, x29, x30 and d8 to d15 are
 * callee-saved. */
#if defined(__aarch64__)
    .text

/* void stack_swap(void **save_sp, void *sp) */
    .globl stack_swap
    .hidden stack_swap
    .type stack_swap, %function
    .balign 16
stack_swap:
    .cfi_startproc
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    /* not ret: this address belongs to another stack, so the return predictor would be wrong */
    br x30
    .cfi_endproc
    .size stack_swap, .-stack_swap

/* The first code on a new stack: x19 holds the argument, x20 the function. Unwinders stop here. */
    .globl stack_trampoline
    .hidden stack_trampoline
    .type stack_trampoline, %function
    .balign 16
stack_trampoline:
    .cfi_startproc
    .cfi_undefined x30
    mov x0, x19
    mov x29, xzr
    blr x20
    brk #1
    .cfi_endproc
    .size stack_trampoline, .-stack_trampoline
#endif
    .section .note.GNU-stack, "", %progbits
