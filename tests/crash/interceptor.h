/* interceptor.h -- makes system calls of a server fail, switched on and off while it runs.
 *
 * The server's process gets a seccomp filter whose listener is ours (SECCOMP_RET_USER_NOTIF, Linux
 * 5.0): each call that writes to a file or flushes one asks a thread of this process what is to
 * become of it. Only with --io uv: what goes through io_uring is no system call. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum interception {
    INTERCEPT_NOTHING,
    /* fdatasync and fsync fail with EIO; what was written is in the page cache */
    INTERCEPT_FLUSHES,
    INTERCEPT_WRITES, /* writes fail with EIO */
    /* writes say that they worked and do not happen; the next flush of that file fails with EIO, as
     * when the kernel drops the pages that it could not write */
    INTERCEPT_LOSES,
    /* whatever changes the file system fails with EROFS, as after the kernel has remounted it */
    INTERCEPT_READ_ONLY,
};

struct interceptor;

/* NULL, with a reason in failure(), where the kernel does not allow it. */
struct interceptor *interceptor_create(void);
/* the two halves of a start, for struct server_plan */
void interceptor_in_child(void *interceptor);
int interceptor_attach(void *interceptor);
void interceptor_set(struct interceptor *i, enum interception what);
/* calls that were made to fail so far */
uint64_t interceptor_failures(const struct interceptor *i);
void interceptor_detach(struct interceptor *i); /* the server is dead */
void interceptor_destroy(struct interceptor *i);
