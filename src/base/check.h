/* check.h -- assertions, and small macros for the compiler.
 *
 * check() stays in release builds: a broken assertion about our own code stops the process before
 * the error can reach the disk. dcheck() is for checks that cost more than a compare, in debug
 * builds only. Bytes from the network or from a disk are never checked this way; if they are wrong,
 * the caller returns an error. */
#pragma once

#include <stddef.h>

#define MUST_USE                           __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_arg, first_arg) __attribute__((format(printf, format_arg, first_arg)))
#define LIKELY(x)                          __builtin_expect(!!(x), 1)
#define UNLIKELY(x)                        __builtin_expect(!!(x), 0)
#define ARRAY_LEN(a)                       (sizeof(a) / sizeof((a)[0]))

/* The struct of the given type that contains `member` at ptr. */
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Ignores the result of a call; a comment at the call says why. */
static inline void ignore_result(int rc)
{
    (void)rc;
}

_Noreturn void check_failed(const char *file, int line, const char *assertion);

#define check(x) (LIKELY(x) ? (void)0 : check_failed(__FILE__, __LINE__, #x))
#ifdef KITH_DEBUG
#define dcheck(x) check(x)
#else
#define dcheck(x) ((void)sizeof(x))
#endif
