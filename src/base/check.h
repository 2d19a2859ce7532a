/* check.h -- what we believe, written where it could break.
 *
 * check() stays in release builds: a broken belief about our own code stops the process before it
 * can spread to disk. dcheck() costs more than a compare and lives in debug builds only. Bytes from
 * the network or from a disk are never checked this way: they are data, and get an error. */
#pragma once

#include <stddef.h>

#define MUST_USE                           __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_arg, first_arg) __attribute__((format(printf, format_arg, first_arg)))
#define LIKELY(x)                          __builtin_expect(!!(x), 1)
#define UNLIKELY(x)                        __builtin_expect(!!(x), 0)
#define ARRAY_LEN(a)                       (sizeof(a) / sizeof((a)[0]))

/* The struct of the given type whose member is at ptr. */
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Says that a result is of no interest; the place says why. */
static inline void ignore_result(int rc)
{
    (void)rc;
}

_Noreturn void check_failed(const char *file, int line, const char *belief);

#define check(x) (LIKELY(x) ? (void)0 : check_failed(__FILE__, __LINE__, #x))
#ifdef KITH_DEBUG
#define dcheck(x) check(x)
#else
#define dcheck(x) ((void)sizeof(x))
#endif
