/* record.c -- makes records as slices for the log, and reads them back. The reader must
 * cope with any bytes. */
#include "shards/log/record.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LARGE ((size_t)1 << 20) /* memory of so many bytes or more is freed in steps */

struct header {
    uint32_t size;
    uint8_t type, zero;
    uint16_t parts;
    uint64_t collection, version;
    struct point_id id;
    uint64_t expiry_ns;
};
static_assert(sizeof(struct header) == RECORD_HEADER, "the layout on disk");

struct part_header {
    uint16_t kind, number;
    uint32_t size;
};
static_assert(sizeof(struct part_header) == RECORD_PART_HEADER, "the layout on disk");

static size_t padding(uint32_t size)
{
    return -(size_t)size & 7;
}

static size_t part_extent(uint32_t size)
{
    return RECORD_PART_HEADER + (size_t)size + padding(size);
}

static size_t record_extent(const struct record *r)
{
    size_t extent = RECORD_HEADER;
    for (uint32_t i = 0; i < r->part_count; i++)
        extent += part_extent(r->parts[i].size);
    return extent;
}

static uint8_t *header_write(const struct record *r, uint8_t *out)
{
    const struct header h = {
        .size = (uint32_t)record_extent(r),
        .type = (uint8_t)r->type,
        .parts = (uint16_t)r->part_count,
        .collection = r->collection,
        .version = r->version,
        .id = r->id,
        .expiry_ns = r->expiry_ns,
    };
    memcpy(out, &h, sizeof(h));
    return out + sizeof(h);
}

static uint8_t *part_header_write(const struct record_part *p, uint8_t *out)
{
    const struct part_header h = {p->kind, p->number, p->size};
    memcpy(out, &h, sizeof(h));
    return out + sizeof(h);
}

static uint8_t *bytes_write(const struct record_part *p, uint8_t *out)
{
    if (p->size)
        memcpy(out, p->bytes, p->size);
    return out + p->size;
}

static uint8_t *padding_write(const struct record_part *p, uint8_t *out)
{
    memset(out, 0, padding(p->size));
    return out + padding(p->size);
}

/* -- writing -- */

static bool is_lent(const struct record_part *p)
{
    return p->size >= RECORD_LEND_MIN;
}

void record_room_add(struct record_room *room, const struct record *r)
{
    room->made += RECORD_HEADER;
    room->slices++;
    for (uint32_t i = 0; i < r->part_count; i++) {
        const struct record_part *p = &r->parts[i];
        room->made += part_extent(p->size) - (is_lent(p) ? p->size : 0);
        room->slices += is_lent(p) ? 2 : 0;
    }
}

int record_list_init(struct record_list *l, const struct record_room *room)
{
    *l = (struct record_list){
        .made = malloc(room->made), .slices = malloc(room->slices * sizeof(*l->slices)), .room = *room};
    if (l->made && l->slices)
        return 0;
    record_list_fini(l, NULL);
    return -ENOMEM;
}

/* Adds the bytes [from, to) of l->made to the list: to the last slice if it ends at `from`,
 * else as a new slice. */
static void slice_made(struct record_list *l, const uint8_t *from, const uint8_t *to)
{
    struct iovec *last = l->count ? &l->slices[l->count - 1] : NULL;
    l->made_size = (size_t)(to - l->made);
    if (last && (uint8_t *)last->iov_base + last->iov_len == from)
        last->iov_len += (size_t)(to - from);
    else if (to > from)
        l->slices[l->count++] = (struct iovec){l->made + (from - l->made), (size_t)(to - from)};
}

void record_list_add(struct record_list *l, const struct record *r)
{
    uint8_t *from = l->made + l->made_size, *to = header_write(r, from);
    for (uint32_t i = 0; i < r->part_count; i++) {
        const struct record_part *p = &r->parts[i];
        to = part_header_write(p, to);
        if (is_lent(p)) {
            slice_made(l, from, to);
            l->slices[l->count++] = (struct iovec){(void *)(uintptr_t)p->bytes, p->size};
            from = to;
        } else {
            to = bytes_write(p, to);
        }
        to = padding_write(p, to);
    }
    slice_made(l, from, to);
}

