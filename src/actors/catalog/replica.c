/* replica.c -- two sorted arrays. Every request looks up a collection, and creations are
 * rare. A binary search of a dozen compares is quick enough. Unlike a hash table, sorted
 * arrays list names in order. */
#include "actors/catalog/replica.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_SHOWN 8

static size_t name_position(const struct replica *r, const char *name, bool *ret_there)
{
    size_t low = 0, high = r->count;
    *ret_there = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(r->by_name[middle]->config.name, name);
        if (order == 0) {
            *ret_there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t id_position(const struct replica *r, uint64_t id)
{
    size_t low = 0, high = r->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (r->by_id[middle]->config.id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int grow(struct replica *r)
{
    size_t capacity = r->capacity ? r->capacity * 2 : 8;
    struct collection_entry **by_name = realloc(r->by_name, capacity * sizeof(*by_name));
    if (!by_name)
        return -ENOMEM;
    r->by_name = by_name;
    struct collection_entry **by_id = realloc(r->by_id, capacity * sizeof(*by_id));
    if (!by_id)
        return -ENOMEM;
    r->by_id = by_id;
    r->capacity = capacity;
    return 0;
}

static void insert(struct collection_entry **list, size_t count, size_t at, struct collection_entry *e)
{
    memmove(list + at + 1, list + at, (count - at) * sizeof(*list));
    list[at] = e;
}

static void take(struct collection_entry **list, size_t count, size_t at)
{
    memmove(list + at, list + at + 1, (count - at - 1) * sizeof(*list));
}

int replica_add(struct replica *r, const struct collection_config *config, struct shard *shard)
{
    bool there;
    size_t at = name_position(r, config->name, &there);
    if (there)
        return -EEXIST;
    if (r->count == r->capacity && grow(r) < 0)
        return -ENOMEM;
    struct collection_entry *e = calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    e->config = *config;
    (void)schema_acquire(config->schema);
    e->shard = shard;
    insert(r->by_name, r->count, at, e);
    insert(r->by_id, r->count, id_position(r, config->id), e);
    r->count++;
    return 0;
}

struct collection_entry *replica_find(const struct replica *r, const char *name)
{
    bool there;
    size_t at = name_position(r, name, &there);
    return there && r->by_name[at]->published ? r->by_name[at] : NULL;
}

struct collection_entry *replica_find_id(const struct replica *r, uint64_t id)
{
    size_t at = id_position(r, id);
    return at < r->count && r->by_id[at]->config.id == id ? r->by_id[at] : NULL;
}

size_t replica_after(const struct replica *r, const char *name)
{
    bool there;
    size_t at = name_position(r, name, &there);
    return at + there;
}

void replica_remove(struct replica *r, struct collection_entry *e)
{
    bool there;
    size_t at = name_position(r, e->config.name, &there);
    check(there && r->by_name[at] == e);
    take(r->by_name, r->count, at);
    take(r->by_id, r->count, id_position(r, e->config.id));
    r->count--;
}

void replica_take_schema(struct collection_entry *e)
{
    if (!e->next_schema)
        return;
    if (e->shard)
        shard_set_schema(e->shard, schema_acquire(e->next_schema));
    collection_config_replace(&e->config, e->next_schema);
    e->next_schema = NULL;
}

void replica_meet_schema(struct collection_entry *e, uint64_t version)
{
    if (version > e->config.schema->version)
        replica_take_schema(e);
    /* all reactors have a copy before the first of them uses it */
    check(version <= e->config.schema->version);
}

void replica_destroy(struct collection_entry *e)
{
    schema_release(e->next_schema);
    collection_config_fini(&e->config);
    free(e);
}

void replica_fini(struct replica *r)
{
    for (size_t i = 0; i < r->count; i++)
        replica_destroy(r->by_name[i]);
    free(r->by_name);
    free(r->by_id);
    memset(r, 0, sizeof(*r));
}

int replica_error_unknown(const struct replica *r, const char *name, struct error *error)
{
    char names[200];
    size_t used = 0;
    for (size_t i = 0; i < r->count && i < NAMES_SHOWN; i++) {
        size_t more = strlen(r->by_name[i]->config.name);
        if (used + more + 8 > sizeof(names))
            break;
        if (used > 0) {
            memcpy(names + used, ", ", 2);
            used += 2;
        }
        memcpy(names + used, r->by_name[i]->config.name, more);
        used += more;
        if (i + 1 == NAMES_SHOWN && r->count > NAMES_SHOWN) {
            memcpy(names + used, ", ...", 5);
            used += 5;
        }
    }
    names[used] = 0;
    if (r->count == 0)
        return error_set(error, ERROR_NOT_FOUND, "there is no collection '%.64s'; there are none yet, create it first",
                         name);
    if (used == 0)
        return error_set(error, ERROR_NOT_FOUND, "there is no collection '%.64s'", name);
    return error_set(error, ERROR_NOT_FOUND, "there is no collection '%.64s'; there are: %s", name, names);
}
