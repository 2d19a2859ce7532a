/* catalog_snapshot.c -- takes snapshots while the server runs. While the manifest is locked, it
 * is copied and each store flushes its log; that is short. From then on the stores keep the
 * files that this manifest names, whatever is committed. They keep them until each has a second
 * name, or a copy where the file system has no hard links. All other work goes on meanwhile. */
#include "actors/catalog/catalog.h"
#include "actors/catalog/catalog_messages.h"
#include "actors/control_messages.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

/* Sets where each log ends: after every write that was acknowledged before the call. */
static int find_log_ends(struct manifest *m)
{
    struct control_snapshot_message first = {.manifest = m}, *all;
    free(m->log_end);
    m->log_end = calloc(m->reactors, sizeof(*m->log_end));
    if (!m->log_end)
        return -ENOMEM;
    check(m->reactors == reactor_count());
    int rc = control_broadcast(ACTOR_STEP, MSG_CONTROL_SNAPSHOT, &first, sizeof(first), (void **)&all);
    for (unsigned r = 0; all && r < m->reactors; r++)
        m->log_end[r] = all[r].log_end;
    free(all);
    return rc;
}

/* The messages go one after the other, so that they need no memory: this must not fail. */
static void tell_ended(void)
{
    for (unsigned r = 0; r < reactor_count(); r++) {
        struct message m = {0};
        check(message_call(&m, address_of(r, ACTOR_STEP), MSG_CONTROL_SNAPSHOT_END, NULL) == 0);
    }
}

static int cut(struct catalog *c, struct manifest *ret)
{
    semaphore_acquire(&c->writing, 1);
    int rc = manifest_copy(&c->manifest, ret);
    if (rc == 0 && (rc = find_log_ends(ret)) < 0)
        manifest_fini(ret);
    semaphore_release(&c->writing, 1);
    return rc;
}

static int create(struct catalog *c, struct catalog_snapshot_message *m)
{
    struct manifest now;
    uint64_t start_ns = clock_now_ns();
    int rc = cut(c, &now);
    if (rc < 0) {
        error_set_errno(m->error, rc, "the logs cannot be flushed, so there is no snapshot '%s'", m->name);
    } else {
        rc = snapshot_create(c->parts.dir, m->name, &now, m->base.ctx, &m->info, m->error);
        manifest_fini(&now);
    }
    tell_ended();
    if (rc == 0)
        log_info("snapshot '%s' taken in %llu ms", m->name, (unsigned long long)(clock_now_ns() - start_ns) / 1000000);
    return rc;
}

static int restore(struct catalog *c, struct catalog_snapshot_message *m)
{
    catalog_stop_changes(c);
    int rc = c->parts.restore(c->parts.restore_arg, m->name, m->error);
    catalog_go_on(c);
    return rc;
}

void catalog_on_snapshot(struct actor *a, struct message *base)
{
    struct catalog *c = CONTAINER_OF(a, struct catalog, snapshots);
    struct catalog_snapshot_message *m = CONTAINER_OF(base, struct catalog_snapshot_message, base);
    int rc = context_check(base->ctx); /* it may have waited in the queue for long */
    if (rc == 0 && base->type == MSG_CATALOG_SNAPSHOT_CREATE)
        rc = create(c, m);
    else if (rc == 0 && base->type == MSG_CATALOG_SNAPSHOT_DELETE)
        rc = snapshot_delete(c->parts.dir, m->name, m->error);
    else if (rc == 0)
        rc = base->type == MSG_CATALOG_SNAPSHOT_RESTORE ? restore(c, m) : -ENOSYS;
    message_reply(base, rc);
}
