/* table.h -- a hash table from a 64-bit hash to a number that is not 0: an index plus one, or a
 * pointer. Open addressing with linear probing, 16 bytes a place, at most 3/4 full.
 *
 * For keys that are numbers, table_hash() is one-to-one, so equal hashes mean equal keys. For other
 * keys the caller compares the key that the value stands for. Growing moves all entries at once,
 * some milliseconds for 100 000 of them. */
#pragma once

#include "base/check.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_place {
    uint64_t hash, value; /* value 0: the place is free */
};

struct table {
    struct table_place *places; /* mask + 1 of them; all zeros is an empty table */
    size_t mask, used;
};

/* One-to-one, and mixes all bits. */
static inline uint64_t table_hash(uint64_t number)
{
    number ^= number >> 33;
    number *= 0xff51afd7ed558ccdull;
    number ^= number >> 33;
    number *= 0xc4ceb9fe1a85ec53ull;
    return number ^ number >> 33;
}
uint64_t table_hash_text(const char *text);

void table_fini(struct table *t);
/* Makes room for n more entries, so that n calls of table_put() cannot fail. -ENOMEM. */
MUST_USE int table_reserve(struct table *t, size_t n);
/* Adds an entry; the table must have room. Several entries may have the same hash. */
void table_put(struct table *t, uint64_t hash, uint64_t value);
/* Removes an entry that exists. */
void table_remove(struct table *t, uint64_t hash, uint64_t value);
/* Changes the value of an entry that exists. */
void table_change(struct table *t, uint64_t hash, uint64_t from, uint64_t to);

/* The first value with that hash for which is(value, key, arg) holds. If `is` is NULL, the first
 * with that hash. 0: none. */
uint64_t table_find(const struct table *t, uint64_t hash, bool (*is)(uint64_t value, const void *key, const void *arg),
                    const void *key, const void *arg);
static inline uint64_t table_find_number(const struct table *t, uint64_t number)
{
    return table_find(t, table_hash(number), NULL, NULL, NULL);
}
