/* reserve.c -- the file is written, because removing a sparse file frees no space. */
#include "shards/folder/reserve.h"
#include "base/memory.h"
#include "reactor/fibers/fiber.h"
#include "reactor/file.h"
#include "shards/folder/whole_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLICE ((size_t)256 << 10)

/* Random bytes: some file systems store zeros and patterns without using space. */
static void fill(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
        uint64_t x = random_u64();
        memcpy(bytes + i, &x, sizeof(x));
        fiber_checkpoint();
    }
}

static int write_all(struct file *f, uint64_t size)
{
    uint8_t *bytes = memory_aligned(SLICE);
    if (!bytes)
        return -ENOMEM;
    int rc = 0;
    fill(bytes, SLICE);
    for (uint64_t at = 0; rc == 0 && at < size; at += SLICE) {
        rc = file_write(f, bytes, size - at < SLICE ? (size_t)(size - at) : SLICE, at);
        fiber_checkpoint();
    }
    free(bytes);
    return rc == 0 ? file_flush(f) : rc;
}

int reserve_make(const char *dir, uint64_t bytes)
{
    char path[PATH_TEXT_MAX];
    struct file *f;
    int rc = path_join(path, dir, "reserve");
    if (rc == 0)
        rc = file_open(path, FILE_WRITE | FILE_CREATE, &f);
    if (rc < 0)
        return rc;
    if (file_size(f) != (int64_t)bytes) {
        rc = file_truncate(f, 0);
        if (rc == 0)
            rc = write_all(f, bytes);
        if (rc == 0)
            rc = directory_flush(dir);
    }
    file_close(f);
    if (rc < 0)
        ignore_result(file_remove(path));
    return rc;
}

int reserve_remove(const char *dir)
{
    char path[PATH_TEXT_MAX];
    int rc = path_join(path, dir, "reserve");
    if (rc == 0)
        rc = file_remove(path);
    if (rc == 0)
        rc = directory_flush(dir);
    return rc == -ENOENT ? 0 : rc;
}

int disk_probe(const char *dir)
{
    static const char text[] = "can this be written?\n";
    char path[PATH_TEXT_MAX];
    int rc = whole_file_replace(dir, "probe", text, sizeof(text));
    if (rc == 0)
        rc = path_join(path, dir, "probe");
    return rc == 0 ? file_remove(path) : rc;
}
