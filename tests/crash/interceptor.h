/* interceptor.h -- makes system calls of a server fail, switched on and off while it runs.
 *
 * The process of the server gets a seccomp filter, and this process gets its listener
 * (SECCOMP_RET_USER_NOTIF, Linux 5.0). For each call that writes to a file or flushes it, a thread
 * of this process decides whether it happens or fails. It works only with --io uv, because
 * operations of io_uring are no system calls. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum interception {
    INTERCEPT_NOTHING,
    /* fdatasync and fsync fail with EIO; written bytes are in the page cache */
    INTERCEPT_FLUSHES,
    INTERCEPT_WRITES, /* writes fail with EIO */
    /* writes report success and do not happen; the next flush of that file fails with EIO, as if
     * the kernel dropped pages that it could not write */
    INTERCEPT_LOSES,
    /* calls that change the file system fail with EROFS, as if the kernel had remounted it */
    INTERCEPT_READ_ONLY,
};

struct interceptor;

/* NULL, with the reason in failure(): the kernel does not allow it. */
struct interceptor *interceptor_create(void);
/* The two halves of a start, for struct server_plan. */
void interceptor_in_child(void *interceptor);
int interceptor_attach(void *interceptor);
void interceptor_set(struct interceptor *i, enum interception what);
/* The number of calls that were made to fail so far. */
uint64_t interceptor_failures(const struct interceptor *i);
void interceptor_detach(struct interceptor *i); /* call it after the server has ended */
void interceptor_destroy(struct interceptor *i);
