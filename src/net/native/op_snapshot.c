/* op_snapshot.c -- the operations on snapshots. */
#include "net/native/exchange.h"
#include "net/native/meta/meta.h"
#include "net/native/operation.h"
#include "shards/snapshot/snapshot.h"

#include <errno.h>

static void snapshot_init(Kith__Snapshot *ret, const struct snapshot_info *from)
{
    kith__snapshot__init(ret);
    ret->name = (char *)(uintptr_t)from->name; /* protobuf-c only reads it */
    ret->damaged = from->damaged;
    ret->created_ns = from->created_ns;
    ret->collections = from->collections;
    ret->segments = from->segments;
    ret->segment_rows = from->segment_rows;
    ret->log_bytes = from->log_bytes;
    ret->bytes = from->bytes;
}

int op_snapshot_create(struct native_request *r, const void *message)
{
    struct snapshot_info info;
    Kith__Snapshot made;
    int rc = router_snapshot_create(r->rq, ((const Kith__CreateSnapshot *)message)->name, &info);
    if (rc < 0)
        return rc;
    snapshot_init(&made, &info);
    return exchange_answer(r, &made.base);
}

int op_snapshot_list(struct native_request *r, const void *message)
{
    const struct snapshot_info *all;
    size_t n;
    int rc = router_snapshot_list(r->rq, &all, &n);
    if (rc < 0)
        return rc;
    Kith__SnapshotList list = KITH__SNAPSHOT_LIST__INIT;
    Kith__Snapshot *messages = arena_alloc(&r->rq->bulk, (n + 1) * sizeof(*messages));
    list.snapshots = arena_alloc(&r->rq->bulk, (n + 1) * sizeof(*list.snapshots));
    if (!messages || !list.snapshots)
        return request_error(r->rq, -ENOMEM, "list");
    for (size_t i = 0; i < n; i++) {
        snapshot_init(&messages[i], &all[i]);
        list.snapshots[i] = &messages[i];
    }
    list.n_snapshots = n;
    return exchange_answer(r, &list.base);
}

int op_snapshot_verify(struct native_request *r, const void *message)
{
    const Kith__VerifySnapshot *ask = message;
    struct snapshot_verify v = {.next = ask->next};
    int rc = router_snapshot_verify(r->rq, ask->name, &v);
    if (rc < 0)
        return rc;
    Kith__SnapshotVerified verified = KITH__SNAPSHOT_VERIFIED__INIT;
    verified.next = v.next;
    verified.finished = v.finished;
    verified.files_total = v.files;
    verified.files_done = v.files_done;
    verified.bytes = v.bytes_done;
    return exchange_answer(r, &verified.base);
}

int op_snapshot_restore(struct native_request *r, const void *message)
{
    Kith__RestoredSnapshot restored = KITH__RESTORED_SNAPSHOT__INIT;
    int rc = router_snapshot_restore(r->rq, ((const Kith__RestoreSnapshot *)message)->name);
    return rc < 0 ? rc : exchange_answer(r, &restored.base);
}

int op_snapshot_delete(struct native_request *r, const void *message)
{
    Kith__DeletedSnapshot deleted = KITH__DELETED_SNAPSHOT__INIT;
    int rc = router_snapshot_delete(r->rq, ((const Kith__DeleteSnapshot *)message)->name);
    return rc < 0 ? rc : exchange_answer(r, &deleted.base);
}
