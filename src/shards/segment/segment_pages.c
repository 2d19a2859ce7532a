/* segment_pages.c -- each reactor opens a segment's file once, for itself, because segments are
 * shared between reactors, and a file belongs to the reactor that opened it. */
#include "shards/segment/segment_pages.h"
#include "shards/shard.h"

#include <errno.h>
#include <string.h>

/* Sets the error for a file that cannot be opened or read. -ENOMEM is no fault of the file. */
static int failed(const struct segment_pages *p, uint64_t offset, int rc)
{
    char path[PATH_TEXT_MAX] = "?";
    ignore_result(store_segment_path(p->store, p->segment->id, path));
    if (rc == -EMFILE || rc == -ENFILE)
        error_set(p->error, ERROR_RESOURCE_EXHAUSTED,
                  "%s cannot be opened: too many files are open; start kithd with a higher limit (ulimit -n)", path);
    else if (rc != -ENOMEM)
        segment_cannot_read(path, offset, rc, p->error);
    return rc;
}

/* Another search may have opened the file meanwhile. One handle is enough. */
static void keep_file(struct segment *g, struct file *f)
{
    if (g->pages)
        file_close(f);
    else
        g->pages = f;
}

/* A merge may have replaced the segment and removed its file. Then no file is opened, and the
 * mapping is read instead. */
static int open_file(const struct segment_pages *p)
{
    char path[PATH_TEXT_MAX];
    struct file *f;
    if (p->segment->pages)
        return 0;
    int rc = store_segment_path(p->store, p->segment->id, path);
    if (rc == 0)
        rc = file_open(path, FILE_READ, &f);
    if (rc == 0)
        keep_file(p->segment, f);
    return rc == 0 || rc == -ENOENT ? 0 : failed(p, 0, rc);
}

static uint64_t offset_of(const struct segment_pages *p, const struct page_read *r)
{
    const struct mapping *m = &p->segment->mapping;
    const size_t offset = (size_t)((const uint8_t *)r->from - m->bytes);
    check(offset <= m->size && r->size <= m->size - offset);
    return offset;
}

static int read_together(struct segment_pages *p, const struct page_read *reads, unsigned n)
{
    struct file_read r[FILE_READS_AT_ONCE];
    for (unsigned i = 0; i < n; i++)
        r[i] = (struct file_read){reads[i].to, reads[i].size, offset_of(p, &reads[i]), 0};
    p->offset = r[n - 1].offset;
    file_read_many(p->segment->pages, r, n);
    for (unsigned i = 0; i < n; i++)
        if (r[i].got < (int64_t)r[i].size)
            return failed(p, r[i].offset, r[i].got < 0 ? (int)r[i].got : -EIO);
    return 0;
}

static void copy_together(struct segment_pages *p, const struct page_read *reads, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        p->offset = offset_of(p, &reads[i]);
        memcpy(reads[i].to, reads[i].from, reads[i].size);
    }
}

int segment_pages_fetch(void *arg, const struct page_read *reads, unsigned n)
{
    struct segment_pages *p = arg;
    int rc = open_file(p);
    for (unsigned at = 0, some; rc == 0 && at < n; at += some) {
        some = n - at < FILE_READS_AT_ONCE ? n - at : FILE_READS_AT_ONCE;
        if (p->segment->pages)
            rc = read_together(p, reads + at, some);
        else
            copy_together(p, reads + at, some);
    }
    return rc;
}

void segment_pages_damage(const struct segment_pages *p, struct error *ret)
{
    char path[PATH_TEXT_MAX] = "?";
    ignore_result(store_segment_path(p->store, p->segment->id, path));
    error_set(ret, ERROR_CORRUPT,
              "%s is damaged at or before offset %llu: a page of its index is not what was written; restore a "
              "snapshot, or the data folder from a copy",
              path, (unsigned long long)p->offset);
}
