/* container_write.c -- collects the bytes of a region into slices, and writes each
 * slice with its checksum. */
#include "base/checksum.h"
#include "base/log.h"
#include "reactor/fibers/fiber.h"
#include "reactor/file.h"
#include "shards/folder/whole_file.h"
#include "shards/segment/container_format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct container_writer {
    char path[PATH_TEXT_MAX], fresh[PATH_TEXT_MAX];
    struct file *file;
    uint64_t offset;     /* offset in the file of the slice that is being filled */
    struct buffer slice; /* grows up to CONTAINER_SLICE bytes */
    /* of the open region: where it begins, and how many bytes are missing */
    uint64_t region_offset, region_left;
    struct buffer directory;
};

static int flush_slice(struct container_writer *w, bool checksummed)
{
    uint32_t crc = 0;
    for (size_t at = 0, n; at < w->slice.size; at += n) {
        n = w->slice.size - at < CONTAINER_PIECE ? w->slice.size - at : CONTAINER_PIECE;
        crc = checksum_crc32c(crc, w->slice.bytes + at, n);
        int rc = file_write(w->file, w->slice.bytes + at, n, w->offset + at);
        if (rc < 0)
            return rc;
        fiber_checkpoint();
    }
    bool is_empty = w->slice.size == 0;
    w->offset += w->slice.size;
    w->slice.size = 0;
    return checksummed && !is_empty ? buffer_append(&w->directory, &crc, sizeof(crc)) : 0;
}

int container_create(const char *path, struct container_writer **ret)
{
    struct container_writer *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    int n = snprintf(w->path, sizeof(w->path), "%s", path);
    int m = snprintf(w->fresh, sizeof(w->fresh), "%s.new", path);
    int rc = n < 0 || (size_t)n >= sizeof(w->path) || m < 0 || (size_t)m >= sizeof(w->fresh) ? -ENAMETOOLONG : 0;
    if (rc == 0)
        rc = file_open(w->fresh, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &w->file);
    struct container_head head = {.magic = CONTAINER_MAGIC, .format = CONTAINER_FORMAT};
    if (rc == 0)
        rc = file_write(w->file, &head, sizeof(head), 0);
    w->offset = sizeof(head);
    if (rc < 0) {
        container_abandon(w);
        return rc;
    }
    *ret = w;
    return 0;
}

int container_begin(struct container_writer *w, const char *name, enum container_unknown unknown, uint64_t size)
{
    check(w->region_left == 0 && w->slice.size == 0);
    uint64_t align = size > 65536 ? 4096 : CACHE_LINE;
    uint64_t start = (w->offset + align - 1) & ~(align - 1);
    size_t gap = (size_t)(start - w->offset);
    int rc = buffer_reserve(&w->slice, gap);
    if (rc == 0 && gap) {
        memset(w->slice.bytes, 0, gap);
        w->slice.size = gap;
        rc = flush_slice(w, false);
    }
    if (rc < 0)
        return rc;
    struct container_entry e = {.unknown = unknown, .offset = start, .size = size};
    check(strlen(name) < sizeof(e.name));
    memcpy(e.name, name, strlen(name));
    w->region_offset = start;
    w->region_left = size;
    return buffer_append(&w->directory, &e, sizeof(e));
}

int container_append(struct container_writer *w, const void *bytes, size_t n)
{
    const uint8_t *from = bytes;
    check(n <= w->region_left);
    w->region_left -= n;
    while (n > 0) {
        size_t room = CONTAINER_SLICE - w->slice.size, part = n < room ? n : room;
        part = part < CONTAINER_PIECE ? part : CONTAINER_PIECE;
        int rc = buffer_append(&w->slice, from, part);
        if (rc == 0 && w->slice.size == CONTAINER_SLICE)
            rc = flush_slice(w, true);
        if (rc < 0)
            return rc;
        from += part;
        n -= part;
        fiber_checkpoint();
    }
    return w->region_left == 0 ? flush_slice(w, true) : 0;
}

uint64_t container_region_offset(const struct container_writer *w)
{
    return w->region_offset;
}

const char *container_fresh_path(const struct container_writer *w)
{
    return w->fresh;
}

static int write_end(struct container_writer *w)
{
    struct container_footer f = {
        .directory_offset = w->offset,
        .directory_size = w->directory.size,
        .directory_crc = checksum_crc32c(CONTAINER_FORMAT, w->directory.bytes, w->directory.size),
        .format = CONTAINER_FORMAT,
        .magic = CONTAINER_MAGIC,
    };
    int rc = buffer_append(&w->directory, &f, sizeof(f));
    if (rc == 0)
        rc = file_write(w->file, w->directory.bytes, w->directory.size, w->offset);
    return rc < 0 ? rc : file_flush(w->file);
}

int container_finish(struct container_writer *w, const char *dir, uint64_t *ret_size)
{
    check(w->region_left == 0);
    int rc = write_end(w);
    *ret_size = w->offset + w->directory.size;
    if (rc == 0) {
        file_close(w->file);
        w->file = NULL;
        rc = file_rename(w->fresh, w->path);
    }
    if (rc == 0)
        rc = directory_flush(dir);
    container_abandon(w);
    return rc;
}

void container_abandon(struct container_writer *w)
{
    if (w->file) {
        file_close(w->file);
        ignore_result(file_remove(w->fresh)); /* if this fails, the next start removes it */
    }
    buffer_fini(&w->directory);
    buffer_fini(&w->slice);
    free(w);
}
