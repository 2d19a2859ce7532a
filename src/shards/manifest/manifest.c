/* manifest.c -- the manifest in memory. Two hash tables find collections by id and by name, so most
 * changes take the same time however many collections there are. Only drops and removed segments
 * are looked for among all segments. */
#include "shards/manifest/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* -- finding -- */

const struct collection_config *manifest_find(const struct manifest *m, uint64_t collection)
{
    const uint64_t at = table_find_number(&m->by_id, collection);
    return at ? &m->collections[at - 1] : NULL;
}

static bool is_named(uint64_t at, const void *name, const void *manifest)
{
    const struct manifest *m = manifest;
    return strcmp(m->collections[at - 1].name, name) == 0;
}

const struct collection_config *manifest_find_name(const struct manifest *m, const char *name)
{
    const uint64_t at = table_find(&m->by_name, table_hash_text(name), is_named, name, m);
    return at ? &m->collections[at - 1] : NULL;
}

static struct manifest_segment *find_segment(const struct manifest *m, uint64_t id)
{
    for (size_t i = 0; i < m->segment_count; i++)
        if (m->segments[i].id == id)
            return &m->segments[i];
    return NULL;
}

/* -- room -- */

static int grow(void *pointer, size_t room, size_t size)
{
    void **p = pointer;
    void *grown = realloc(*p, room * size);
    if (!grown)
        return -ENOMEM;
    *p = grown;
    return 0;
}

static size_t more_room(size_t have, size_t need)
{
    return need > have * 2 ? need : have * 2;
}

static int reserve_collections(struct manifest *m, size_t more)
{
    const size_t need = m->collection_count + more, room = more_room(m->collection_room, need);
    int rc = table_reserve(&m->by_id, more);
    if (rc == 0)
        rc = table_reserve(&m->by_name, more);
    if (rc < 0 || need <= m->collection_room)
        return rc;
    rc = grow(&m->collections, room, sizeof(*m->collections));
    if (rc == 0)
        rc = grow(&m->clean, room, sizeof(*m->clean));
    if (rc == 0)
        m->collection_room = room;
    return rc;
}

int manifest_reserve(struct manifest *m, size_t changes)
{
    const size_t need = m->segment_count + changes, room = more_room(m->segment_room, need);
    int rc = reserve_collections(m, changes);
    if (rc < 0 || need <= m->segment_room)
        return rc;
    rc = grow(&m->segments, room, sizeof(*m->segments));
    if (rc == 0)
        m->segment_room = room;
    return rc;
}

/* -- collections -- */

static void insert(struct manifest *m, const struct collection_config *config)
{
    m->collections[m->collection_count] = *config;
    (void)schema_acquire(config->schema);
    m->clean[m->collection_count++] = (struct manifest_cleanness){0};
    table_put(&m->by_id, table_hash(config->id), m->collection_count);
    table_put(&m->by_name, table_hash_text(config->name), m->collection_count);
    if (config->id >= m->next_id)
        m->next_id = config->id + 1;
}

/* Removes a collection, whose place the last one takes, and its segments. */
static void erase(struct manifest *m, uint64_t id)
{
    const size_t at = (size_t)(manifest_find(m, id) - m->collections), last = m->collection_count - 1;
    struct collection_config *c = &m->collections[at];
    const struct collection_config *moved = &m->collections[last];
    table_remove(&m->by_id, table_hash(c->id), at + 1);
    table_remove(&m->by_name, table_hash_text(c->name), at + 1);
    collection_config_fini(c);
    if (at != last) {
        table_change(&m->by_id, table_hash(moved->id), last + 1, at + 1);
        table_change(&m->by_name, table_hash_text(moved->name), last + 1, at + 1);
        m->collections[at] = *moved;
        m->clean[at] = m->clean[last];
    }
    m->collection_count--;
    size_t kept = 0;
    for (size_t i = 0; i < m->segment_count; i++)
        if (m->segments[i].collection != id)
            m->segments[kept++] = m->segments[i];
    m->segment_count = kept;
}

int manifest_add(struct manifest *m, const struct collection_config *config)
{
    int rc = manifest_check(m, &(struct manifest_change){.create = config});
    if (rc == 0)
        rc = reserve_collections(m, 1);
    if (rc == 0)
        insert(m, config);
    return rc;
}

/* -- changes -- */

