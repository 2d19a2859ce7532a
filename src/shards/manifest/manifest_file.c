/* manifest_file.c -- reads the file of a manifest, and writes it anew, as a state without
 * changes. */
#include "reactor/fibers/fiber.h"
#include "reactor/file.h"
#include "shards/folder/whole_file.h"
#include "shards/manifest/manifest_log.h"
#include "shards/manifest/manifest_parse.h"

#include <errno.h>
#include <stdlib.h>

#define WRITE_BYTES ((size_t)1 << 20) /* bytes that are gathered for one write */

/* -- reading -- */

static int read_all(const char *path, uint8_t **ret_bytes, size_t *ret_size)
{
    struct file *f;
    int rc = file_open(path, FILE_READ, &f);
    if (rc < 0)
        return rc;
    int64_t size = file_size(f);
    uint8_t *bytes = size >= 0 ? malloc((size_t)size + 1) : NULL;
    int64_t got = size < 0 ? size : bytes ? file_read(f, bytes, (size_t)size, 0) : -ENOMEM;
    file_close(f);
    if (got < 0) {
        free(bytes);
        return (int)got;
    }
    *ret_bytes = bytes;
    *ret_size = (size_t)got;
    return 0;
}

int manifest_load(const char *dir, struct manifest *m, struct manifest_tail *ret_tail, struct error *error)
{
    char path[PATH_TEXT_MAX];
    uint8_t *bytes = NULL;
    size_t size = 0;
    *m = (struct manifest){.next_id = 1};
    if (ret_tail)
        *ret_tail = (struct manifest_tail){0};
    int rc = path_join(path, dir, "manifest");
    if (rc == 0)
        rc = read_all(path, &bytes, &size);
    if (rc == -ENOENT)
        return 0;
    if (rc < 0)
        return error_set_errno(error, rc, "reading %s", path);
    rc = manifest_parse(bytes, size, m, ret_tail, fiber_checkpoint, path, error);
    free(bytes);
    return rc;
}

/* -- writing -- */

struct writing {
    struct file *file;
    struct buffer buffer;
    struct manifest_extent extent;
};

static int write_out(struct writing *w)
{
    int rc = file_write(w->file, w->buffer.bytes, w->buffer.size, w->extent.bytes);
    w->extent.bytes += w->buffer.size;
    w->buffer.size = 0;
    return rc;
}

static int write_state(struct writing *w, const struct manifest *m)
{
    uint8_t head[MANIFEST_HEAD_BYTES];
    size_t at = 0;
    bool more = true;
    int rc = 0;
    w->extent = (struct manifest_extent){.bytes = sizeof(head)};
    while (rc == 0 && more) {
        rc = manifest_pack_state(m, ++w->extent.blocks, &at, &w->buffer, &more);
        if (rc == 0 && (!more || w->buffer.size >= WRITE_BYTES))
            rc = write_out(w);
        fiber_checkpoint();
    }
    w->extent.state_bytes = w->extent.bytes;
    manifest_pack_head(w->extent.bytes - sizeof(head), head);
    if (rc == 0)
        rc = file_write(w->file, head, sizeof(head), 0);
    return rc < 0 ? rc : file_flush(w->file);
}

int manifest_replace(const char *dir, const struct manifest *m, struct file **ret, struct manifest_extent *ret_extent)
{
    char path[PATH_TEXT_MAX], fresh[PATH_TEXT_MAX];
    struct writing w = {0};
    int rc = path_join(path, dir, "manifest");
    if (rc == 0)
        rc = path_join(fresh, dir, "manifest.new");
    if (rc == 0)
        rc = file_open(fresh, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &w.file);
    if (rc < 0)
        return rc;
    rc = write_state(&w, m);
    buffer_fini(&w.buffer);
    if (rc == 0)
        rc = file_rename(fresh, path);
    if (rc == 0)
        rc = directory_flush(dir);
    if (rc < 0) {
        file_close(w.file);
        return rc;
    }
    *ret = w.file;
    *ret_extent = w.extent;
    return 0;
}

int manifest_store(const char *dir, const struct manifest *m, struct error *error)
{
    struct manifest_extent extent;
    struct file *f;
    int rc = manifest_replace(dir, m, &f, &extent);
    if (rc < 0)
        return error_set_errno(error, rc, "writing the manifest in %s", dir);
    file_close(f);
    return 0;
}
