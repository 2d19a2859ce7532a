/* id_set.h -- the ids of rows in flight, so that two rows with the same id are never in flight
 * together.
 *
 * A hash table with open addressing. All zeros is empty. */
#pragma once

#include <kith/kith.h>
#include <stdbool.h>
#include <stddef.h>

struct id_set {
    struct kith_id *ids;
    bool *used;
    size_t count, capacity; /* capacity: a power of two, or 0 */
};

void id_set_fini(struct id_set *s);
bool id_set_has_any(const struct id_set *s, const struct kith_id *ids, size_t n);
/* Adds n ids; ids in the set stay. False without memory; then no id was added. */
bool id_set_add(struct id_set *s, const struct kith_id *ids, size_t n);
/* Removes n ids; ids that are not in the set are ignored. */
void id_set_remove(struct id_set *s, const struct kith_id *ids, size_t n);
