/* core_restore.c -- one reactor's part in taking a snapshot, and in a restore. */
#include "actors/control_messages.h"
#include "actors/server.h"
#include "shards/snapshot/snapshot.h"

#include <errno.h>
#include <stdlib.h>

int core_on_snapshot(struct core *c, struct control_snapshot_message *m)
{
    return core_is_open(c) ? store_snapshot_begin(c->store, m->manifest->log_start[c->reactor], &m->log_end)
                           : -ESHUTDOWN;
}

/* New requests are refused. Requests inside a gate may still ask other reactors, so the gates
 * stay open to their messages. */
static int quiesce(struct core *c)
{
    if (c->state == CORE_SERVING)
        c->state = CORE_RESTORING;
    recall_watch_stop(c);
    order_check(ORDER_COLLECTION);
    /* no collection is created or dropped meanwhile */
    for (size_t i = 0; i < c->collections.count; i++) {
        struct gate *gate = &c->collections.by_id[i]->gate;
        while (gate->inside > 0)
            event_wait(&gate->emptied);
    }
    return 0;
}

static int shut(struct core *c)
{
    disk_reporter_stop(&c->disk);
    budget_share_stop(c);
    replica_fini(&c->collections);
    if (c->store)
        store_close(c->store);
    c->store = NULL;
    return 0;
}

static int resume(struct core *c)
{
    int rc = c->halted ? -ESHUTDOWN : builder_start(&c->builder, c->store, NULL);
    if (rc == 0 && c->state == CORE_RESTORING)
        c->state = CORE_SERVING;
    return rc;
}

int core_on_restore(struct core *c, struct control_restore_message *m)
{
    switch (m->step) {
    case RESTORE_QUIESCE: return quiesce(c);
    case RESTORE_STOP: builder_stop(&c->builder); return 0;
    case RESTORE_SHUT: return shut(c);
    case RESTORE_RESUME: return resume(c);
    }
    return -ENOSYS;
}
