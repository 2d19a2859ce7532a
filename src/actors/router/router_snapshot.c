/* router_snapshot.c -- snapshots on request. A request that only reads a snapshot runs on the
 * core of its connection. To make, remove or restore one, it asks the catalog. */
#include "actors/catalog/catalog_messages.h"
#include "actors/router/needs.h"
#include "actors/router/router_internal.h"
#include "actors/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* after this time the client is told how far the verification is, and asks again */
#define VERIFY_NS ((uint64_t)200000000)

/* names with the same second, for snapshots that the client did not name */
#define NAMES_TRIED 1000

static int ask_catalog(struct request *rq, enum catalog_message_type type, const char *name,
                       struct catalog_snapshot_message *m, const char *what)
{
    *m = (struct catalog_snapshot_message){.name = name, .error = &rq->error};
    int rc = snapshot_name_check(name, &rq->error);
    if (rc == 0)
        rc = router_call_catalog(rq, &m->base, ACTOR_SNAPSHOT, type);
    return rc < 0 && rq->error.code == ERROR_OK ? request_error(rq, rc, what) : rc;
}

int router_snapshot_create(struct request *rq, const char *name, struct snapshot_info *ret)
{
    char own[SNAPSHOT_NAME_MAX];
    struct catalog_snapshot_message m;
    int rc = router_check_serving(rq, "snapshot");
    if (rc < 0)
        return rc;
    unsigned tries = 0;
    do {
        rq->error.code = ERROR_OK;
        snapshot_name_default(clock_wall_ns(), tries, own);
        rc = ask_catalog(rq, MSG_CATALOG_SNAPSHOT_CREATE, name[0] ? name : own, &m, "snapshot");
    } while (rq->error.code == ERROR_ALREADY_EXISTS && !name[0] && ++tries < NAMES_TRIED);
    if (rc == 0)
        *ret = m.info;
    return rc;
}

int router_snapshot_list(struct request *rq, const struct snapshot_info **ret, size_t *ret_count)
{
    struct snapshot_info *all, *own;
    int rc = snapshots_list(rq->core->server->options.data, &all, ret_count, &rq->error);
    if (rc < 0)
        return rc;
    rc = admission_enter(rq, ADMIT_LOAD, 0, needs_of_snapshots(*ret_count), "list");
    own = rc == 0 ? arena_alloc(&rq->bulk, (*ret_count + 1) * sizeof(*own)) : NULL;
    if (own && *ret_count)
        memcpy(own, all, *ret_count * sizeof(*own));
    free(all);
    *ret = own;
    return rc < 0 || own ? rc : request_error(rq, -ENOMEM, "list");
}

static int verify(struct request *rq, const char *name, uint64_t for_ns, struct snapshot_verify *v)
{
    int rc = admission_enter(rq, ADMIT_BACKGROUND, for_ns, 0, "verification");
    if (rc < 0)
        return rc;
    rc = router_verify_begin(rq, "verification");
    if (rc == 0) {
        rc = snapshot_verify_step(rq->core->server->options.data, name, for_ns, &rq->ctx, v, &rq->error);
        router_verify_end(rq);
    }
    admission_leave(rq);
    return rc < 0 && rq->error.code == ERROR_OK ? request_error(rq, rc, "verification") : rc;
}

int router_snapshot_verify(struct request *rq, const char *name, struct snapshot_verify *v)
{
    return verify(rq, name, VERIFY_NS, v);
}

/* Not refused while a restore is unfinished, because repeating it is how to finish it. */
int router_snapshot_restore(struct request *rq, const char *name)
{
    struct catalog_snapshot_message m;
    struct snapshot_verify v = {0};
    if (rq->core->state != CORE_SERVING && rq->core->state != CORE_RESTORING)
        return router_check_serving(rq, "restore");
    int rc = verify(rq, name, 0, &v);
    return rc < 0 ? rc : ask_catalog(rq, MSG_CATALOG_SNAPSHOT_RESTORE, name, &m, "restore");
}

int router_snapshot_delete(struct request *rq, const char *name)
{
    struct catalog_snapshot_message m;
    if (rq->core->state == CORE_STARTING || rq->core->state == CORE_READING)
        return router_check_serving(rq, "deletion");
    return ask_catalog(rq, MSG_CATALOG_SNAPSHOT_DELETE, name, &m, "deletion");
}
