/* posix_file.c -- file operations by plain system calls, for operations that io_uring lacks and for
 * libuv's threads. Also the system's clocks and random numbers. */
#include "reactor/backend.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static int64_t error_or(int64_t rc)
{
    return rc < 0 ? -errno : rc;
}

unsigned posix_open_flags(unsigned flags)
{
    unsigned o = O_CLOEXEC;
    if (flags & OPEN_DIRECTORY)
        return o | O_RDONLY | O_DIRECTORY;
    o |= flags & FILE_WRITE ? O_RDWR : O_RDONLY;
    o |= flags & FILE_CREATE ? O_CREAT : 0;
    o |= flags & FILE_EXCLUSIVE ? O_CREAT | O_EXCL : 0;
    o |= flags & FILE_TRUNCATE ? O_TRUNC : 0;
    o |= flags & FILE_DIRECT ? O_DIRECT : 0;
    return o;
}

static int64_t open_path(const char *path, unsigned flags)
{
    unsigned o = posix_open_flags(flags);
    int fd = open(path, (int)o, 0644);
    /* FILE_DIRECT is optional: older tmpfs and some network file systems refuse it */
    if (fd < 0 && errno == EINVAL && (o & O_DIRECT))
        fd = open(path, (int)(o & ~(unsigned)O_DIRECT), 0644);
    return error_or(fd);
}

unsigned posix_write_back_flags(void)
{
    return SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
}

/* On file systems without sync_file_range() the later flush writes everything. */
static int64_t write_back(int fd, const struct op *op)
{
    int64_t rc = error_or(sync_file_range(fd, (off64_t)op->offset, (off64_t)op->size, posix_write_back_flags()));
    return rc == -ESPIPE || rc == -EINVAL || rc == -ENOSYS ? 0 : rc;
}

static int64_t write_at(int fd, const struct op *op)
{
    const off_t offset = (off_t)op->offset;
    return error_or(op->iov_count ? pwritev(fd, op->iov, (int)op->iov_count, offset)
                                  : pwrite(fd, op->bytes, op->size, offset));
}

static int64_t file_bytes(int fd)
{
    struct stat st;
    return fstat(fd, &st) < 0 ? -errno : st.st_size;
}

static int64_t list(struct op *op)
{
    DIR *d = opendir(op->path);
    if (!d)
        return -errno;
    char *names = NULL;
    size_t size = 0, capacity = 0;
    int64_t count = 0, rc = 0;
    for (;;) {
        errno = 0;
        struct dirent *e = readdir(d);
        if (!e) {
            rc = -errno;
            break;
        }
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        size_t n = strlen(e->d_name) + 1;
        if (size + n > capacity) {
            capacity = 2 * capacity + n + 256;
            char *more = realloc(names, capacity);
            if (!more) {
                rc = -ENOMEM;
                break;
            }
            names = more;
        }
        memcpy(names + size, e->d_name, n);
        size += n;
        count++;
    }
    closedir(d);
    if (rc < 0 || count == 0) {
        free(names);
        return rc;
    }
    op->bytes = names;
    op->size = size;
    return count;
}

static int64_t space(const char *path)
{
    struct statvfs st;
    if (statvfs(path, &st) < 0)
        return -errno;
    return (int64_t)((uint64_t)st.f_bavail * st.f_frsize);
}

static int64_t map(struct op *op)
{
    int fd = open(op->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int64_t rc = file_bytes(fd);
    op->bytes = NULL;
    op->size = 0;
    if (rc > 0) {
        void *p = mmap(NULL, (size_t)rc, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED) {
            rc = -errno;
        } else {
            op->bytes = p;
            op->size = (size_t)rc;
        }
    }
    close(fd);
    return rc < 0 ? rc : 0;
}

/* Flushes first, because dirty pages stay in the cache in spite of the advice. */
static int64_t drop_cache(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int64_t rc = error_or(fdatasync(fd));
    if (rc == 0)
        rc = -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
    return rc;
}

void posix_file_run(struct op *op)
{
    int fd = (int)op->handle;
    switch (op->kind) {
    case OP_OPEN: op->result = open_path(op->path, op->flags); break;
    case OP_CLOSE: op->result = error_or(close(fd)); break;
    case OP_READ: op->result = error_or(pread(fd, op->bytes, op->size, (off_t)op->offset)); break;
    case OP_WRITE: op->result = write_at(fd, op); break;
    case OP_FLUSH: op->result = error_or(fdatasync(fd)); break;
    case OP_WRITE_BACK: op->result = write_back(fd, op); break;
    case OP_SIZE: op->result = file_bytes(fd); break;
    case OP_TRUNCATE: op->result = error_or(ftruncate(fd, (off_t)op->size)); break;
    case OP_LOCK: op->result = error_or(flock(fd, LOCK_EX | LOCK_NB)); break;
    case OP_RENAME: op->result = error_or(rename(op->path, op->path2)); break;
    case OP_LINK: op->result = error_or(link(op->path, op->path2)); break;
    case OP_REMOVE: op->result = error_or(unlink(op->path)); break;
    case OP_MKDIR: op->result = error_or(mkdir(op->path, 0755)); break;
    case OP_RMDIR: {
        int64_t rc = error_or(rmdir(op->path));
        op->result = rc == -EEXIST ? -ENOTEMPTY : rc; /* POSIX allows both errors */
        break;
    }
    case OP_LIST: op->result = list(op); break;
    case OP_SPACE: op->result = space(op->path); break;
    case OP_MAP: op->result = map(op); break;
    case OP_DROP_CACHE: op->result = drop_cache(op->path); break;
    default: check(!"not a file operation");
    }
}

void posix_unmap(struct backend *b, const struct mapping *m)
{
    (void)b;
    check(munmap((void *)(uintptr_t)m->bytes, m->size) == 0);
}

void posix_advise(struct backend *b, const struct mapping *m, size_t offset, size_t size, enum mapping_advice advice)
{
    static const int system_advice[] = {[MAPPING_RANDOM] = MADV_RANDOM,
                                        [MAPPING_SEQUENTIAL] = MADV_SEQUENTIAL,
                                        [MAPPING_WILLNEED] = MADV_WILLNEED,
                                        [MAPPING_DROP] = MADV_DONTNEED};
    (void)b;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = ((uintptr_t)m->bytes + offset) & ~(page - 1);
    uintptr_t to = (uintptr_t)m->bytes + offset + size;
    /* a hint; if the kernel refuses it, nothing breaks */
    (void)madvise((void *)from, to - from, system_advice[advice]);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t posix_now_ns(struct backend *b)
{
    (void)b;
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t posix_wall_ns(struct backend *b)
{
    (void)b;
    return clock_ns(CLOCK_REALTIME);
}

void posix_yield_core(struct backend *b)
{
    sched_yield();
}

uint64_t posix_random(struct backend *b)
{
    /* 256 bytes, the most that getrandom() always returns in full */
    static _Thread_local uint64_t fetched[32];
    static _Thread_local unsigned left;
    (void)b;
    if (left == 0) {
        ssize_t n;
        do
            n = getrandom(fetched, sizeof(fetched), 0);
        while (n < 0 && errno == EINTR);
        check(n == (ssize_t)sizeof(fetched));
        left = ARRAY_LEN(fetched);
    }
    return fetched[--left];
}
