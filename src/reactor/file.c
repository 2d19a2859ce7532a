/* file.c -- file operations that complete: short reads and writes are continued, interrupted
 * operations are repeated. */
#include "base/memory.h"
#include "reactor/mapping_guard.h"
#include "reactor/reactor.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Most bytes of one operation (Linux stops at 2 GiB - 4 KiB); a multiple of the alignment of
 * O_DIRECT. */
#define PIECE_MAX ((size_t)256 << 20)
/* The same for background fibers. It is small so that urgent operations do not wait long for the
 * disk (disk.c). */
#define PIECE_BACKGROUND ((size_t)1 << 20)
/* Most dirty bytes of a file that background fibers write. If all dirty pages were left to the
 * final flush, flushes of the log would wait behind hundreds of MiB. */
#define WRITE_BACK_BYTES ((uint64_t)4 << 20)

/* Most slices of one operation (UIO_MAXIOV of Linux). */
#define SLICES_MAX 1024

/* Bytes of a mapping that are unmapped at once, which takes about 50 us. */
#define DROP_BYTES ((size_t)4 << 20)

struct file {
    handle_t handle;
    struct reactor *reactor;
    /* the range that background fibers wrote and that is not written back */
    uint64_t dirty_from, dirty_to;
    bool is_direct;
};

/* Some kernels abort operations around a signal although no code cancelled them. EINTR and EAGAIN
 * are no failures either. */
static bool is_transient(int64_t rc)
{
    return rc == -EINTR || rc == -EAGAIN || rc == -ECANCELED;
}

static int64_t run(struct op *op)
{
    int64_t rc;
    unsigned tries = 0;
    while (is_transient(rc = op_run(op)) && ++tries < 16)
        fiber_yield();
    return rc;
}

static int run_path(enum op_kind kind, const char *path, const char *path2)
{
    struct op op = {.kind = kind, .path = path, .path2 = path2};
    return (int)run(&op);
}

static int64_t run_file(struct file *f, enum op_kind kind, size_t size)
{
    check(f->reactor == reactor_here());
    struct op op = {.kind = kind, .handle = f->handle, .size = size};
    /* a held lock gives -EWOULDBLOCK, which equals -EAGAIN */
    return op.kind == OP_LOCK ? op_run(&op) : run(&op);
}

int file_open(const char *path, unsigned flags, struct file **ret)
{
    struct file *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    struct op op = {.kind = OP_OPEN, .path = path, .flags = flags};
    int64_t handle = run(&op);
    if (handle < 0) {
        free(f);
        return (int)handle;
    }
    *f = (struct file){.handle = handle, .reactor = reactor_here(), .is_direct = flags & FILE_DIRECT};
    *ret = f;
    return 0;
}

void file_close(struct file *f)
{
    /* Never repeated: a close that fails has closed the handle. Data that was not flushed was not
     * promised to be durable. */
    check(f->reactor == reactor_here());
    struct op op = {.kind = OP_CLOSE, .handle = f->handle};
    (void)op_run(&op);
    free(f);
}

static bool in_background(void)
{
    return fiber_class_of(fiber_self()) == CLASS_BACKGROUND;
}

static size_t piece_max(void)
{
    return in_background() ? PIECE_BACKGROUND : PIECE_MAX;
}

/* Called after each write; starts the write-back of what background fibers wrote. An error fails
 * the write, because the kernel reports it once, and a later flush would not see it. */
static int64_t write_back(struct file *f, uint64_t offset, uint64_t size)
{
    if (f->is_direct || !in_background())
        return 0;
    if (offset != f->dirty_to)
        f->dirty_from = offset;
    f->dirty_to = offset + size;
    if (f->dirty_to - f->dirty_from < WRITE_BACK_BYTES)
        return 0;
    struct op op = {
        .kind = OP_WRITE_BACK, .handle = f->handle, .size = f->dirty_to - f->dirty_from, .offset = f->dirty_from};
    f->dirty_from = f->dirty_to;
    return run(&op);
}

