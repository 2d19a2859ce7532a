/* container.c -- reading a container file: pure functions over its bytes. */
#include "shards/segment/container.h"
#include "base/checksum.h"
#include "shards/segment/container_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int corrupt(struct container *c, struct error *error, const char *name, uint64_t offset, const char *what)
{
    c->bad_at = offset;
    return error_set(error, ERROR_CORRUPT,
                     "%s is damaged at offset %llu: %s; restore a snapshot, or the data folder from a copy", name,
                     (unsigned long long)offset, what);
}

static bool is_zero(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++)
        if (at[i] != 0)
            return false;
    return true;
}

static int read_footer(const struct container_ends *e, const char *name, struct container *c,
                       struct container_footer *f, struct error *error)
{
    struct container_head head;
    uint64_t footer_at = e->size - sizeof(*f);
    if (e->size < sizeof(head) + sizeof(*f))
        return corrupt(c, error, name, e->size, "the file is too short to be a segment");
    memcpy(&head, e->head, sizeof(head));
    memcpy(f, e->tail + (footer_at - e->tail_at), sizeof(*f));
    if (f->magic != CONTAINER_MAGIC)
        return corrupt(c, error, name, footer_at, "the file does not end like a segment");
    if (head.magic != CONTAINER_MAGIC || head.format != f->format)
        return corrupt(c, error, name, 0, "the file does not begin as it ends");
    if (f->format > CONTAINER_FORMAT) /* head and footer agree, so this is not damage */
        return error_set(
            error, ERROR_VERSION,
            "%s was written by a newer Kith (segment format %u, this one reads up to %d); use that version", name,
            f->format, CONTAINER_FORMAT);
    if (f->directory_offset > footer_at || f->directory_size != footer_at - f->directory_offset)
        return corrupt(c, error, name, footer_at, "the footer points outside the file");
    if (f->format < CONTAINER_FORMAT)
        return error_set(error, ERROR_VERSION,
                         "%s has segment format %u of an older Kith, and this one reads %d; import the data again",
                         name, f->format, CONTAINER_FORMAT);
    if (!is_zero(&head.zero, sizeof(head) - offsetof(struct container_head, zero)))
        return corrupt(c, error, name, offsetof(struct container_head, zero), "bytes that must be 0 are not");
    c->directory_at = f->directory_offset;
    if (f->directory_offset < e->tail_at)
        return -ERANGE;
    const uint8_t *directory = e->tail + (f->directory_offset - e->tail_at);
    if (checksum_crc32c(f->format, directory, f->directory_size) != f->directory_crc)
        return corrupt(c, error, name, f->directory_offset, "the directory's checksum does not match");
    return 0;
}

int container_parse_ends(const struct container_ends *ends, const char *name, struct container *ret,
                         struct error *error)
{
    struct container_footer f;
    *ret = (struct container){.size = ends->size};
    int rc = read_footer(ends, name, ret, &f, error);
    if (rc < 0)
        return rc;
    const uint8_t *at = ends->tail + (f.directory_offset - ends->tail_at), *begin = at, *end = at + f.directory_size;
    ret->regions = calloc(f.directory_size / sizeof(struct container_entry) + 1, sizeof(*ret->regions));
    if (!ret->regions)
        return -ENOMEM;
    while (at < end) {
        struct container_entry e;
        uint64_t here = f.directory_offset + (uint64_t)(at - begin);
        if ((size_t)(end - at) < sizeof(e))
            return corrupt(ret, error, name, here, "the directory ends within an entry");
        memcpy(&e, at, sizeof(e));
        at += sizeof(e);
        if (e.unknown > CONTAINER_NEED || e.zero != 0)
            return corrupt(ret, error, name, here, "an entry of the directory has values that no version writes");
        if (memchr(e.name, 0, sizeof(e.name)) == NULL || e.offset % CACHE_LINE || e.offset > f.directory_offset ||
            e.size > f.directory_offset - e.offset)
            return corrupt(ret, error, name, here, "an entry of the directory points outside the file");
        struct container_region *r = &ret->regions[ret->region_count++];
        memcpy(r->name, e.name, sizeof(r->name));
        r->unknown = e.unknown;
        r->offset = e.offset;
        r->size = e.size;
        r->checksums = at;
        if (container_slices(r) * sizeof(uint32_t) > (size_t)(end - at))
            return corrupt(ret, error, name, here, "the checksums of a region are missing");
        at += container_slices(r) * sizeof(uint32_t);
    }
    return 0;
}

int container_parse(const uint8_t *bytes, size_t size, const char *name, struct container *ret, struct error *error)
{
    struct container_ends ends = {.head = bytes, .tail = bytes, .size = size};
    int rc = container_parse_ends(&ends, name, ret, error);
    ret->bytes = bytes;
    return rc;
}

void container_fini(struct container *c)
{
    free(c->regions);
    c->regions = NULL;
    c->region_count = 0;
}

const struct container_region *container_find(const struct container *c, const char *name)
{
    for (unsigned i = 0; i < c->region_count; i++)
        if (strcmp(c->regions[i].name, name) == 0)
            return &c->regions[i];
    return NULL;
}

static uint64_t slice_begin(const struct container_check *check)
{
    return check->at / CONTAINER_SLICE * CONTAINER_SLICE;
}

static uint64_t slice_end(const struct container_check *check)
{
    uint64_t from = slice_begin(check), size = check->region->size;
    return size - from < CONTAINER_SLICE ? size : from + CONTAINER_SLICE;
}

size_t container_next_piece(const struct container_check *check, uint64_t *ret_offset)
{
    if (check->at >= check->region->size)
        return 0;
    uint64_t left = slice_end(check) - check->at;
    *ret_offset = check->region->offset + check->at;
    return left < CONTAINER_PIECE ? (size_t)left : CONTAINER_PIECE;
}

int container_check_bytes(struct container_check *check, const uint8_t *bytes, size_t n, const char *name,
                          struct error *error)
{
    const struct container_region *r = check->region;
    uint64_t from = slice_begin(check), end = slice_end(check);
    check->crc = checksum_crc32c(check->at == from ? 0 : check->crc, bytes, n);
    check->at += n;
    if (check->at < end)
        return 1;
    uint32_t expected;
    memcpy(&expected, r->checksums + from / CONTAINER_SLICE * sizeof(expected), sizeof(expected));
    if (check->crc != expected)
        return error_set(error, ERROR_CORRUPT,
                         "%s is damaged at offset %llu: the checksum of %llu bytes of region '%s' does not match; "
                         "restore a snapshot, or the data folder from a copy",
                         name, (unsigned long long)(r->offset + from), (unsigned long long)(end - from), r->name);
    return end < r->size;
}

int container_check_piece(const struct container *c, struct container_check *check, const char *name,
                          struct error *error)
{
    uint64_t offset;
    size_t n = container_next_piece(check, &offset);
    return n ? container_check_bytes(check, c->bytes + offset, n, name, error) : 0;
}
