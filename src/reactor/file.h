/* file.h -- files, by fibers.
 *
 * Each call suspends the calling fiber until the kernel has answered; a buffer is in use
 * until then. A file belongs to the reactor that opened it. Errors are negative errnos:
 * -ENOENT, -ENOSPC, -EIO, ... */
#pragma once

#include "reactor/runtime.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct file;

enum {
    FILE_READ = 0, /* always readable */
    FILE_WRITE = 1 << 0,
    FILE_CREATE = 1 << 1, /* if it is not there; with FILE_EXCLUSIVE it must not be */
    FILE_EXCLUSIVE = 1 << 2,
    FILE_TRUNCATE = 1 << 3,
    /* a wish: past the page cache where possible; offsets, sizes, memory 4 KiB aligned */
    FILE_DIRECT = 1 << 4,
};

MUST_USE int file_open(const char *path, unsigned flags, struct file **ret);
void file_close(struct file *f);
/* Reads until n bytes or the end of the file; returns the bytes read. */
MUST_USE int64_t file_read(struct file *f, void *bytes, size_t n, uint64_t offset);
/* Writes all n bytes or fails; after a failure the range is undefined. */
MUST_USE int file_write(struct file *f, const void *bytes, size_t n, uint64_t offset);
/* The same with slices, one behind the other in the file. Uses them up: the list is changed. */
MUST_USE int file_writev(struct file *f, struct iovec *slices, unsigned count, uint64_t offset);
/* Data and what is needed to read it are on stable storage (fdatasync). After a failure never
 * assume the data is there. */
MUST_USE int file_flush(struct file *f);
MUST_USE int64_t file_size(struct file *f);
MUST_USE int file_truncate(struct file *f, uint64_t size);
/* An exclusive lock on the file that dies with the process; -EWOULDBLOCK when
 * another process holds it. */
MUST_USE int file_lock(struct file *f);

MUST_USE int file_rename(const char *from, const char *to);
/* The file has a second name, and its bytes live until both are removed: -EEXIST when `to` is
 * there; -EPERM, -EXDEV, -EMLINK, -EOPNOTSUPP where the file system cannot. */
MUST_USE int file_link(const char *from, const char *to);
MUST_USE int file_remove(const char *path);
MUST_USE int directory_create(const char *path); /* 0 also when it is there */
MUST_USE int directory_remove(const char *path); /* -ENOTEMPTY unless empty */
/* makes renames, creations and removals in it durable */
MUST_USE int directory_flush(const char *path);
/* Calls each(name, arg) for every entry but "." and "..", in name order; a non-zero return ends the
 * walk and is returned. */
MUST_USE int directory_list(const char *path, int (*each)(const char *name, void *arg), void *arg);
/* For benchmarks: the next read of the file comes from the disk. Pages that are mapped stay. */
MUST_USE int file_drop_cache(const char *path);
/* Bytes free to us on the file system of path. */
MUST_USE int64_t directory_space(const char *path);

/* A read-only view of a whole file. The view stays valid after the file is closed or removed. A
 * page that the disk does not give back, or that was cut off the file, reads as zeros and is noted:
 * whoever believes what it read asks afterwards. */
struct mapping {
    const uint8_t *bytes;
    size_t size;
    struct mapping_guard *guard;
};
enum mapping_advice {
    MAPPING_RANDOM,
    MAPPING_SEQUENTIAL,
    MAPPING_WILLNEED,
    MAPPING_DROP, /* this view of the pages is given back; a look brings it again */
};
MUST_USE int mapping_open(const char *path, struct mapping *ret);
void mapping_advise(const struct mapping *m, size_t offset, size_t size, enum mapping_advice advice);
void mapping_close(struct mapping *m);
/* Whether a page of it was lost; *ret_offset: the first that was. Copies of m answer
 * alike, on every reactor. */
bool mapping_lost(const struct mapping *m, uint64_t *ret_offset);
/* Pages lost so far, of all mappings of the process: while it stays the same, nothing
 * was lost. Costs a load. */
uint64_t mapping_losses(void);
/* The same in steps with a checkpoint after each: taking a GiB of pages out of a view takes
 * 20 ms or more. Waits. */
void mapping_close_slowly(struct mapping *m);
