/* id_set.h -- the ids of the rows that are under way, so that two rows of one id are
 * never under way at once.
 *
 * A hash table with open addressing; zero-initialised is empty. */
#pragma once

#include <kith/kith.h>
#include <stdbool.h>
#include <stddef.h>

struct id_set {
    struct kith_id *ids;
    bool *used;
    size_t count, capacity; /* capacity is a power of two, or 0 */
};

void id_set_fini(struct id_set *s);
bool id_set_has_any(const struct id_set *s, const struct kith_id *ids, size_t n);
/* Adds n ids; an id that is there stays. False when there is no memory: then none was added. */
bool id_set_add(struct id_set *s, const struct kith_id *ids, size_t n);
/* Takes n ids out; an id that is not there is passed over. */
void id_set_remove(struct id_set *s, const struct kith_id *ids, size_t n);
