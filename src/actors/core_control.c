/* core_control.c -- what reactor 0 asks each reactor to do to its collections: create, publish,
 * change the schema, empty, drop, restore. Messages here may wait for requests to end. Starting and
 * stopping is in core_life.c. Messages that requests wait for are in core_notice.c. */
#include "actors/catalog/catalog_messages.h"
#include "actors/control_messages.h"
#include "actors/server.h"
#include "actors/shard_messages.h"

#include <errno.h>

/* -- collections -- */

static int on_create(struct core *c, struct control_create_message *m)
{
    int rc = store_create_collection(c->store, m->config);
    if (rc < 0)
        return rc;
    struct shard *s = store_shard(c->store, m->config->id);
    return replica_add(&c->collections, shard_config(s), s);
}

static int publish(struct core *c, uint64_t collection)
{
    struct collection_entry *e = replica_find_id(&c->collections, collection);
    if (e) /* missing only when the server stops */
        e->published = true;
    return 0;
}

/* -- schemas -- */

static int on_schema_prepare(struct core *c, const struct control_schema_message *m)
{
    struct collection_entry *e = replica_find_id(&c->collections, m->collection);
    if (!e)
        return -ENOENT; /* the server stops */
    check(!e->next_schema);
    e->next_schema = schema_copy(m->schema);
    return e->next_schema ? 0 : -ENOMEM;
}

static int on_schema_publish(struct core *c, const struct control_schema_message *m)
{
    struct collection_entry *e = replica_find_id(&c->collections, m->collection);
    if (e) /* missing only when the server stops */
        replica_take_schema(e);
    return 0;
}

static int on_schema_retract(struct core *c, const struct control_schema_message *m)
{
    struct collection_entry *e = replica_find_id(&c->collections, m->collection);
    if (e) {
        schema_release(e->next_schema);
        e->next_schema = NULL;
    }
    return 0;
}

static int on_schema(struct core *c, struct message *base)
{
    const struct control_schema_message *m = CONTAINER_OF(base, struct control_schema_message, base);
    switch (base->type) {
    case MSG_CONTROL_SCHEMA_PREPARE: return on_schema_prepare(c, m);
    case MSG_CONTROL_SCHEMA_PUBLISH: return on_schema_publish(c, m);
    default: return on_schema_retract(c, m);
    }
}

/* -- drops and damage -- */

static int on_empty(struct core *c, struct control_drop_message *m)
{
    struct collection_entry *e = replica_find_id(&c->collections, m->collection);
    if (e) {
        replica_remove(&c->collections, e);
        order_check(ORDER_COLLECTION);
        gate_close(&e->gate);
        replica_destroy(e);
    }
    store_empty_collection(c->store, m->collection);
    return 0;
}

/* No collection is created or dropped yet when this runs, so the entries stay where they are
 * while messages are under way. */
static int on_announce_damage(struct core *c)
{
    int rc = 0;
    for (size_t i = 0; i < c->collections.count; i++) {
        const struct collection_entry *e = c->collections.by_name[i];
        int one = shard_damage(e->shard) && e->damage.code == ERROR_OK ? core_announce_damage(c, e) : 0;
        rc = rc < 0 ? rc : one;
    }
    return rc;
}

void core_on_control(struct actor *a, struct message *m)
{
    struct core *c = CONTAINER_OF(a, struct core, control);
    int rc = -ENOSYS;
    switch (m->type) {
    case MSG_CONTROL_OPEN:
    case MSG_CONTROL_SHARE:
    case MSG_CONTROL_MAP:
    case MSG_CONTROL_REPLAY: rc = core_on_start(c, m); break;
    case MSG_CONTROL_READ: rc = core_on_read(c); break;
    case MSG_CONTROL_CREATE: rc = on_create(c, CONTAINER_OF(m, struct control_create_message, base)); break;
    case MSG_CONTROL_PUBLISH: rc = publish(c, CONTAINER_OF(m, struct control_publish_message, base)->collection); break;
    case MSG_CONTROL_SCHEMA_PREPARE:
    case MSG_CONTROL_SCHEMA_PUBLISH:
    case MSG_CONTROL_SCHEMA_RETRACT: rc = on_schema(c, m); break;
    case MSG_CONTROL_EMPTY: rc = on_empty(c, CONTAINER_OF(m, struct control_drop_message, base)); break;
    case MSG_CONTROL_DROP:
        rc = store_drop_collection(c->store, CONTAINER_OF(m, struct control_drop_message, base)->collection);
        break;
    case MSG_CONTROL_ANNOUNCE_DAMAGE: rc = on_announce_damage(c); break;
    case MSG_CONTROL_RESTORE: rc = core_on_restore(c, CONTAINER_OF(m, struct control_restore_message, base)); break;
    }
    message_reply(m, rc);
}
