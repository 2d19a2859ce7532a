#include "base/bits.h"
#include "shards/manifest.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static_assert(REACTORS_MAX % 64 == 0, "a bit for each");

static struct manifest_rest *find(const struct manifest *m, uint64_t collection)
{
    for (size_t i = 0; i < m->rest_count; i++)
        if (m->rests[i].collection == collection)
            return &m->rests[i];
    return NULL;
}

bool manifest_rests_on(const struct manifest *m, uint64_t collection, unsigned reactor)
{
    const struct manifest_rest *r = find(m, collection);
    return r && reactor < m->reactors && bits_test(r->reactors, reactor);
}

static bool is_everywhere(const struct manifest_rest *r, unsigned reactors)
{
    for (unsigned i = 0; i < reactors; i++)
        if (!bits_test(r->reactors, i))
            return false;
    return reactors > 0;
}

bool manifest_at_rest(const struct manifest *m, uint64_t collection)
{
    const struct manifest_rest *r = find(m, collection);
    return r && is_everywhere(r, m->reactors);
}

static struct manifest_rest *find_or_add(struct manifest *m, uint64_t collection)
{
    struct manifest_rest *r = find(m, collection);
    if (r)
        return r;
    r = realloc(m->rests, (m->rest_count + 1) * sizeof(*r));
    if (!r)
        return NULL;
    m->rests = r;
    r += m->rest_count++;
    *r = (struct manifest_rest){.collection = collection};
    return r;
}

int manifest_rest_on(struct manifest *m, uint64_t collection, unsigned reactor)
{
    struct manifest_rest *r = find_or_add(m, collection);
    if (!r)
        return -ENOMEM;
    bits_set(r->reactors, reactor);
    return 0;
}

int manifest_rest_everywhere(struct manifest *m, uint64_t collection)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < m->reactors; i++)
        rc = manifest_rest_on(m, collection, i);
    return rc;
}

void manifest_stir_on(struct manifest *m, uint64_t collection, unsigned reactor)
{
    struct manifest_rest *r = find(m, collection);
    if (r)
        bits_clear(r->reactors, reactor);
}

void manifest_rest_forget(struct manifest *m, uint64_t collection)
{
    struct manifest_rest *r = find(m, collection);
    if (r)
        *r = m->rests[--m->rest_count];
}

void manifest_rests_spread(struct manifest *m, unsigned reactors)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->rest_count; i++) {
        struct manifest_rest r = {.collection = m->rests[i].collection};
        for (unsigned to = 0; to < reactors; to++)
            bits_set(r.reactors, to);
        if (is_everywhere(&m->rests[i], m->reactors))
            m->rests[kept++] = r;
    }
    m->rest_count = kept;
}
