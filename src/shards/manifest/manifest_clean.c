/* manifest_clean.c -- on which reactors a collection is clean: the manifest has a
 * bit for each reactor. */
#include "base/bits.h"
#include "shards/manifest/manifest.h"

#include <assert.h>

static_assert(REACTORS_MAX % 64 == 0, "a bit for each");

static struct manifest_cleanness *find(const struct manifest *m, uint64_t collection)
{
    const struct collection_config *c = manifest_find(m, collection);
    return c ? &m->clean[c - m->collections] : NULL;
}

bool manifest_is_clean_on(const struct manifest *m, uint64_t collection, unsigned reactor)
{
    const struct manifest_cleanness *r = find(m, collection);
    return r && reactor < m->reactors && bits_test(r->reactors, reactor);
}

static bool is_everywhere(const struct manifest_cleanness *r, unsigned reactors)
{
    for (unsigned i = 0; i < reactors; i++)
        if (!bits_test(r->reactors, i))
            return false;
    return reactors > 0;
}

bool manifest_is_clean(const struct manifest *m, uint64_t collection)
{
    const struct manifest_cleanness *r = find(m, collection);
    return r && is_everywhere(r, m->reactors);
}

void manifest_clean_on(struct manifest *m, uint64_t collection, unsigned reactor)
{
    struct manifest_cleanness *r = find(m, collection);
    if (r)
        bits_set(r->reactors, reactor);
}

void manifest_clean_everywhere(struct manifest *m, uint64_t collection)
{
    for (unsigned i = 0; i < m->reactors; i++)
        manifest_clean_on(m, collection, i);
}

void manifest_dirty_on(struct manifest *m, uint64_t collection, unsigned reactor)
{
    struct manifest_cleanness *r = find(m, collection);
    if (r)
        bits_clear(r->reactors, reactor);
}

void manifest_clean_forget(struct manifest *m, uint64_t collection)
{
    struct manifest_cleanness *r = find(m, collection);
    if (r)
        *r = (struct manifest_cleanness){0};
}

void manifest_clean_extend(struct manifest *m, unsigned reactors)
{
    for (size_t i = 0; i < m->collection_count; i++) {
        const bool everywhere = is_everywhere(&m->clean[i], m->reactors);
        m->clean[i] = (struct manifest_cleanness){0};
        for (unsigned to = 0; everywhere && to < reactors; to++)
            bits_set(m->clean[i].reactors, to);
    }
}
