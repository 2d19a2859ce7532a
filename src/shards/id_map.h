/* id_map.h -- where is id X? For every id owned here the version that counts and
 * the row that holds it.
 *
 * Open addressing with linear probing, 32 bytes an entry, at most 3/4 full. It grows without a long
 * stall: a larger table is made and every put moves some entries over, so that the old one is empty
 * long before the new one is full. A deleted id stays with the version of its deletion, so that an
 * older write of it, from wherever it comes, is recognised, until nothing older can come any
 * more. */
#pragma once

#include "base/check.h"
#include "base/point_id.h"
#include <stddef.h>

#define ID_MAP_DELETED UINT32_MAX

struct id_entry {
    struct point_id id;
    uint64_t version;      /* 0: the place is free */
    uint32_t segment, row; /* segment: the shard's handle, or ID_MAP_DELETED */
};

struct id_table {
    struct id_entry *entries;
    size_t mask, used; /* entries: mask + 1 */
};

struct id_map {
    struct id_table now, old; /* old.entries: NULL unless growing */
    size_t moved;             /* entries of old that were looked at */
    size_t live;              /* ids that are not deleted */
    /* the table before `now`, when all of it was moved: its memory goes back step by step */
    uint8_t *spent;
    size_t spent_bytes, spent_left;
};

void id_map_fini(struct id_map *m); /* zero-initialised is empty */

/* The entry of id, or NULL. Lent until the next put. */
const struct id_entry *id_map_find(const struct id_map *m, struct point_id id);

/* Makes room for n more ids, so that as many puts cannot fail. -ENOMEM. */
MUST_USE int id_map_reserve(struct id_map *m, size_t n);

/* Puts e if its version is newer than what is there. Returns whether it did; *ret_old is what it
 * replaced (version 0: nothing), or, when it did not, what stays. There must be room. */
bool id_map_put(struct id_map *m, const struct id_entry *e, struct id_entry *ret_old);

/* The row with this version of id lies elsewhere from now on; nothing happens when
 * another version counts. */
void id_map_move(struct id_map *m, struct point_id id, uint64_t version, uint32_t segment, uint32_t row);

/* Forgets id if it is deleted by this version: nothing older of it is anywhere. May put it off for
 * ever, while the map grows. */
void id_map_forget(struct id_map *m, struct point_id id, uint64_t version);

#define ID_MAP_ROW_BYTES (2 * sizeof(struct id_entry)) /* of memory for an id, on the average */
size_t id_map_bytes(const struct id_map *m);
/* What it takes more when it gets room for n more ids. */
size_t id_map_growth(const struct id_map *m, size_t n);
