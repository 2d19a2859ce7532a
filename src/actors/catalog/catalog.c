/* catalog.c -- changes the list of collections and the manifest.
 *
 * There are two locks and two actors, instead of one message at a time. A drop waits until each
 * reactor lets go of the collection. Meanwhile a reactor that seals a segment, or takes the
 * first write to a clean collection, waits for its commit here. With one lock or one actor for
 * both, each could wait for the other. */
#include "actors/addresses.h"
#include "actors/catalog/catalog_internal.h"
#include "actors/control_messages.h"
#include "actors/core.h"
#include "base/log.h"
#include "reactor/file.h"
#include "shards/folder/read_only.h"
#include "shards/folder/whole_file.h"
#include "shards/snapshot/snapshot.h"
#include "shards/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* so many creations run at once; a drop takes all of it */
#define CATALOG_WIDTH    16
#define COMMIT_WIDTH     256                 /* many commits share a flush */
#define COLLECTION_BYTES ((uint64_t)4 << 10) /* about the memory of an empty collection */
#define COLLECTIONS_MAX  1000000

/* -- the manifest -- */

/* A change that waits for the lock is flushed together with those of the fiber that holds it. */
static int try_commit(struct catalog *c, const struct manifest_change *change)
{
    struct manifest_waiter waiter;
    manifest_log_add(&c->log, &waiter, change);
    semaphore_acquire(&c->writing, 1);
    while (!waiter.done)
        manifest_log_write(&c->log);
    semaphore_release(&c->writing, 1);
    return waiter.rc;
}

/* On a full disk the first try frees the reserve. Then changes that make the data smaller, or
 * move them out of the log, are tried again. */
int catalog_commit(struct catalog *c, const struct manifest_change *change, struct error *error)
{
    uint64_t round = c->parts.disk->round;
    int rc = try_commit(c, change);
    if (disk_failed(rc))
        disk_watch_report(c->parts.disk, rc, round);
    if (disk_is_full(rc) && !change->create) {
        disk_watch_complete(c->parts.disk);
        rc = try_commit(c, change);
    }
    if (disk_failed(rc) && error)
        return read_only_refuse(rc, c->parts.dir, error);
    return rc < 0 ? error_set_errno(error, rc, "the manifest could not be changed") : 0;
}

/* -- telling every reactor -- */

static int tell_created(const struct collection_config *config)
{
    const struct control_create_message first = {.config = config};
    void *messages;
    int rc = control_broadcast(ACTOR_CONTROL, MSG_CONTROL_CREATE, &first, sizeof(first), &messages);
    free(messages);
    return rc;
}

/* The messages of tell_published() and tell_all() go one after the other, so that they need no
 * memory: neither must fail half way. */
static void tell_published(uint64_t collection)
{
    for (unsigned r = 0; r < reactor_count(); r++) {
        struct control_publish_message m = {.collection = collection};
        check(message_call(&m.base, address_of(r, ACTOR_CONTROL), MSG_CONTROL_PUBLISH, NULL) == 0);
    }
}

static int tell_all(uint64_t collection, enum control_message_type type)
{
    int rc = 0;
    for (unsigned r = 0; r < reactor_count(); r++) {
        struct control_drop_message m = {.collection = collection};
        int one = message_call(&m.base, address_of(r, ACTOR_CONTROL), type, NULL);
        if (one < 0 && one != -ENOENT)
            rc = one;
    }
    return rc;
}

static int tell_dropped(uint64_t collection)
{
    int rc = tell_all(collection, MSG_CONTROL_EMPTY);
    int dropped = tell_all(collection, MSG_CONTROL_DROP);
    return rc < 0 ? rc : dropped;
}

/* -- messages -- */

/* The manifest keeps a copy of the schema that this core owns; that of the request
 * belongs to another core. */
static int commit_created(struct catalog *c, const struct collection_config *config, struct error *error)
{
    struct collection_config own;
    if (collection_config_copy(&own, config) < 0)
        return error_set_errno(error, -ENOMEM, "the collection '%s' could not be created", config->name);
    int rc = catalog_commit(c, &(struct manifest_change){.create = &own}, error);
    collection_config_fini(&own);
    return rc;
}

