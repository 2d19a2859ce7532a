/* id_map.h -- the id map: for every id owned here, its highest version, and the segment
 * and row that hold it.
 *
 * Open addressing with linear probing, 32 bytes an entry, at most 3/4 full. It grows without a long
 * stall: a larger table is made, and every put moves some entries to it. So the old table is empty
 * long before the new one is full.
 *
 * A deleted id stays in the map with the version of its deletion, so that older writes of it are
 * recognised. It is forgotten when no older write of it can come any more. */
#pragma once

#include "base/check.h"
#include "base/point_id.h"
#include <stddef.h>

#define ID_MAP_DELETED UINT32_MAX

struct id_entry {
    struct point_id id;
    uint64_t version;      /* 0: the place is free */
    uint32_t segment, row; /* segment: its handle in the shard, or ID_MAP_DELETED */
};

struct id_table {
    struct id_entry *entries;
    size_t mask, used; /* entries: mask + 1 */
};

struct id_map {
    struct id_table now, old; /* old.entries: NULL unless growing */
    size_t moved;             /* entries of old that were moved or skipped */
    size_t live;              /* ids that are not deleted */
    /* the table before `now`, after all of it was moved: its memory is freed in steps */
    uint8_t *spent;
    size_t spent_bytes, spent_left;
};

void id_map_fini(struct id_map *m); /* a zero-initialised map is empty */

/* The entry of id, or NULL. Lent until the next put. */
const struct id_entry *id_map_find(const struct id_map *m, struct point_id id);

/* Makes room for n more ids, so that n puts cannot fail. -ENOMEM. */
MUST_USE int id_map_reserve(struct id_map *m, size_t n);

/* Puts e if its version is higher than the one in the map, and returns whether it did. *ret_old is
 * the entry before the call (version 0: there was none). There must be room. */
bool id_map_put(struct id_map *m, const struct id_entry *e, struct id_entry *ret_old);

/* Notes that the row with this version of id has moved. Does nothing when the map
 * has another version. */
void id_map_move(struct id_map *m, struct point_id id, uint64_t version, uint32_t segment, uint32_t row);

/* Forgets id if the map has the deletion with this version. The caller knows that no older row or
 * record of it is anywhere. Does nothing while the map grows, so the entry may stay. */
void id_map_forget(struct id_map *m, struct point_id id, uint64_t version);

#define ID_MAP_ROW_BYTES (2 * sizeof(struct id_entry)) /* memory for an id, on average */
size_t id_map_bytes(const struct id_map *m);
/* The memory that the map will add to get room for n more ids. */
size_t id_map_growth(const struct id_map *m, size_t n);
