/* restore.c -- puts a running server back to the state of a snapshot.
 *
 * The stores close, the folder is replaced (shards/snapshot/snapshot_restore.c), and the stores
 * open again as at a start. Connections stay open; their requests get ERROR_UNAVAILABLE
 * meanwhile. A reader of the manifest sees the old one or the new one. No fiber commits
 * meanwhile, because the background work has ended. */
#include "actors/control_messages.h"
#include "actors/server.h"
#include "base/log.h"
#include "shards/snapshot/snapshot.h"

#include <errno.h>

/* How many reactors are asked at once. The messages lie on the stack: only the last step may
 * fail, so the others must work without memory. */
#define AT_ONCE 64u

static int step_some(enum restore_step which, unsigned first, unsigned n)
{
    struct control_restore_message m[AT_ONCE];
    for (unsigned i = 0; i < n; i++)
        m[i] = (struct control_restore_message){.step = which};
    const struct scatter some = {.messages = m,
                                 .size = sizeof(*m),
                                 .first = first,
                                 .count = n,
                                 .to = address_of(0, ACTOR_CONTROL),
                                 .type = MSG_CONTROL_RESTORE};
    return message_scatter(&some);
}

/* Asks many reactors at once, because each may wait long for a slow disk. */
static int step(enum restore_step which)
{
    int rc = 0;
    for (unsigned first = 0, n; first < reactor_count(); first += n) {
        n = reactor_count() - first < AT_ONCE ? reactor_count() - first : AT_ONCE;
        int some = step_some(which, first, n);
        rc = rc < 0 ? rc : some;
    }
    return rc;
}

static int open_again(struct server *s, struct error *error)
{
    struct manifest start;
    int rc = catalog_snapshot(&s->catalog, &start);
    if (rc < 0)
        return rc;
    rc = folder_prepare(s->options.data, &start, reactor_count(), error);
    if (rc == 0)
        rc = server_open_stores(s, &start, error);
    manifest_fini(&start);
    if (rc == 0)
        rc = catalog_complete(&s->catalog, error);
    if (rc == 0)
        rc = step(RESTORE_RESUME);
    return rc < 0 ? rc : disk_watch_start(&s->disk);
}

static int replace(struct server *s, struct error *error)
{
    struct manifest m;
    int rc = snapshots_complete(s->options.data, error);
    if (rc == 0)
        rc = manifest_load(s->options.data, &m, NULL, error);
    if (rc == 0)
        catalog_replace(&s->catalog, &m);
    return rc;
}

/* Logs `why`, and adds to its sentence what to do now. */
static int stay_closed(int rc, const struct error *why, struct error *error)
{
    log_error("a restore was not finished: %s; requests are refused until one is, or the server is started again",
              why->text);
    return error_set(error, why->code != ERROR_OK ? why->code : error_code_of(rc),
                     "%.200s; the restore is not finished: repeat it, or start the server again", why->text);
}

int server_restore(struct server *s, const char *name, struct error *error)
{
    struct error why = {0}, again = {0};
    log_info("restoring the snapshot '%s'; requests are refused until it is done", name);
    disk_watch_stop(&s->disk); /* the watch sends messages to the stores too */
    check(step(RESTORE_QUIESCE) == 0 && step(RESTORE_STOP) == 0 && step(RESTORE_SHUT) == 0);
    /* an earlier restore is not finished: the files that it removed are gone */
    bool pending = snapshot_restore_is_pending(s->options.data);
    int rc = snapshot_restore_begin(s->options.data, name, &why);
    bool begun = rc == 0;
    if (begun)
        rc = replace(s, &why);
    else if (pending || snapshot_restore_cancel(s->options.data) < 0)
        return stay_closed(rc, &why, error);
    if (begun && rc < 0)
        return stay_closed(rc, &why, error);
    int opened = open_again(s, &again);
    if (opened < 0)
        return stay_closed(opened, &again, error);
    if (rc < 0)
        *error = why;
    return rc;
}