static int create_locked(struct catalog *c, struct collection_config *config, struct error *error)
{
    int rc = collection_config_check(config, error);
    if (rc < 0)
        return rc;
    if (manifest_find_name(&c->manifest, config->name))
        return error_set(error, ERROR_ALREADY_EXISTS,
                         "a collection '%s' exists already; choose another name or drop it first", config->name);
    if (c->manifest.collection_count >= COLLECTIONS_MAX)
        return error_set(
            error, ERROR_RESOURCE_EXHAUSTED,
            "there are %d collections already, which is the most; put points together and tell them apart by payload",
            COLLECTIONS_MAX);
    if (c->parts.disk->reason)
        return read_only_refuse(c->parts.disk->reason, c->parts.dir, error);
    rc = budget_take_room(c->parts.budget, COLLECTION_BYTES, error);
    if (rc < 0)
        return rc;
    config->id = c->next_id > c->manifest.next_id ? c->next_id : c->manifest.next_id;
    c->next_id = config->id + 1; /* other collections are created meanwhile */
    rc = tell_created(config);
    if (rc < 0)
        error_set_errno(error, rc, "the collection '%s' could not be created", config->name);
    else
        rc = commit_created(c, config, error);
    if (rc < 0) {
        ignore_result(tell_dropped(config->id));
        return rc;
    }
    tell_published(config->id);
    char more[LOG_SHARE_TEXT_MAX];
    if (log_share_take(&c->said_created, clock_now_ns(), more))
        log_info("collection '%s' created: dim %u%s", config->name, collection_vector(config)->dim, more);
    return 0;
}

/* Also removes files that no reactor has open, because they are damaged. */
static void remove_segments(const struct catalog *c, const uint64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct store *store = c->parts.core->store;
        int rc = store ? store_remove_segment(store, ids[i]) : -ESHUTDOWN;
        if (rc < 0 && rc != -ENOENT)
            log_warn("segment %" PRIx64 " could not be removed (error %d); the next start removes it", ids[i], rc);
    }
}

static int segments_of(const struct catalog *c, uint64_t collection, uint64_t **ret, size_t *ret_count)
{
    const struct manifest *m = &c->manifest;
    *ret_count = 0;
    *ret = calloc(m->segment_count + 1, sizeof(**ret));
    for (size_t i = 0; *ret && i < m->segment_count; i++)
        if (m->segments[i].collection == collection)
            (*ret)[(*ret_count)++] = m->segments[i].id;
    return *ret ? 0 : -ENOMEM;
}

static int drop_locked(struct catalog *c, const char *name, struct error *error)
{
    const struct collection_config *config = manifest_find_name(&c->manifest, name);
    if (!config)
        return -ENOENT; /* the router writes the sentence, because it knows which names exist */
    uint64_t id = config->id, *segments;
    size_t segment_count;
    int rc = segments_of(c, id, &segments, &segment_count);
    if (rc == 0)
        rc = catalog_commit(c, &(struct manifest_change){.drop = id}, error);
    if (rc < 0) {
        free(segments);
        return rc;
    }
    char more[LOG_SHARE_TEXT_MAX];
    rc = tell_dropped(id);
    remove_segments(c, segments, segment_count);
    free(segments);
    if (rc < 0)
        log_warn(
            "collection '%s' is dropped, but files of it could not be removed (error %d); the next start removes them",
            name, rc);
    else if (log_share_take(&c->said_dropped, clock_now_ns(), more))
        log_info("collection '%s' dropped%s", name, more);
    return 0;
}

static bool is_being_created(const struct catalog *c, const char *name)
{
    for (const struct catalog_creation *other = c->creations; other; other = other->next)
        if (strcmp(other->name, name) == 0)
            return true;
    return false;
}

static int create_named(struct catalog *c, struct collection_config *config, struct error *error)
{
    struct catalog_creation this = {.name = config->name}, **link = &c->creations;
    while (is_being_created(c, config->name)) /* its end decides whether the name exists */
        event_wait(&c->created);
    this.next = c->creations;
    c->creations = &this;
    int rc = create_locked(c, config, error);
    while (*link != &this)
        link = &(*link)->next;
    *link = this.next;
    event_notify_all(&c->created);
    return rc;
}

/* Creations run at the same time and share flushes. A drop runs alone. */
static int on_create(struct catalog *c, struct catalog_create_message *m)
{
    semaphore_acquire(&c->changing, 1);
    int rc = context_check(m->base.ctx); /* it may have waited for long */
    if (rc == 0)
        rc = create_named(c, m->config, m->error);
    semaphore_release(&c->changing, 1);
    return rc;
}

static int on_drop(struct catalog *c, struct catalog_drop_message *m)
{
    catalog_stop_changes(c);
    int rc = context_check(m->base.ctx);
    if (rc == 0)
        rc = drop_locked(c, m->name, m->error);
    catalog_go_on(c);
    return rc;
}

void catalog_stop_changes(struct catalog *c)
{
    semaphore_acquire(&c->changing, CATALOG_WIDTH);
}