int64_t file_read(struct file *f, void *bytes, size_t n, uint64_t offset)
{
    size_t have = 0;
    check(f->reactor == reactor_here());
    while (have < n) {
        size_t piece = n - have < piece_max() ? n - have : piece_max();
        struct op op = {.kind = OP_READ,
                        .handle = f->handle,
                        .bytes = (char *)bytes + have,
                        .size = piece,
                        .offset = offset + have};
        int64_t rc = run(&op);
        if (rc < 0)
            return rc;
        if (rc == 0)
            break;
        have += (size_t)rc;
    }
    return (int64_t)have;
}

/* What one operation did not bring: it was cut short, or given up by the kernel. */
static int64_t read_rest(struct file *f, const struct file_read *r, int64_t got)
{
    if (is_transient(got))
        got = 0;
    else if (got <= 0 || (size_t)got == r->size)
        return got;
    const int64_t more = file_read(f, (char *)r->bytes + got, r->size - (size_t)got, r->offset + (uint64_t)got);
    return more < 0 ? more : got + more;
}

static void read_together(struct file *f, struct file_read *reads, unsigned n)
{
    struct op ops[FILE_READS_AT_ONCE];
    for (unsigned i = 0; i < n; i++)
        ops[i] = (struct op){.kind = OP_READ,
                             .handle = f->handle,
                             .bytes = reads[i].bytes,
                             .size = reads[i].size < piece_max() ? reads[i].size : piece_max(),
                             .offset = reads[i].offset};
    op_run_all(ops, n);
    for (unsigned i = 0; i < n; i++)
        reads[i].got = read_rest(f, &reads[i], ops[i].result);
}

void file_read_many(struct file *f, struct file_read *reads, unsigned n)
{
    check(f->reactor == reactor_here());
    for (unsigned at = 0; at < n; at += FILE_READS_AT_ONCE)
        read_together(f, reads + at, n - at < FILE_READS_AT_ONCE ? n - at : FILE_READS_AT_ONCE);
}

/* Writes as many slices as one operation takes. Returns the bytes written, at least one. */
static int64_t write_slices(struct file *f, struct iovec *slices, unsigned count, uint64_t offset)
{
    struct op op = {.kind = OP_WRITE, .handle = f->handle, .offset = offset};
    const size_t most = piece_max();
    unsigned n = 0;
    for (; n < count && n < SLICES_MAX && slices[n].iov_len <= most - op.size; n++)
        op.size += slices[n].iov_len;
    if (n > 1) {
        op.iov = slices;
        op.iov_count = n;
    } else {
        op.bytes = slices[0].iov_base;
        op.size = slices[0].iov_len < most ? slices[0].iov_len : most;
    }
    int64_t rc = run(&op);
    /* -EFAULT: the slice lies in a mapping that the kernel could not read. 0: a disk that makes no
     * progress. */
    if (rc <= 0)
        return rc == -EFAULT || rc == 0 ? -EIO : rc;
    int64_t back = write_back(f, offset, (uint64_t)rc);
    return back < 0 ? back : rc;
}

int file_writev(struct file *f, struct iovec *slices, unsigned count, uint64_t offset)
{
    check(f->reactor == reactor_here());
    for (;;) {
        for (; count > 0 && slices->iov_len == 0; count--)
            slices++;
        if (count == 0)
            return 0;
        int64_t written = write_slices(f, slices, count, offset);
        if (written < 0)
            return (int)written;
        offset += (uint64_t)written;
        for (struct iovec *s = slices; written > 0; s++) {
            size_t n = (size_t)written < s->iov_len ? (size_t)written : s->iov_len;
            s->iov_base = (char *)s->iov_base + n;
            s->iov_len -= n;
            written -= (int64_t)n;
        }
    }
}

