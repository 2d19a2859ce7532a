/* table.c -- a hash table with linear probing. A removal moves later entries back, so no place
 * needs a mark for deleted entries. */
#include "base/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define PLACES_MIN 16

uint64_t table_hash_text(const char *text)
{
    return XXH3_64bits(text, strlen(text));
}

void table_fini(struct table *t)
{
    free(t->places);
    *t = (struct table){0};
}

static void place(struct table *t, uint64_t hash, uint64_t value)
{
    size_t i = hash & t->mask;
    while (t->places[i].value)
        i = (i + 1) & t->mask;
    t->places[i] = (struct table_place){hash, value};
}

int table_reserve(struct table *t, size_t n)
{
    size_t places = t->places ? t->mask + 1 : 0;
    if (t->used + n <= places / 4 * 3)
        return 0;
    places = places ? places * 2 : PLACES_MIN;
    while (places / 4 * 3 < t->used + n)
        places *= 2;
    struct table grown = {calloc(places, sizeof(*grown.places)), places - 1, t->used};
    if (!grown.places)
        return -ENOMEM;
    for (size_t i = 0; t->places && i <= t->mask; i++)
        if (t->places[i].value)
            place(&grown, t->places[i].hash, t->places[i].value);
    free(t->places);
    *t = grown;
    return 0;
}

void table_put(struct table *t, uint64_t hash, uint64_t value)
{
    check(value && t->places && t->used < t->mask);
    place(t, hash, value);
    t->used++;
}

static size_t find_entry(const struct table *t, uint64_t hash, uint64_t value)
{
    check(t->places);
    size_t i = hash & t->mask;
    while (t->places[i].value != value || t->places[i].hash != hash) {
        check(t->places[i].value);
        i = (i + 1) & t->mask;
    }
    return i;
}

void table_change(struct table *t, uint64_t hash, uint64_t from, uint64_t to)
{
    t->places[find_entry(t, hash, from)].value = to;
}

/* Fills the hole with later entries that had been displaced past it (Knuth, TAOCP 3, 6.4, algorithm
 * R). */
void table_remove(struct table *t, uint64_t hash, uint64_t value)
{
    size_t hole = find_entry(t, hash, value);
    for (size_t i = (hole + 1) & t->mask; t->places[i].value; i = (i + 1) & t->mask) {
        const size_t wanted = t->places[i].hash & t->mask;
        if (((i - wanted) & t->mask) >= ((i - hole) & t->mask)) {
            t->places[hole] = t->places[i];
            hole = i;
        }
    }
    t->places[hole] = (struct table_place){0};
    t->used--;
}

uint64_t table_find(const struct table *t, uint64_t hash, bool (*is)(uint64_t value, const void *key, const void *arg),
                    const void *key, const void *arg)
{
    if (!t->places)
        return 0;
    for (size_t i = hash & t->mask; t->places[i].value; i = (i + 1) & t->mask)
        if (t->places[i].hash == hash && (!is || is(t->places[i].value, key, arg)))
            return t->places[i].value;
    return 0;
}
