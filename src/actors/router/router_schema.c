/* router_schema.c -- a change of a collection's schema. The collection's gate is left before the
 * catalog is called. Otherwise a drop, which runs alone in the catalog, would wait for this
 * request inside the gate, and this request for the drop. */
#include "actors/catalog/catalog_messages.h"
#include "actors/router/router_internal.h"

#include <errno.h>

int router_change_schema(struct request *rq, const char *name, const struct schema_change *change,
                         struct collection_config *ret)
{
    struct collection_entry *e = router_enter(rq, name);
    if (!e)
        return -ENOENT;
    *ret = e->config;
    core_leave(e);
    struct catalog_schema_message m = {.collection = ret->id,
                                       .change = change,
                                       .room =
                                           arena_alloc(&rq->bulk, schema_bytes(SCHEMA_VECTORS_MAX, SCHEMA_FIELDS_MAX)),
                                       .error = &rq->error};
    int rc = m.room ? 0 : -ENOMEM;
    if (rc == 0)
        rc = router_call_catalog(rq, &m.base, ACTOR_CATALOG, MSG_CATALOG_SCHEMA);
    ret->schema = m.schema;
    if (rc == -ENOENT && rq->error.code == ERROR_OK) /* the collection was dropped meanwhile */
        return replica_error_unknown(&rq->core->collections, name, &rq->error);
    return rc < 0 && rq->error.code == ERROR_OK ? request_error(rq, rc, "change of the schema") : rc;
}
