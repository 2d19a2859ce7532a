/* stack_x86_64.S -- the switch for the System V ABI, where rbx, rbp and r12 to r15 are callee-saved
 * (section 3.2.1).
 *
 * It returns by `pop rcx; jmp *rcx`, not by `ret`: the return address belongs to another stack, so
 * the CPU's return predictor would be wrong every time. MXCSR and the x87 control word are not
 * saved, because no code here changes them. */
#if defined(__x86_64__)
    .text

/* void stack_swap(void **save_sp, void *sp) */
    .globl stack_swap
    .hidden stack_swap
    .type stack_swap, @function
    .balign 16
stack_swap:
    .cfi_startproc
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    popq %rcx
    jmp *%rcx
    .cfi_endproc
    .size stack_swap, .-stack_swap

/* The first code on a new stack: r12 holds the argument, rbx the function. Unwinders stop here. */
    .globl stack_trampoline
    .hidden stack_trampoline
    .type stack_trampoline, @function
    .balign 16
stack_trampoline:
    .cfi_startproc
    .cfi_undefined rip
    movq %r12, %rdi
    xorl %ebp, %ebp
    call *%rbx
    ud2
    .cfi_endproc
    .size stack_trampoline, .-stack_trampoline
#endif
    .section .note.GNU-stack, "", %progbits
