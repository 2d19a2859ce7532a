/* Tests records of the log: they are written and read back. A list of records is compared with a
 * slow twin that writes byte by byte. Bytes that are no record are refused. */
#include "shards/log/record.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX (1 << 20)

static uint64_t random_state = 1;

static uint64_t random_below(uint64_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % n;
}

/* -- the twin -- */

struct twin {
    uint8_t bytes[BYTES_MAX];
    size_t size;
};

static void put(struct twin *t, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        t->bytes[t->size++] = (uint8_t)(value >> 8 * i);
}

static void twin_add(struct twin *t, const struct record *r)
{
    const size_t start = t->size;
    put(t, 0, 4);
    put(t, r->type, 1);
    put(t, 0, 1);
    put(t, r->part_count, 2);
    put(t, r->collection, 8);
    put(t, r->version, 8);
    put(t, r->id.hi, 8);
    put(t, r->id.lo, 8);
    put(t, r->expiry_ns, 8);
    for (uint32_t i = 0; i < r->part_count; i++) {
        const struct record_part *p = &r->parts[i];
        put(t, p->kind, 2);
        put(t, p->number, 2);
        put(t, p->size, 4);
        for (uint32_t k = 0; k < p->size; k++)
            put(t, ((const uint8_t *)p->bytes)[k], 1);
        while (t->size % 8)
            put(t, 0, 1);
    }
    const uint32_t size = (uint32_t)(t->size - start);
    memcpy(t->bytes + start, &size, 4);
}

/* -- lists -- */

/* Writes the bytes that the log would write. Returns their number. */
static size_t flatten(const struct record *records, uint32_t count, uint8_t *out)
{
    struct record_room room = {0};
    struct record_list l;
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++)
        record_room_add(&room, &records[i]);
    cr_assert_eq(record_list_init(&l, &room), 0);
    for (uint32_t i = 0; i < count; i++)
        record_list_add(&l, &records[i]);
    cr_assert_eq(l.made_size, room.made, "the computed room must fit exactly");
    cr_assert_leq(l.count, room.slices);
    for (uint32_t i = 0; i < l.count; i++) {
        memcpy(out + size, l.slices[i].iov_base, l.slices[i].iov_len);
        size += l.slices[i].iov_len;
    }
    record_list_fini(&l, NULL);
    return size;
}

static void want_same(const struct record *a, const struct record *b)
{
    cr_assert(a->type == b->type && a->collection == b->collection && a->version == b->version &&
              point_id_equal(a->id, b->id) && a->expiry_ns == b->expiry_ns && b->unknown == 0);
    cr_assert_eq(a->part_count, b->part_count);
    for (uint32_t i = 0; i < a->part_count; i++) {
        const struct record_part *p = &a->parts[i], *q = record_part(b, (enum record_part_kind)p->kind, p->number);
        cr_assert(q == &b->parts[i] && q->size == p->size);
        cr_assert(p->size == 0 || memcmp(p->bytes, q->bytes, p->size) == 0);
    }
}

static const uint8_t filling[8192] = {1, 2, 3, 5, 8, 13, 21};

/* Draws random parts, in the order that records need. */
static uint32_t any_parts(struct record_part *parts, uint32_t room)
{
    uint32_t n = 0;
    for (uint16_t number = 0; number < 9 && n < room; number++)
        if (random_below(3) == 0)
            parts[n++] = (struct record_part){RECORD_VECTOR, number, 1 + (uint32_t)random_below(3000), filling + n};
    if (random_below(2) && n < room)
        parts[n++] = (struct record_part){RECORD_PAYLOAD, 0, (uint32_t)random_below(4000), filling + 9};
    if (random_below(3) == 0 && n < room)
        parts[n++] = (struct record_part){RECORD_VECTOR_REMOVED, 11, 0, NULL};
    return n;
}

#define RECORDS 20

static struct record any_record(struct record_part *parts, uint32_t room)
{
    const bool is_delete = random_below(4) == 0;
    return (struct record){.type = is_delete ? RECORD_DELETE : RECORD_UPSERT,
                           .collection = random_below(1000),
                           .version = 1 + random_below(1u << 30),
                           .id = {random_below(1u << 30), random_below(1u << 30)},
                           .expiry_ns = random_below(2) ? random_below(1u << 30) << 30 : 0,
                           .parts = parts,
                           .part_count = is_delete ? 0 : any_parts(parts, room)};
}

Test(record, any_list_is_what_a_slow_twin_writes_and_comes_back)
{
    static struct twin twin;
    static uint8_t bytes[BYTES_MAX];
    static struct record_part parts[RECORDS][11], back_parts[RECORD_PARTS_MAX];
    struct record records[RECORDS], back;
    for (int round = 0; round < 300; round++) {
        const uint32_t count = 1 + (uint32_t)random_below(RECORDS);
        twin.size = 0;
        for (uint32_t i = 0; i < count; i++) {
            records[i] = any_record(parts[i], 11);
            twin_add(&twin, &records[i]);
        }
        const size_t size = flatten(records, count, bytes);
        cr_assert_eq(size, twin.size);
        cr_assert_eq(memcmp(bytes, twin.bytes, size), 0);
        size_t at = 0;
        for (uint32_t i = 0; i < count; i++) {
            const size_t n = record_read(bytes + at, size - at, back_parts, &back);
            cr_assert_gt(n, 0);
            want_same(&records[i], &back);
            at += n;
        }
        cr_assert_eq(at, size);
    }
}

