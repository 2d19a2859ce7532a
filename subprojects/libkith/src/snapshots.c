/* Creates, lists, checks, restores and deletes snapshots. */
#include "connection.h"
#include "kith.pb-c.h"

static struct kith_snapshot snapshot_of(const Kith__Snapshot *s)
{
    return (struct kith_snapshot){
        .name = s->name,
        .damaged = s->damaged,
        .created_ns = s->created_ns,
        .collections = s->collections,
        .segments = s->segments,
        .segment_rows = s->segment_rows,
        .log_bytes = s->log_bytes,
        .bytes = s->bytes,
    };
}

int kith_snapshot_create(struct kith *k, const char *name, struct kith_snapshot *ret)
{
    Kith__CreateSnapshot m = KITH__CREATE_SNAPSHOT__INIT;
    m.name = (char *)(name ? name : "");
    ProtobufCMessage *reply;
    int rc = kith_call(k, KITH_OP_SNAPSHOT_CREATE, &m.base, &kith__snapshot__descriptor, &reply);
    if (rc == 0)
        *ret = snapshot_of((const Kith__Snapshot *)reply);
    return rc;
}

int kith_snapshot_list(struct kith *k, const struct kith_snapshot **ret, size_t *ret_count)
{
    Kith__ListSnapshots m = KITH__LIST_SNAPSHOTS__INIT;
    ProtobufCMessage *reply;
    int rc = kith_call(k, KITH_OP_SNAPSHOT_LIST, &m.base, &kith__snapshot_list__descriptor, &reply);
    if (rc < 0)
        return rc;
    const Kith__SnapshotList *list = (const Kith__SnapshotList *)reply;
    struct kith_snapshot *to = reply_arena_alloc(&k->arena, (list->n_snapshots + 1) * sizeof(*to));
    if (!to)
        return kith_fail(k, KITH_NO_MEMORY, "no memory for %zu snapshots", list->n_snapshots);
    for (size_t i = 0; i < list->n_snapshots; i++)
        to[i] = snapshot_of(list->snapshots[i]);
    *ret = to;
    *ret_count = list->n_snapshots;
    return 0;
}

int kith_snapshot_verify(struct kith *k, const char *name, struct kith_snapshot_check *check)
{
    Kith__VerifySnapshot m = KITH__VERIFY_SNAPSHOT__INIT;
    m.name = (char *)name;
    m.next = check->next;
    ProtobufCMessage *reply;
    int rc = kith_call(k, KITH_OP_SNAPSHOT_VERIFY, &m.base, &kith__snapshot_verified__descriptor, &reply);
    if (rc < 0)
        return rc;
    const Kith__SnapshotVerified *v = (const Kith__SnapshotVerified *)reply;
    check->next = v->next;
    check->finished = v->finished;
    check->files_total = v->files_total;
    check->files_done = v->files_done;
    check->bytes += v->bytes;
    return 0;
}

int kith_snapshot_restore(struct kith *k, const char *name)
{
    Kith__RestoreSnapshot m = KITH__RESTORE_SNAPSHOT__INIT;
    m.name = (char *)name;
    return kith_call(k, KITH_OP_SNAPSHOT_RESTORE, &m.base, NULL, NULL);
}

int kith_snapshot_delete(struct kith *k, const char *name)
{
    Kith__DeleteSnapshot m = KITH__DELETE_SNAPSHOT__INIT;
    m.name = (char *)name;
    return kith_call(k, KITH_OP_SNAPSHOT_DELETE, &m.base, NULL, NULL);
}

int64_t kith_start_snapshot_create(struct kith *k, const char *name)
{
    Kith__CreateSnapshot m = KITH__CREATE_SNAPSHOT__INIT;
    m.name = (char *)name;
    int64_t id = 0;
    int rc = send_message(k, KITH_OP_SNAPSHOT_CREATE, &m.base, &id);
    return rc < 0 ? rc : id;
}

int64_t kith_start_snapshot_restore(struct kith *k, const char *name)
{
    Kith__RestoreSnapshot m = KITH__RESTORE_SNAPSHOT__INIT;
    m.name = (char *)name;
    int64_t id = 0;
    int rc = send_message(k, KITH_OP_SNAPSHOT_RESTORE, &m.base, &id);
    return rc < 0 ? rc : id;
}
