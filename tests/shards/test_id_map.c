/* Compares the id map with a slow twin, an array over all ids, while the map grows many times. */
#include "shards/id_map.h"

#include <criterion/criterion.h>

#define IDS   3000
#define STEPS 60000

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static struct point_id id_of(uint64_t n)
{
    return n % 3 ? (struct point_id){0, n} : (struct point_id){n * 0x9e3779b97f4a7c15u + 1, n};
}

Test(id_map, agrees_with_an_array_whatever_is_put)
{
    static struct id_entry twin[IDS];
    struct id_map map = {0};
    uint64_t state = 7;
    size_t live = 0;
    for (int step = 0; step < STEPS; step++) {
        uint64_t n = next(&state) % IDS;
        struct id_entry e = {id_of(n), 1 + next(&state) % STEPS, (uint32_t)(next(&state) % 5), (uint32_t)step}, old;
        if (next(&state) % 4 == 0)
            e.segment = ID_MAP_DELETED;
        cr_assert_eq(id_map_reserve(&map, 1), 0);
        bool newest = e.version > twin[n].version;
        cr_assert_eq(id_map_put(&map, &e, &old), newest);
        cr_assert_eq(old.version, twin[n].version);
        if (newest) {
            live += e.segment != ID_MAP_DELETED;
            live -= twin[n].version && twin[n].segment != ID_MAP_DELETED;
            twin[n] = e;
        }
        cr_assert_eq(map.live, live);
        n = next(&state) % IDS;
        bool forgets = !map.old.entries && twin[n].version && twin[n].segment == ID_MAP_DELETED;
        id_map_forget(&map, id_of(n), twin[n].version);
        if (forgets)
            twin[n] = (struct id_entry){0};
        else if (twin[n].version)
            cr_assert_not_null(id_map_find(&map, id_of(n)));
        n = next(&state) % IDS;
        if (twin[n].version && twin[n].segment != ID_MAP_DELETED) {
            twin[n].segment = (uint32_t)(next(&state) % 5);
            twin[n].row = (uint32_t)step;
            id_map_move(&map, id_of(n), twin[n].version, twin[n].segment, twin[n].row);
        }
        id_map_move(&map, id_of(n), twin[n].version + 1, 99, 99);
    }
    for (uint64_t n = 0; n < IDS; n++) {
        const struct id_entry *e = id_map_find(&map, id_of(n));
        cr_assert_eq(e != NULL, twin[n].version != 0);
        if (e)
            cr_assert(e->version == twin[n].version && e->segment == twin[n].segment && e->row == twin[n].row);
    }
    cr_assert_null(id_map_find(&map, (struct point_id){0, IDS + 1}));
    id_map_fini(&map);
}

Test(id_map, room_that_was_reserved_is_enough)
{
    struct id_map map = {0};
    for (uint64_t n = 0, batch = 1; n < 20000; batch = batch * 3 % 997 + 1) {
        cr_assert_eq(id_map_reserve(&map, batch), 0);
        const struct id_entry *before = map.now.entries;
        for (uint64_t i = 0; i < batch; i++, n++) {
            struct id_entry e = {{0, n}, 1, 0, (uint32_t)n}, old;
            cr_assert(id_map_put(&map, &e, &old));
        }
        cr_assert_eq(map.now.entries, before, "a put must not grow the table");
        cr_assert_not_null(id_map_find(&map, (struct point_id){0, n / 2}));
    }
    cr_assert_geq(id_map_bytes(&map), map.live * sizeof(struct id_entry));
    id_map_fini(&map);
}

static void put_next(struct id_map *map, uint64_t *n, uint64_t count)
{
    struct id_entry old;
    cr_assert_eq(id_map_reserve(map, count), 0);
    for (uint64_t i = 0; i < count; i++, ++*n)
        cr_assert(id_map_put(map, &(struct id_entry){{0, *n}, 1, 0, (uint32_t)*n}, &old));
    cr_assert_leq(map->now.used, (map->now.mask + 1) / 4 * 3, "%zu entries of %zu", map->now.used, map->now.mask + 1);
}

/* The first put after a table is full begins a larger one. The entries move to it step by step. */
Test(id_map, entries_that_have_not_moved_yet_take_room)
{
    for (uint64_t full = 24; full < 2000; full *= 2) {
        struct id_map map = {0};
        uint64_t n = 0;
        while (n < full)
            put_next(&map, &n, 1);
        put_next(&map, &n, 1);
        cr_assert_not_null(map.old.entries);
        put_next(&map, &n, full + 1);
        id_map_fini(&map);
    }
}

Test(id_map, an_empty_map_finds_nothing)
{
    struct id_map map = {0};
    cr_assert_null(id_map_find(&map, (struct point_id){1, 2}));
    cr_assert_eq(id_map_bytes(&map), 0);
}

Test(id_map, a_table_that_was_outgrown_is_given_back_before_the_next_one_is)
{
    struct id_map m = {0};
    unsigned tables = 0;
    for (uint64_t i = 1; i <= 300000; i++) {
        const uint8_t *spent = m.spent;
        struct id_entry e = {{0, i}, i, 1, (uint32_t)i}, old;
        cr_assert_eq(id_map_reserve(&m, 1), 0);
        cr_assert(id_map_put(&m, &e, &old));
        tables += m.spent && m.spent != spent;
        cr_assert(!spent || !m.spent || m.spent == spent, "the old table must be freed step by step");
        cr_assert_geq(id_map_bytes(&m), (m.now.mask + 1) * sizeof(e) + m.spent_left);
    }
    cr_assert_gt(tables, 5);
    cr_assert_null(m.spent);
    for (uint64_t i = 1; i <= 300000; i++)
        cr_assert_eq(id_map_find(&m, (struct point_id){0, i})->row, i);
    id_map_fini(&m);
}
