/* id_map.c -- while the map grows it has two tables. Each put moves some entries of the old one, so
 * that no put takes long. */
#include "shards/id_map.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>

#define ENTRIES_MIN   8
#define MOVES_PER_PUT 8 /* 2 would be enough, because the new table is twice as large */
/* takes 5 us and frees 1024 entries, so the spent table is freed long before the next one is
 * full */
#define GIVEN_PER_PUT ((size_t)32 << 10)
#define PAGE_BYTES    ((size_t)4096)

/* The entry of id, or the free entry where it would go. */
static struct id_entry *place_of(const struct id_table *t, struct point_id id)
{
    size_t i = point_id_hash(id) & t->mask;
    while (t->entries[i].version && !point_id_equal(t->entries[i].id, id))
        i = (i + 1) & t->mask;
    return &t->entries[i];
}

static size_t room_in(const struct id_table *t)
{
    return t->entries ? (t->mask + 1) / 4 * 3 - t->used : 0;
}

static int table_create(struct id_table *t, size_t entries)
{
    /* calloc() takes zero pages of the kernel, and touches none */
    t->entries = calloc(entries, sizeof(*t->entries));
    t->mask = entries - 1;
    t->used = 0;
    return t->entries ? 0 : -ENOMEM;
}

static size_t table_bytes(const struct id_table *t)
{
    return t->entries ? (t->mask + 1) * sizeof(*t->entries) : 0;
}

/* Frees a part of the spent table. To free 1 GiB at once would hold the core for 100 ms. */
static void give_back_some(struct id_map *m)
{
    if (!m->spent)
        return;
    const size_t n = m->spent_left < GIVEN_PER_PUT ? m->spent_left : GIVEN_PER_PUT;
    m->spent_left -= n;
    /* one page more, which the last step freed in part */
    const size_t left = m->spent_bytes - m->spent_left, more = n + PAGE_BYTES;
    memory_discard(m->spent + m->spent_left, left < more ? left : more, NULL);
    if (m->spent_left > 0)
        return;
    free(m->spent);
    m->spent = NULL;
}

void id_map_fini(struct id_map *m)
{
    memory_free(m->now.entries);
    memory_free(m->old.entries);
    free(m->spent);
    *m = (struct id_map){0};
}

const struct id_entry *id_map_find(const struct id_map *m, struct point_id id)
{
    if (m->now.entries) {
        const struct id_entry *e = place_of(&m->now, id);
        if (e->version)
            return e;
    }
    if (m->old.entries) {
        const struct id_entry *e = place_of(&m->old, id);
        if (e->version)
            return e;
    }
    return NULL;
}

/* Copies up to n entries of the old table that the new one does not have yet. The entries that stay
 * in the old table are never newer. */
static void move_some(struct id_map *m, size_t n)
{
    if (!m->old.entries)
        return;
    for (; n > 0 && m->moved <= m->old.mask; n--, m->moved++) {
        const struct id_entry *from = &m->old.entries[m->moved];
        if (!from->version)
            continue;
        struct id_entry *to = place_of(&m->now, from->id);
        if (!to->version) {
            *to = *from;
            m->now.used++;
        }
    }
    if (m->moved > m->old.mask) {
        free(m->spent); /* its pages were given back long ago */
        m->spent = (uint8_t *)m->old.entries;
        m->spent_bytes = m->spent_left = table_bytes(&m->old);
        m->old.entries = NULL;
    }
}

static bool has_room(const struct id_map *m, size_t n)
{
    size_t waiting = m->old.entries ? m->old.used : 0; /* entries that still have to move */
    return room_in(&m->now) >= n + waiting;
}

static size_t larger(const struct id_map *m, size_t n)
{
    size_t entries = m->now.entries ? (m->now.mask + 1) * 2 : ENTRIES_MIN;
    while (entries / 4 * 3 < m->now.used + n)
        entries *= 2;
    return entries;
}

int id_map_reserve(struct id_map *m, size_t n)
{
    if (has_room(m, n))
        return 0;
    move_some(m, SIZE_MAX);
    if (room_in(&m->now) >= n)
        return 0;
    struct id_table grown;
    int rc = table_create(&grown, larger(m, n));
    if (rc < 0)
        return rc;
    m->old = m->now;
    m->now = grown;
    m->moved = 0;
    return 0;
}

bool id_map_put(struct id_map *m, const struct id_entry *e, struct id_entry *ret_old)
{
    move_some(m, MOVES_PER_PUT);
    give_back_some(m);
    const struct id_entry *is = id_map_find(m, e->id);
    *ret_old = is ? *is : (struct id_entry){0};
    if (is && is->version >= e->version)
        return false;
    m->live += e->segment != ID_MAP_DELETED;
    m->live -= is && is->segment != ID_MAP_DELETED;
    struct id_entry *to = place_of(&m->now, e->id);
    m->now.used += !to->version;
    *to = *e;
    return true;
}

void id_map_move(struct id_map *m, struct point_id id, uint64_t version, uint32_t segment, uint32_t row)
{
    /* the entry is in this map, which is not const */
    struct id_entry *e = (struct id_entry *)id_map_find(m, id);
    if (e && e->version == version && e->segment != ID_MAP_DELETED) {
        e->segment = segment;
        e->row = row;
    }
}

/* Frees an entry, and moves back entries that were put behind it (Knuth, TAOCP
 * 3, 6.4, algorithm R). */
static void vacate(struct id_table *t, size_t free_place)
{
    for (size_t i = (free_place + 1) & t->mask; t->entries[i].version; i = (i + 1) & t->mask) {
        size_t wanted = point_id_hash(t->entries[i].id) & t->mask;
        if (((i - wanted) & t->mask) >= ((i - free_place) & t->mask)) {
            t->entries[free_place] = t->entries[i];
            free_place = i;
        }
    }
    t->entries[free_place] = (struct id_entry){0};
    t->used--;
}

void id_map_forget(struct id_map *m, struct point_id id, uint64_t version)
{
    /* entries must not change their places while others are being moved */
    if (m->old.entries || !m->now.entries)
        return;
    const struct id_entry *e = place_of(&m->now, id);
    if (e->version == version && e->segment == ID_MAP_DELETED)
        vacate(&m->now, (size_t)(e - m->now.entries));
}

size_t id_map_bytes(const struct id_map *m)
{
    return table_bytes(&m->now) + table_bytes(&m->old) + m->spent_left;
}

size_t id_map_growth(const struct id_map *m, size_t n)
{
    return has_room(m, n) ? 0 : larger(m, n) * sizeof(struct id_entry);
}