int file_write(struct file *f, const void *bytes, size_t n, uint64_t offset)
{
    struct iovec all = {(void *)(uintptr_t)bytes, n};
    return file_writev(f, &all, 1, offset);
}

int file_flush(struct file *f)
{
    return (int)run_file(f, OP_FLUSH, 0);
}

int64_t file_size(struct file *f)
{
    return run_file(f, OP_SIZE, 0);
}

int file_truncate(struct file *f, uint64_t size)
{
    return (int)run_file(f, OP_TRUNCATE, size);
}

int file_lock(struct file *f)
{
    return (int)run_file(f, OP_LOCK, 0);
}

int file_rename(const char *from, const char *to)
{
    return run_path(OP_RENAME, from, to);
}

int file_link(const char *from, const char *to)
{
    return run_path(OP_LINK, from, to);
}

int file_remove(const char *path)
{
    return run_path(OP_REMOVE, path, NULL);
}

int file_drop_cache(const char *path)
{
    return run_path(OP_DROP_CACHE, path, NULL);
}

int directory_create(const char *path)
{
    int rc = run_path(OP_MKDIR, path, NULL);
    return rc == -EEXIST ? 0 : rc;
}

int directory_remove(const char *path)
{
    return run_path(OP_RMDIR, path, NULL);
}

int directory_flush(const char *path)
{
    struct op op = {.kind = OP_OPEN, .path = path, .flags = OPEN_DIRECTORY};
    int64_t handle = run(&op);
    if (handle < 0)
        return (int)handle;
    op = (struct op){.kind = OP_FLUSH, .handle = handle};
    int64_t rc = run(&op);
    op = (struct op){.kind = OP_CLOSE, .handle = handle};
    (void)op_run(&op);
    return (int)rc;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int directory_list(const char *path, int (*each)(const char *name, void *arg), void *arg)
{
    struct op op = {.kind = OP_LIST, .path = path};
    int64_t n = run(&op);
    if (n <= 0)
        return (int)n;
    int rc = -ENOMEM;
    const char **names = malloc((size_t)n * sizeof(*names));
    if (names) {
        const char *name = op.bytes;
        for (int64_t i = 0; i < n; i++, name += strlen(name) + 1)
            names[i] = name;
        qsort(names, (size_t)n, sizeof(*names), compare_names);
        rc = 0;
        for (int64_t i = 0; i < n && rc == 0; i++)
            rc = each(names[i], arg);
    }
    free(names);
    free(op.bytes);
    return rc;
}

int64_t directory_space(const char *path)
{
    struct op op = {.kind = OP_SPACE, .path = path};
    return run(&op);
}

int mapping_open(const char *path, struct mapping *ret)
{
    struct op op = {.kind = OP_MAP, .path = path};
    int64_t rc = run(&op);
    if (rc < 0)
        return (int)rc;
    *ret = (struct mapping){.bytes = op.bytes, .size = op.size};
    if (op.size)
        ret->guard = mapping_guard_take(op.bytes, op.size);
    return 0;
}

void mapping_advise(const struct mapping *m, size_t offset, size_t size, enum mapping_advice advice)
{
    struct reactor *r = reactor_here();
    if (offset >= m->size)
        return;
    if (size > m->size - offset)
        size = m->size - offset;
    if (size > 0)
        r->ops->advise(r->backend, m, offset, size, advice);
}

void mapping_close_slowly(struct mapping *m)
{
    for (size_t at = 0; at < m->size; at += DROP_BYTES) {
        mapping_advise(m, at, DROP_BYTES, MAPPING_DROP);
        fiber_checkpoint();
    }
    mapping_close(m);
}

void mapping_close(struct mapping *m)
{
    struct reactor *r = reactor_here();
    mapping_guard_drop(m->guard);
    if (m->bytes)
        r->ops->unmap(r->backend, m);
    *m = (struct mapping){0};
}
