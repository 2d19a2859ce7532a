/* file.h -- files for fibers.
 *
 * Each call suspends the calling fiber until the kernel has answered. Buffers are in use until
 * then. A file belongs to the reactor that opened it. Errors are negative errnos: -ENOENT, -ENOSPC,
 * -EIO, ... */
#pragma once

#include "reactor/runtime.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct file;

enum {
    FILE_READ = 0, /* always readable */
    FILE_WRITE = 1 << 0,
    /* creates the file if it does not exist; with FILE_EXCLUSIVE it must not exist */
    FILE_CREATE = 1 << 1,
    FILE_EXCLUSIVE = 1 << 2,
    FILE_TRUNCATE = 1 << 3,
    /* bypass the page cache where the file system can; offsets, sizes and memory are 4 KiB
     * aligned */
    FILE_DIRECT = 1 << 4,
};

MUST_USE int file_open(const char *path, unsigned flags, struct file **ret);
void file_close(struct file *f);
/* Reads until n bytes or the end of the file; returns the bytes read. */
MUST_USE int64_t file_read(struct file *f, void *bytes, size_t n, uint64_t offset);
/* One of many reads; got: as file_read() returns. */
struct file_read {
    void *bytes;
    size_t size;
    uint64_t offset;
    int64_t got;
};
#define FILE_READS_AT_ONCE 16
/* n reads in any order, of which FILE_READS_AT_ONCE are under way together. */
void file_read_many(struct file *f, struct file_read *reads, unsigned n);
/* Writes all n bytes or fails. After a failure the content of the range is undefined. */
MUST_USE int file_write(struct file *f, const void *bytes, size_t n, uint64_t offset);
/* Like file_write() for several slices, one behind the other in the file. Changes the list of
 * slices. */
MUST_USE int file_writev(struct file *f, struct iovec *slices, unsigned count, uint64_t offset);
/* Makes the data, and the metadata needed to read it, durable (fdatasync). After a failure the data
 * may be lost, even if a later flush succeeds. */
MUST_USE int file_flush(struct file *f);
MUST_USE int64_t file_size(struct file *f);
MUST_USE int file_truncate(struct file *f, uint64_t size);
/* Takes an exclusive lock on the file, which ends with the process; -EWOULDBLOCK when another
 * process holds it. */
MUST_USE int file_lock(struct file *f);

MUST_USE int file_rename(const char *from, const char *to);
/* Gives the file a second name; its bytes live until both names are removed. -EEXIST when `to`
 * exists; -EPERM, -EXDEV, -EMLINK, -EOPNOTSUPP where the file system does not support it. */
MUST_USE int file_link(const char *from, const char *to);
MUST_USE int file_remove(const char *path);
MUST_USE int directory_create(const char *path); /* 0 also when it exists */
MUST_USE int directory_remove(const char *path); /* -ENOTEMPTY if it has entries */
/* makes renames, creations and removals in the directory durable */
MUST_USE int directory_flush(const char *path);
/* Calls each(name, arg) for every entry but "." and "..", in the order of names. A non-zero return
 * value ends the walk and is returned. */
MUST_USE int directory_list(const char *path, int (*each)(const char *name, void *arg), void *arg);
/* For benchmarks: the next read of the file comes from the disk. Mapped pages stay in memory. */
MUST_USE int file_drop_cache(const char *path);
/* Bytes free for this process on the file system of path. */
MUST_USE int64_t directory_space(const char *path);

/* A read-only view of a whole file. It stays valid after the file is closed or removed. A page that
 * the disk cannot read, or that was cut off the file, reads as zeros and is noted. Code that relies
 * on what it read calls mapping_lost() afterwards. */
struct mapping {
    const uint8_t *bytes;
    size_t size;
    struct mapping_guard *guard;
};
enum mapping_advice {
    MAPPING_RANDOM,
    MAPPING_SEQUENTIAL,
    MAPPING_WILLNEED,
    MAPPING_DROP, /* drops the pages from this view; the next access maps them again */
};
MUST_USE int mapping_open(const char *path, struct mapping *ret);
void mapping_advise(const struct mapping *m, size_t offset, size_t size, enum mapping_advice advice);
void mapping_close(struct mapping *m);
/* Whether a page of m was lost; *ret_offset: the first one. Copies of m give the same answer on
 * every reactor. */
bool mapping_lost(const struct mapping *m, uint64_t *ret_offset);
/* The number of pages lost so far in all mappings of the process. While it does not change, no page
 * was lost. Costs one load. */
uint64_t mapping_losses(void);
/* Like mapping_close(), in steps with a checkpoint after each: unmapping a GiB takes 20 ms or more.
 * Waits. */
void mapping_close_slowly(struct mapping *m);
