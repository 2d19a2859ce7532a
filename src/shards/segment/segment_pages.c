/* segment_pages.c -- page reads by the reactor's files. A file is opened by the first read of a
 * search and closed behind it: segments are shared between reactors, and a file belongs to the
 * reactor that opened it. */
#include "shards/segment/segment_pages.h"
#include "shards/shard.h"

#include <errno.h>
#include <string.h>

/* A search may hold a segment that a merge has replaced and whose file is
 * removed. Its mapping stays. */
static int open_file(struct segment_pages *p)
{
    char path[PATH_TEXT_MAX];
    if (p->file || p->removed)
        return 0;
    int rc = store_segment_path(p->store, p->segment->id, path);
    if (rc == 0)
        rc = file_open(path, FILE_READ, &p->file);
    p->removed = rc == -ENOENT;
    return p->removed ? 0 : rc;
}

static int read_page(struct segment_pages *p, const struct page_read *r)
{
    const struct mapping *m = &p->segment->mapping;
    const size_t offset = (size_t)((const uint8_t *)r->from - m->bytes);
    check(offset <= m->size && r->size <= m->size - offset);
    p->offset = offset;
    if (!p->file) {
        memcpy(r->to, r->from, r->size);
        return 0;
    }
    const int64_t n = file_read(p->file, r->to, r->size, offset);
    return n < 0 ? (int)n : n == r->size ? 0 : -EIO;
}

int segment_pages_fetch(void *arg, const struct page_read *reads, unsigned n)
{
    struct segment_pages *p = arg;
    int rc = open_file(p);
    for (unsigned i = 0; rc == 0 && i < n; i++)
        rc = read_page(p, &reads[i]);
    return rc;
}

void segment_pages_damage(const struct segment_pages *p, struct error *ret)
{
    char path[PATH_TEXT_MAX] = "?";
    ignore_result(store_segment_path(p->store, p->segment->id, path));
    error_set(ret, ERROR_CORRUPT,
              "%s is damaged at or before offset %llu: a page of its index is not what was written; restore a "
              "snapshot, or the "
              "data folder from a copy",
              path, (unsigned long long)p->offset);
}

void segment_pages_close(struct segment_pages *p)
{
    if (p->file)
        file_close(p->file);
    p->file = NULL;
}
