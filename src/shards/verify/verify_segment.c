/* verify_segment.c -- checks a segment's file slice by slice, in the order of their offsets. The
 * file is read and not mapped, so that a bad sector is an error of one read and not a signal. */
#include "base/checksum.h"
#include "base/memory.h"
#include "shards/segment/container_format.h"
#include "shards/verify/verify_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIT ((uint64_t)4096) /* direct reads begin at multiples of this */
#define TAIL ((uint64_t)64 << 10)

struct reading {
    struct verify *v;
    struct verify_file file;
    char name[VERIFY_FILE_MAX];
    struct container container;
    uint8_t *tail; /* the checksums of container.regions lie here */
};

void verify_segment_name(uint64_t id, char name[VERIFY_FILE_MAX])
{
    snprintf(name, VERIFY_FILE_MAX, "segments/%016" PRIx64 ".seg", id);
}

/* -- head and tail -- */

static int read_tail(struct reading *r, uint64_t from, uint64_t *ret_at)
{
    uint64_t at = from & ~(UNIT - 1), size = r->file.size - at;
    free(r->tail);
    r->tail = malloc(size ? size : 1);
    if (!r->tail)
        return -ENOMEM;
    for (uint64_t done = 0; done < size;) {
        int64_t got = verify_file_read(r->v, &r->file, VERIFY_WINDOW, at + done);
        if (got <= 0)
            return got < 0 ? (int)got : -EIO;
        uint64_t n = (uint64_t)got < size - done ? (uint64_t)got : size - done;
        memcpy(r->tail + done, r->v->window, n);
        done += n;
    }
    *ret_at = at;
    return 0;
}

/* Reads and parses head, directory and footer. error is set only when they are damaged. */
static int read_ends(struct reading *r, struct error *error)
{
    uint8_t head[sizeof(struct container_head)] = {0};
    struct container_ends ends = {.head = head, .size = r->file.size};
    int64_t got = verify_file_read(r->v, &r->file, UNIT, 0);
    if (got < 0)
        return (int)got;
    memcpy(head, r->v->window, (size_t)got < sizeof(head) ? (size_t)got : sizeof(head));
    int rc = read_tail(r, ends.size > TAIL ? ends.size - TAIL : 0, &ends.tail_at);
    for (int again = 0; rc == 0; again++) {
        ends.tail = r->tail;
        container_fini(&r->container);
        rc = container_parse_ends(&ends, r->name, &r->container, error);
        if (rc != -ERANGE || again > 0)
            return rc;
        rc = read_tail(r, r->container.directory_at, &ends.tail_at);
    }
    return rc;
}

/* -- slices -- */

struct slice_at {
    const struct container_region *region;
    uint64_t number, from, to; /* from, to: offsets in the file */
};

/* Finds the first slice that begins at or behind the offset. False: there is none. */
static bool next_slice(const struct container *c, uint64_t offset, struct slice_at *ret)
{
    ret->region = NULL;
    for (unsigned i = 0; i < c->region_count; i++) {
        const struct container_region *r = &c->regions[i];
        uint64_t number = offset > r->offset ? (offset - r->offset + CONTAINER_SLICE - 1) / CONTAINER_SLICE : 0;
        uint64_t from = r->offset + number * CONTAINER_SLICE, end = r->offset + r->size;
        if (number >= container_slices(r) || (ret->region && from >= ret->from))
            continue;
        *ret = (struct slice_at){r, number, from, end - from < CONTAINER_SLICE ? end : from + CONTAINER_SLICE};
    }
    return ret->region != NULL;
}

static int sum_range(struct reading *r, uint64_t from, uint64_t to, uint32_t *ret)
{
    uint32_t crc = 0;
    while (from < to) {
        uint64_t base = from & ~(UNIT - 1);
        int64_t got = verify_file_read(r->v, &r->file, VERIFY_WINDOW, base);
        if (got < 0)
            return (int)got;
        uint64_t end = base + (uint64_t)got < to ? base + (uint64_t)got : to;
        if (end <= from)
            return -EIO;
        crc = checksum_crc32c(crc, r->v->window + (from - base), end - from);
        from = end;
        fiber_checkpoint();
    }
    *ret = crc;
    return 0;
}

static void check_slice(struct reading *r, const struct slice_at *s)
{
    uint32_t crc = 0, expected;
    int rc = sum_range(r, s->from, s->to, &crc);
    memcpy(&expected, s->region->checksums + s->number * sizeof(expected), sizeof(expected));
    if (rc < 0)
        verify_report(r->v, r->name, s->region->name, s->from, "the disk cannot read these %" PRIu64 " bytes: %s",
                      s->to - s->from, strerror(-rc));
    else if (crc != expected)
        verify_report(r->v, r->name, s->region->name, s->from, "the checksum of %" PRIu64 " bytes does not match",
                      s->to - s->from);
}

/* -- the file -- */

static int finish(struct verify *v, uint64_t size)
{
    uint64_t offset = v->at->offset;
    v->at->offset = VERIFY_FINISHED;
    v->progress->files++;
    return verify_count(v, size > offset ? size - offset : 0);
}

static int check_slices(struct reading *r)
{
    struct verify *v = r->v;
    struct slice_at s;
    while (next_slice(&r->container, v->at->offset, &s)) {
        uint64_t bytes = s.to - v->at->offset;
        check_slice(r, &s);
        v->at->offset = s.to;
        int rc = verify_count(v, bytes);
        if (rc != 0)
            return rc;
    }
    return finish(v, r->file.size);
}

/* A missing file is damage only if the manifest still names it. */
static int check_missing(struct verify *v, const char *name)
{
    int rc = verify_reload(v);
    for (size_t i = 0; rc == 0 && i < v->manifest.segment_count; i++)
        if (v->manifest.segments[i].id == v->at->item)
            verify_report(v, name, "", 0, "the file is missing");
    return rc < 0 ? rc : finish(v, 0);
}

int verify_segment(struct verify *v)
{
    struct reading r = {.v = v};
    struct error error = {0};
    verify_segment_name(v->at->item, r.name);
    int rc = verify_file_open(v, r.name, &r.file);
    if (rc == -ENOENT)
        return check_missing(v, r.name);
    if (rc == -EIO) {
        verify_report(v, r.name, "", 0, "the disk cannot read it: %s", strerror(-rc));
        return finish(v, 0);
    }
    if (rc < 0)
        return rc;
    rc = read_ends(&r, &error);
    if (rc == 0) {
        rc = check_slices(&r);
    } else if (error.code == ERROR_CORRUPT || error.code == ERROR_VERSION) {
        verify_report(v, r.name, "directory", r.container.bad_at, "%s", error.text);
        rc = finish(v, r.file.size);
    } else if (rc == -EIO) {
        verify_report(v, r.name, "directory", r.file.size, "the disk cannot read it: %s", strerror(-rc));
        rc = finish(v, r.file.size);
    }
    container_fini(&r.container);
    free(r.tail);
    verify_file_close(&r.file);
    return rc;
}
