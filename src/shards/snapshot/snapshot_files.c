/* snapshot_files.c -- lists the files that a manifest needs, and gives each a second name by a hard
 * link, or copies it where the file system has no hard links. */
#include "shards/snapshot/snapshot_files.h"
#include "base/memory.h"
#include "reactor/fibers/fiber.h"
#include "reactor/file.h"
#include "shards/log/log_files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPY_SLICE ((size_t)1 << 20)

int snapshot_path(char *path, const char *dir, const char *name)
{
    return path_join(path, dir, "snapshots/%s", name);
}

int snapshot_error(struct error *error, int rc, const char *doing, const char *name)
{
    if (rc == -ENOSPC || rc == -EDQUOT)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED,
                         "the disk is full: %s '%s' was given up; remove a snapshot that is not needed (kith snapshot "
                         "delete), or free space otherwise, and repeat it",
                         doing, name);
    return error_set_errno(error, rc, "%s '%s' failed", doing, name);
}

/* -- walking -- */

struct snapshot_file {
    char name[64]; /* "segments/..." or "log/N/..." */
    /* bytes of a log file that belong to the snapshot; of a segment UINT64_MAX */
    uint64_t bytes_max;
};

typedef int (*snapshot_file_fn)(const struct snapshot_file *file, void *arg);

static int each_segment(const struct manifest *m, snapshot_file_fn fn, void *arg)
{
    for (size_t i = 0; i < m->segment_count; i++) {
        struct snapshot_file f = {.bytes_max = UINT64_MAX};
        snprintf(f.name, sizeof(f.name), "segments/%016" PRIx64 ".seg", m->segments[i].id);
        int rc = fn(&f, arg);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int each_log_file(const struct manifest *m, const struct log_options *o, snapshot_file_fn fn, void *arg)
{
    struct log_file_list files;
    uint64_t end = manifest_log_end(m, o->reactor);
    if (m->log_start[o->reactor] >= end)
        return 0;
    int rc = log_files_between(o, m->log_start[o->reactor], end, &files);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < files.count; i++) {
        struct snapshot_file f = {.bytes_max = end - files.starts[i]};
        snprintf(f.name, sizeof(f.name), "log/%" PRIu64 "/%u-%016" PRIx64 ".log", m->log_dir, o->reactor,
                 files.starts[i]);
        rc = fn(&f, arg);
    }
    free(files.starts);
    return rc;
}

/* Calls fn for the segments, then for the log files. A non-zero return ends the
 * walk and is returned. */
static int each_file(const char *dir, const struct manifest *m, snapshot_file_fn fn, void *arg)
{
    char path[PATH_TEXT_MAX];
    int rc = each_segment(m, fn, arg);
    if (rc == 0)
        rc = path_join(path, dir, "log/%" PRIu64, m->log_dir);
    for (unsigned r = 0; rc == 0 && r < m->reactors; r++)
        rc = each_log_file(m, &(struct log_options){.dir = path, .reactor = r}, fn, arg);
    return rc;
}

/* -- second names, or copies -- */

static int copy_bytes(struct file *from, struct file *to, uint64_t size, const struct context *ctx)
{
    uint8_t *slice = memory_aligned(COPY_SLICE);
    int rc = slice ? 0 : -ENOMEM;
    for (uint64_t at = 0; rc == 0 && at < size; at += COPY_SLICE) {
        size_t want = size - at < COPY_SLICE ? (size_t)(size - at) : COPY_SLICE;
        int64_t got = file_read(from, slice, want, at);
        rc = got < 0 ? (int)got : (size_t)got < want ? -EIO : file_write(to, slice, want, at);
        rc = rc == 0 ? context_check(ctx) : rc;
        fiber_checkpoint();
    }
    free(slice);
    return rc == 0 ? file_flush(to) : rc;
}

static int file_copy(const char *from, const char *to, uint64_t size, const struct context *ctx)
{
    struct file *in, *out;
    int rc = file_open(from, FILE_READ, &in);
    if (rc < 0)
        return rc;
    rc = file_open(to, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &out);
    if (rc == 0) {
        /* the log and searches use the disk first */
        enum fiber_class was = fiber_become(CLASS_BACKGROUND);
        rc = copy_bytes(in, out, size, ctx);
        fiber_become(was);
        file_close(out);
    }
    file_close(in);
    return rc;
}

static bool has_no_links(int rc)
{
    return rc == -EPERM || rc == -EXDEV || rc == -EMLINK || rc == -EOPNOTSUPP || rc == -ENOSYS;
}

static int64_t size_of(const char *path)
{
    struct file *f;
    int rc = file_open(path, FILE_READ, &f);
    if (rc < 0)
        return rc;
    int64_t size = file_size(f);
    file_close(f);
    return size;
}

struct linking {
    const char *from, *to;
    const struct context *ctx;
    uint64_t bytes;
    struct error *error;
};

static int link_one(const struct snapshot_file *f, void *arg)
{
    struct linking *l = arg;
    char from[PATH_TEXT_MAX], to[PATH_TEXT_MAX];
    int rc = context_check(l->ctx);
    if (rc == 0)
        rc = path_join(from, l->from, "%s", f->name);
    if (rc == 0)
        rc = path_join(to, l->to, "%s", f->name);
    int64_t size = rc == 0 ? size_of(from) : rc;
    rc = size < 0 ? (int)size : file_link(from, to);
    if (has_no_links(rc)) {
        size = (uint64_t)size < f->bytes_max ? size : (int64_t)f->bytes_max;
        rc = file_copy(from, to, (uint64_t)size, l->ctx);
    }
    if (rc == -ECANCELED || rc == -ETIME)
        return rc;
    if (rc < 0)
        return snapshot_error(l->error, rc, "taking the file", f->name);
    l->bytes += (uint64_t)size;
    return 0;
}

/* Calls fn for the directories of a snapshot: to make them first, and to flush their entries
 * last. */
static int for_directories(const char *dir, const struct manifest *m, int (*fn)(const char *path))
{
    static const char *const names[] = {"segments", "log"};
    char path[PATH_TEXT_MAX];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(names); i++) {
        rc = path_join(path, dir, "%s", names[i]);
        if (rc == 0)
            rc = fn(path);
    }
    if (rc == 0)
        rc = path_join(path, dir, "log/%" PRIu64, m->log_dir);
    return rc < 0 ? rc : fn(path);
}

int snapshot_files_link(const char *from, const char *to, const struct manifest *m, const struct context *ctx,
                        uint64_t *ret_bytes, struct error *error)
{
    struct linking l = {from, to, ctx, 0, error};
    int rc = for_directories(to, m, directory_create);
    if (rc == 0)
        rc = each_file(from, m, link_one, &l);
    if (rc == 0)
        rc = for_directories(to, m, directory_flush);
    *ret_bytes = l.bytes;
    return rc;
}

/* -- removing -- */

static int remove_entry(const char *name, void *arg)
{
    char path[PATH_TEXT_MAX];
    int rc = path_join(path, arg, "%s", name);
    if (rc == 0)
        rc = file_remove(path);
    return rc == -EISDIR || rc == -EPERM ? tree_remove(path) : rc;
}

int tree_empty(const char *path)
{
    int rc = directory_list(path, remove_entry, (void *)(uintptr_t)path);
    return rc == -ENOENT ? 0 : rc;
}

int tree_remove(const char *path)
{
    int rc = tree_empty(path);
    if (rc == 0)
        rc = directory_remove(path);
    return rc == -ENOENT ? 0 : rc;
}