Test(record, long_parts_are_lent_and_short_ones_share_a_slice)
{
    static const uint8_t vector[RECORD_LEND_MIN];
    struct record_part parts[2] = {{RECORD_VECTOR, 0, RECORD_LEND_MIN - 1, vector}, {RECORD_PAYLOAD, 0, 5, "hello"}};
    const struct record r = {.type = RECORD_UPSERT, .version = 1, .parts = parts, .part_count = 2};
    struct record_room room = {0};
    struct record_list l;
    for (int i = 0; i < 3; i++)
        record_room_add(&room, &r);
    cr_assert_eq(record_list_init(&l, &room), 0);
    for (int i = 0; i < 3; i++)
        record_list_add(&l, &r);
    cr_assert_eq(l.count, 1);
    record_list_fini(&l, NULL);
    parts[0].size = RECORD_LEND_MIN;
    room = (struct record_room){0};
    record_room_add(&room, &r);
    cr_assert_eq(record_list_init(&l, &room), 0);
    record_list_add(&l, &r);
    cr_assert(l.count == 3 && l.slices[1].iov_base == vector && l.slices[1].iov_len == RECORD_LEND_MIN);
    record_list_fini(&l, NULL);
}

/* -- bytes that are no record -- */

static struct record_part read_parts[RECORD_PARTS_MAX];

static size_t read_copy(const uint8_t *bytes, size_t size, struct record *r)
{
    uint8_t *exact = malloc(size + !size); /* a sanitizer finds a read behind it */
    cr_assert(exact);
    memcpy(exact, bytes, size);
    const size_t n = record_read(exact, size, read_parts, r);
    free(exact);
    return n;
}

Test(record, cut_or_damaged_bytes_are_no_record_or_one_that_fits)
{
    static uint8_t bytes[BYTES_MAX];
    struct record_part parts[3] = {
        {RECORD_VECTOR, 2, 12, filling}, {RECORD_PAYLOAD, 0, 5, "hello"}, {RECORD_VECTOR_REMOVED, 4, 0, NULL}};
    struct record r = {.type = RECORD_UPSERT, .version = 4, .parts = parts, .part_count = 3}, back;
    const size_t size = flatten(&r, 1, bytes);
    for (size_t n = 0; n < size; n++)
        cr_assert_eq(read_copy(bytes, n, &back), 0);
    for (int round = 0; round < 20000; round++) {
        uint8_t damaged[256];
        memcpy(damaged, bytes, size);
        for (uint64_t flips = 1 + random_below(3); flips > 0; flips--)
            damaged[random_below(size)] ^= (uint8_t)(1 << random_below(8));
        const size_t n = read_copy(damaged, size, &back);
        cr_assert(n == 0 || n == size);
        for (uint32_t i = 0; n && !back.unknown && i < back.part_count; i++)
            cr_assert_leq(back.parts[i].size, size);
    }
}

static void refuse(struct record_part *parts, uint32_t count)
{
    static uint8_t bytes[BYTES_MAX];
    struct record r = {.type = RECORD_UPSERT, .version = 4, .parts = parts, .part_count = count}, back;
    const size_t size = flatten(&r, 1, bytes);
    cr_assert_eq(read_copy(bytes, size, &back), 0);
}

Test(record, parts_that_contradict_each_other_are_refused)
{
    refuse((struct record_part[]){{RECORD_VECTOR, 1, 4, filling}, {RECORD_VECTOR, 1, 4, filling}}, 2);
    refuse((struct record_part[]){{RECORD_VECTOR, 2, 4, filling}, {RECORD_VECTOR, 1, 4, filling}}, 2);
    refuse((struct record_part[]){{RECORD_PAYLOAD, 0, 4, filling}, {RECORD_VECTOR, 1, 4, filling}}, 2);
    refuse((struct record_part[]){{RECORD_PAYLOAD, 1, 4, filling}}, 1);
    refuse((struct record_part[]){{RECORD_VECTOR, 0, 0, filling}}, 1);
    refuse((struct record_part[]){{RECORD_VECTOR_REMOVED, 0, 4, filling}}, 1);
    refuse((struct record_part[]){{RECORD_VECTOR, 1, 4, filling}, {RECORD_VECTOR_REMOVED, 1, 0, NULL}}, 2);
    refuse((struct record_part[]){{0, 0, 4, filling}}, 1);
}

Test(record, nonsense_is_no_record)
{
    static uint8_t bytes[BYTES_MAX];
    struct record_part part = {RECORD_PAYLOAD, 0, 3, "abc"};
    struct record r = {.type = RECORD_UPSERT, .version = 4, .parts = &part, .part_count = 1}, back;
    const size_t size = flatten(&r, 1, bytes);
    bytes[size - 1] = 1; /* the padding must be zeros */
    cr_assert_eq(read_copy(bytes, size, &back), 0);
    bytes[size - 1] = 0;
    bytes[4] = RECORD_DELETE; /* a deletion has no parts */
    cr_assert_eq(read_copy(bytes, size, &back), 0);
    memset(bytes, 0, sizeof(bytes));
    cr_assert_eq(read_copy(bytes, 256, &back), 0);
    memset(bytes, 0xff, sizeof(bytes));
    cr_assert_eq(read_copy(bytes, 256, &back), 0);
}

Test(record, a_part_of_a_newer_kind_is_told_and_not_listed)
{
    static uint8_t bytes[BYTES_MAX];
    struct record_part parts[3] = {{RECORD_VECTOR, 0, 4, filling}, {900, 3, 70, filling}, {901, 3, 0, NULL}};
    struct record r = {.type = RECORD_UPSERT, .version = 4, .parts = parts, .part_count = 3}, back;
    const size_t size = flatten(&r, 1, bytes);
    cr_assert_eq(read_copy(bytes, size, &back), size);
    cr_assert(back.unknown >= 900 && back.version == 4);
}
