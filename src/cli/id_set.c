/* id_set.c -- a hash table with linear probing, at most half full. A removal moves later entries of
 * a run back (Knuth, The Art of Computer Programming, volume 3, section 6.4, algorithm R), so that
 * no marks of removed entries accumulate. */
#include "cli/id_set.h"

#include "base/check.h"

#include <stdint.h>
#include <stdlib.h>

#define CAPACITY_MIN 1024

static bool same(struct kith_id a, struct kith_id b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

static size_t place_of(const struct id_set *s, struct kith_id id)
{
    uint64_t h = (id.lo ^ id.hi * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xd6e8feb86659fd93);
    return (size_t)(h ^ h >> 32) & (s->capacity - 1);
}

/* The place of id, or the free place where it belongs. */
static size_t find(const struct id_set *s, struct kith_id id)
{
    size_t at = place_of(s, id);
    while (s->used[at] && !same(s->ids[at], id))
        at = (at + 1) & (s->capacity - 1);
    return at;
}

static void add_one(struct id_set *s, struct kith_id id)
{
    size_t at = find(s, id);
    s->count += !s->used[at];
    s->used[at] = true;
    s->ids[at] = id;
}

static bool reserve(struct id_set *s, size_t more)
{
    size_t capacity = s->capacity ? s->capacity : CAPACITY_MIN;
    while (capacity / 2 < s->count + more)
        capacity *= 2;
    if (capacity == s->capacity)
        return true;
    struct id_set larger = {malloc(capacity * sizeof(*larger.ids)), calloc(capacity, sizeof(*larger.used)), 0,
                            capacity};
    if (!larger.ids || !larger.used) {
        id_set_fini(&larger);
        return false;
    }
    for (size_t i = 0; i < s->capacity; i++)
        if (s->used[i])
            add_one(&larger, s->ids[i]);
    id_set_fini(s);
    *s = larger;
    return true;
}

void id_set_fini(struct id_set *s)
{
    free(s->ids);
    free(s->used);
    *s = (struct id_set){0};
}

bool id_set_has_any(const struct id_set *s, const struct kith_id *ids, size_t n)
{
    for (size_t i = 0; i < n && s->count > 0; i++)
        if (s->used[find(s, ids[i])])
            return true;
    return false;
}

bool id_set_add(struct id_set *s, const struct kith_id *ids, size_t n)
{
    if (!reserve(s, n))
        return false;
    for (size_t i = 0; i < n; i++)
        add_one(s, ids[i]);
    return true;
}

/* Whether the entry at `at` may move back to the hole: its preferred place does not lie between the
 * two, cyclically. */
static bool may_move(const struct id_set *s, size_t hole, size_t at)
{
    size_t mask = s->capacity - 1;
    return ((at - place_of(s, s->ids[at])) & mask) >= ((at - hole) & mask);
}

static void remove_one(struct id_set *s, struct kith_id id)
{
    size_t hole = find(s, id);
    if (!s->used[hole])
        return;
    s->used[hole] = false;
    s->count--;
    for (size_t at = (hole + 1) & (s->capacity - 1); s->used[at]; at = (at + 1) & (s->capacity - 1)) {
        if (!may_move(s, hole, at))
            continue;
        s->ids[hole] = s->ids[at];
        s->used[hole] = true;
        s->used[at] = false;
        hole = at;
    }
}

void id_set_remove(struct id_set *s, const struct kith_id *ids, size_t n)
{
    for (size_t i = 0; i < n && s->capacity > 0; i++)
        remove_one(s, ids[i]);
}
