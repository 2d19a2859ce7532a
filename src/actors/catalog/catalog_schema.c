/* catalog_schema.c -- gives a collection its next schema, in four steps. Every reactor makes a
 * copy. The manifest makes the schema durable. Every reactor uses its copy. The client gets its
 * answer. Every step that can fail comes before the manifest, so a durable change is used by all
 * reactors. No reactor uses a change that a power cut could take back. */
#include "actors/addresses.h"
#include "actors/catalog/catalog_internal.h"
#include "actors/control_messages.h"
#include "base/log.h"
#include "shards/folder/read_only.h"

#include <errno.h>
#include <inttypes.h>

static int tell_all(uint64_t collection, const struct schema *next, enum control_message_type type)
{
    int rc = 0;
    for (unsigned r = 0; r < reactor_count() && rc == 0; r++) {
        struct control_schema_message m = {.collection = collection, .schema = next};
        rc = message_call(&m.base, address_of(r, ACTOR_CONTROL), type, NULL);
    }
    return rc;
}

static int make_durable(struct catalog *c, uint64_t collection, struct schema *next, struct error *error)
{
    const struct manifest_schema change = {.collection = collection, .schema = next};
    int rc = tell_all(collection, next, MSG_CONTROL_SCHEMA_PREPARE);
    if (rc < 0)
        error_set_errno(error, rc, "the schema could not be changed");
    else
        rc = catalog_commit(c, &(struct manifest_change){.schema = &change}, error);
    check(tell_all(collection, NULL, rc < 0 ? MSG_CONTROL_SCHEMA_RETRACT : MSG_CONTROL_SCHEMA_PUBLISH) == 0);
    return rc;
}

static void say(struct catalog *c, const char *name, const struct schema_change *change, uint64_t version)
{
    char more[LOG_SHARE_TEXT_MAX];
    const char *what = change->add_field ? "added" : "dropped";
    const char *path = change->add_field ? change->add_field->path : change->drop_field ? change->drop_field : "";
    if (log_share_take(&c->said_schema, clock_now_ns(), more))
        log_info("collection '%s': field '%s' %s, schema version %" PRIu64 "%s", name, path, what, version, more);
}

/* The catalog is locked, so no other change of a collection is under way. */
static int change_locked(struct catalog *c, struct catalog_schema_message *m)
{
    const struct collection_config *config = manifest_find(&c->manifest, m->collection);
    struct schema *next;
    if (!config)
        return -ENOENT; /* the router writes the sentence, because it knows which names exist */
    int rc = schema_change(config->schema, m->change, config->name, &next, m->error);
    if (rc < 0)
        return rc;
    const bool grows = m->change->add_field || m->change->add_vector;
    if (grows && c->parts.disk->reason)
        rc = read_only_refuse(c->parts.disk->reason, c->parts.dir, m->error);
    if (rc == 0)
        rc = make_durable(c, m->collection, next, m->error);
    if (rc == 0) {
        m->schema = schema_copy_at(m->room, next, next->field_count);
        say(c, manifest_find(&c->manifest, m->collection)->name, m->change, next->version);
    }
    schema_release(next);
    return rc;
}

int catalog_on_schema(struct catalog *c, struct catalog_schema_message *m)
{
    catalog_stop_changes(c);
    int rc = context_check(m->base.ctx);
    if (rc == 0)
        rc = change_locked(c, m);
    catalog_go_on(c);
    return rc;
}