static int check_edit(const struct manifest *m, const struct manifest_edit *edit)
{
    const uint64_t collection = edit->segment.id ? edit->segment.collection : edit->dirtied;
    if (collection && !manifest_find(m, collection))
        return -ENOENT; /* it was dropped meanwhile, so the segment or the write is not needed */
    for (size_t i = 0; i < edit->removed_count; i++)
        if (!find_segment(m, edit->removed[i]))
            return -ENOENT;
    return 0;
}

static int check_schema(const struct manifest *m, const struct manifest_schema *change)
{
    const struct collection_config *c = manifest_find(m, change->collection);
    if (!c)
        return -ENOENT;
    return change->schema->version == c->schema->version + 1 ? 0 : -ESTALE;
}

int manifest_check(const struct manifest *m, const struct manifest_change *change)
{
    if (change->create) {
        const struct collection_config *c = change->create;
        return manifest_find(m, c->id) || manifest_find_name(m, c->name) ? -EEXIST : 0;
    }
    if (change->drop)
        return manifest_find(m, change->drop) ? 0 : -ENOENT;
    if (change->schema)
        return check_schema(m, change->schema);
    return check_edit(m, change->edit);
}

static void make_edit(struct manifest *m, const struct manifest_edit *edit)
{
    if (edit->segment.id)
        m->segments[m->segment_count++] = edit->segment;
    for (size_t i = 0; i < edit->removed_count; i++) {
        struct manifest_segment *gone = find_segment(m, edit->removed[i]);
        if (gone) /* NULL: the id was given twice */
            *gone = m->segments[--m->segment_count];
    }
    if (edit->epoch != m->epoch || edit->reactor >= m->reactors) {
        manifest_clean_forget(m, edit->dirtied);
        return;
    }
    if (edit->log_start > m->log_start[edit->reactor])
        m->log_start[edit->reactor] = edit->log_start;
    manifest_dirty_on(m, edit->dirtied, edit->reactor);
    for (size_t i = 0; i < edit->cleaned_count; i++)
        manifest_clean_on(m, edit->cleaned[i], edit->reactor);
}

void manifest_make(struct manifest *m, const struct manifest_change *change)
{
    if (change->create) {
        insert(m, change->create);
        manifest_clean_everywhere(m, change->create->id);
    } else if (change->drop) {
        erase(m, change->drop);
    } else if (change->schema) {
        const uint64_t at = table_find_number(&m->by_id, change->schema->collection);
        collection_config_replace(&m->collections[at - 1], schema_acquire(change->schema->schema));
    } else {
        make_edit(m, change->edit);
    }
}

int manifest_apply(struct manifest *m, const struct manifest_edit *edit)
{
    const struct manifest_change change = {.edit = edit};
    int rc = manifest_check(m, &change);
    if (rc == 0)
        rc = manifest_reserve(m, 1);
    if (rc == 0)
        manifest_make(m, &change);
    return rc;
}

/* -- the whole manifest -- */

static int fill_copy(const struct manifest *m, struct manifest *ret)
{
    int rc = manifest_reserve(ret, m->collection_count > m->segment_count ? m->collection_count : m->segment_count);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < m->collection_count; i++) {
        insert(ret, &m->collections[i]);
        ret->clean[i] = m->clean[i];
    }
    for (size_t i = 0; i < m->segment_count; i++)
        ret->segments[ret->segment_count++] = m->segments[i];
    if (!m->log_end)
        return 0;
    ret->log_end = calloc(m->reactors + 1, sizeof(*ret->log_end));
    if (!ret->log_end)
        return -ENOMEM;
    memcpy(ret->log_end, m->log_end, m->reactors * sizeof(*ret->log_end));
    return 0;
}

int manifest_copy(const struct manifest *m, struct manifest *ret)
{
    *ret = (struct manifest){.epoch = m->epoch, .log_dir = m->log_dir, .reactors = m->reactors, .next_id = m->next_id};
    ret->snapshot.created_ns = m->snapshot.created_ns;
    ret->snapshot.bytes = m->snapshot.bytes;
    memcpy(ret->log_start, m->log_start, sizeof(ret->log_start));
    int rc = fill_copy(m, ret);
    if (rc < 0)
        manifest_fini(ret);
    return rc;
}

void manifest_fini(struct manifest *m)
{
    free(m->log_end);
    for (size_t i = 0; i < m->collection_count; i++)
        collection_config_fini(&m->collections[i]);
    free(m->collections);
    free(m->segments);
    free(m->clean);
    table_fini(&m->by_id);
    table_fini(&m->by_name);
    *m = (struct manifest){0};
}
