/* router_maintain.c -- sealing and compaction on request. All reactors work at the same time;
 * the request waits for the last. */
#include "actors/router/router_internal.h"

#include <errno.h>
#include <string.h>

static int ask_all(struct request *rq, uint64_t collection, uint32_t type, struct shard_maintain_message *parts,
                   struct error *errors)
{
    struct core *c = rq->core;
    for (unsigned r = 0; r < c->reactors; r++)
        parts[r] = (struct shard_maintain_message){.collection = collection, .error = &errors[r]};
    int rc = router_scatter(rq, parts, sizeof(*parts), ACTOR_MAINTAIN, type, NULL);
    for (unsigned r = 0; rc < 0 && r < c->reactors; r++)
        if (parts[r].base.status < 0) {
            rq->error = errors[r];
            break;
        }
    return rc;
}

/* The collection's gate is not held while waiting, because a drop would wait for work of
 * minutes. Each reactor enters it itself and leaves it early for a drop. */
static int maintain(struct request *rq, const char *name, uint32_t type, const char *what)
{
    struct core *c = rq->core;
    struct collection_entry *e = router_enter(rq, name);
    if (!e)
        return -ENOENT;
    uint64_t collection = e->config.id;
    core_leave(e);
    struct shard_maintain_message *parts = arena_alloc(&rq->arena, c->reactors * sizeof(*parts));
    struct error *errors = arena_alloc(&rq->arena, c->reactors * sizeof(*errors));
    if (!parts || !errors)
        return request_error(rq, -ENOMEM, what);
    memset(errors, 0, c->reactors * sizeof(*errors));
    int rc = admission_enter(rq, ADMIT_BACKGROUND, 0, 0, what);
    if (rc < 0)
        return rc;
    rc = ask_all(rq, collection, type, parts, errors);
    admission_leave(rq);
    return rc < 0 && rq->error.code == ERROR_OK ? request_error(rq, rc, what) : rc;
}

int router_seal(struct request *rq, const char *name)
{
    return maintain(rq, name, MSG_SHARD_SEAL, "sealing");
}

/* One reactor merges the segments of all reactors, so all seal theirs first. */
int router_compact(struct request *rq, const char *name)
{
    int rc = maintain(rq, name, MSG_SHARD_SEAL, "sealing before compaction");
    return rc < 0 ? rc : maintain(rq, name, MSG_SHARD_COMPACT, "compaction");
}