void catalog_go_on(struct catalog *c)
{
    semaphore_release(&c->changing, CATALOG_WIDTH);
}

static bool is_one_of(uint64_t id, const uint64_t *ids, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static int on_oldest(const struct catalog *c, struct catalog_oldest_message *m)
{
    m->version = UINT64_MAX;
    for (size_t i = 0; i < c->manifest.segment_count; i++) {
        const struct manifest_segment *g = &c->manifest.segments[i];
        bool elsewhere = g->owners == reactor_count() && g->owner != m->owner;
        if (g->collection == m->collection && !elsewhere && g->version_min < m->version &&
            !is_one_of(g->id, m->but, m->but_count))
            m->version = g->version_min;
    }
    return 0;
}

static int on_configure(struct catalog *c, struct catalog_configure_message *m)
{
    return settings_keeper_change(c->parts.settings, m->name, m->value, m->error);
}

static void on_commit(struct actor *a, struct message *m)
{
    struct catalog *c = CONTAINER_OF(a, struct catalog, commits);
    int rc = -ENOSYS;
    if (m->type == MSG_CATALOG_COMMIT) {
        const struct manifest_change change = {.edit = CONTAINER_OF(m, struct catalog_commit_message, base)->edit};
        rc = catalog_commit(c, &change, NULL);
    } else if (m->type == MSG_CATALOG_OLDEST) {
        rc = on_oldest(c, CONTAINER_OF(m, struct catalog_oldest_message, base));
    }
    message_reply(m, rc);
}

static void on_change(struct actor *a, struct message *m)
{
    struct catalog *c = CONTAINER_OF(a, struct catalog, actor);
    int rc = -ENOSYS;
    switch (m->type) {
    case MSG_CATALOG_CREATE: rc = on_create(c, CONTAINER_OF(m, struct catalog_create_message, base)); break;
    case MSG_CATALOG_DROP: rc = on_drop(c, CONTAINER_OF(m, struct catalog_drop_message, base)); break;
    case MSG_CATALOG_SCHEMA: rc = catalog_on_schema(c, CONTAINER_OF(m, struct catalog_schema_message, base)); break;
    case MSG_CATALOG_CONFIGURE: rc = on_configure(c, CONTAINER_OF(m, struct catalog_configure_message, base)); break;
    }
    message_reply(m, rc);
}

void catalog_start(struct catalog *c, const struct catalog_parts *parts, struct manifest *m)
{
    c->parts = *parts;
    c->manifest = *m;
    memset(m, 0, sizeof(*m));
    manifest_log_open(&c->log, parts->dir, &c->manifest);
    semaphore_init(&c->writing, 1, ORDER_MANIFEST);
    semaphore_init(&c->changing, CATALOG_WIDTH, ORDER_CHANGE);
    actor_start(&c->actor, ACTOR_CATALOG, "catalog", CLASS_WRITE, CATALOG_WIDTH, on_change);
    actor_start(&c->commits, ACTOR_COMMIT, "commit", CLASS_WRITE, COMMIT_WIDTH, on_commit);
    actor_start(&c->snapshots, ACTOR_SNAPSHOT, "snapshot", CLASS_WRITE, 1, catalog_on_snapshot);
}

void catalog_stop(struct catalog *c)
{
    const bool changed = c->log.file;
    if (!c->log.manifest)
        return; /* the catalog was never started */
    manifest_log_close(&c->log);
    if (changed)
        /* a failure does no harm: the old file says the same */
        ignore_result(manifest_store(c->parts.dir, &c->manifest, NULL));
}

void catalog_fini(struct catalog *c)
{
    manifest_fini(&c->manifest);
}

int catalog_snapshot(struct catalog *c, struct manifest *ret)
{
    semaphore_acquire(&c->writing, 1);
    int rc = manifest_copy(&c->manifest, ret);
    semaphore_release(&c->writing, 1);
    return rc;
}

void catalog_replace(struct catalog *c, struct manifest *m)
{
    semaphore_acquire(&c->writing, 1);
    manifest_log_reset(&c->log);
    manifest_fini(&c->manifest);
    c->manifest = *m;
    memset(m, 0, sizeof(*m));
    semaphore_release(&c->writing, 1);
}

int catalog_complete(struct catalog *c, struct error *error)
{
    semaphore_acquire(&c->writing, 1);
    manifest_log_reset(&c->log);
    int rc = folder_complete(c->parts.dir, &c->manifest, reactor_count(), error);
    semaphore_release(&c->writing, 1);
    return rc;
}