void record_list_fini(struct record_list *l, void (*pause)(void))
{
    if (l->made && l->room.made >= LARGE)
        memory_discard(l->made, l->room.made, pause);
    free(l->made);
    free(l->slices);
    *l = (struct record_list){0};
}

/* -- reading -- */

static bool is_zero(const uint8_t *bytes, size_t n)
{
    while (n > 0 && bytes[n - 1] == 0)
        n--;
    return n == 0;
}

static bool is_known(const struct record_part *p)
{
    return p->kind >= RECORD_VECTOR && p->kind <= RECORD_VECTOR_REMOVED;
}

/* Reads the part at the start of bytes. Returns the bytes that it takes, or 0 when it is wrong. */
static size_t part_read(const uint8_t *bytes, size_t size, struct record_part *p)
{
    struct part_header h;
    if (size < sizeof(h))
        return 0;
    memcpy(&h, bytes, sizeof(h));
    *p = (struct record_part){h.kind, h.number, h.size, bytes + sizeof(h)};
    const size_t extent = part_extent(h.size);
    if (extent > size || !is_zero(bytes + sizeof(h) + h.size, padding(h.size)))
        return 0;
    return extent;
}

static bool is_behind(const struct record_part *p, const struct record_part *previous)
{
    return p->kind > previous->kind || (p->kind == previous->kind && p->number > previous->number);
}

/* Whether a part of a known kind keeps the rules of record.h. */
static bool is_right(const struct record *r, const struct record_part *p)
{
    switch (p->kind) {
    case RECORD_VECTOR: return p->size > 0;
    case RECORD_PAYLOAD: return p->number == 0;
    default: return p->size == 0 && !record_part(r, RECORD_VECTOR, p->number);
    }
}

/* Reads count parts, which must fill the bytes exactly. */
static bool parts_read(const uint8_t *bytes, size_t size, uint32_t count, struct record_part *parts, struct record *r)
{
    size_t at = 0, n;
    r->parts = parts;
    for (uint32_t i = 0; i < count; i++, at += n) {
        struct record_part p;
        n = part_read(bytes + at, size - at, &p);
        if (n == 0 || p.kind == 0 || (r->part_count && !is_behind(&p, &parts[r->part_count - 1])))
            return false;
        if (!is_known(&p)) {
            r->unknown = p.kind;
            continue;
        }
        if (r->unknown || !is_right(r, &p))
            return false;
        parts[r->part_count++] = p;
    }
    return at == size;
}

size_t record_read(const uint8_t *bytes, size_t size, struct record_part parts[RECORD_PARTS_MAX], struct record *r)
{
    struct header h;
    if (size < sizeof(h))
        return 0;
    memcpy(&h, bytes, sizeof(h));
    if ((h.type != RECORD_UPSERT && h.type != RECORD_DELETE) || h.zero || h.version == 0)
        return 0;
    if (h.size > size || h.size < sizeof(h) || h.parts > RECORD_PARTS_MAX || (h.type == RECORD_DELETE && h.parts))
        return 0;
    *r = (struct record){
        .type = (enum record_type)h.type,
        .collection = h.collection,
        .version = h.version,
        .id = h.id,
        .expiry_ns = h.expiry_ns,
    };
    return parts_read(bytes + sizeof(h), h.size - sizeof(h), h.parts, parts, r) ? h.size : 0;
}

const struct record_part *record_part(const struct record *r, enum record_part_kind kind, uint16_t number)
{
    for (uint32_t i = 0; i < r->part_count; i++)
        if (r->parts[i].kind == kind && r->parts[i].number == number)
            return &r->parts[i];
    return NULL;
}
