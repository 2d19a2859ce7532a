/* operations.c -- the table of operations. A new operation is a row here and a function in an
 * op_*.c (README.md). */
#include "actors/metrics/metrics.h"
#include "kith.pb-c.h"
#include "net/native/exchange.h"
#include "net/native/operation.h"

static int op_hello(struct native_request *r, const void *ask)
{
    return error_set(&r->rq->error, ERROR_INVALID_ARGUMENT, "a connection sends a hello only once, as its first frame");
}

static int op_ping(struct native_request *r, const void *ask)
{
    const Kith__Pong pong = KITH__PONG__INIT;
    return exchange_answer(r, &pong.base);
}

#define ROW(code, name, right, lane, ...) [KITH_OP_##code] = {name, RIGHT_##right, ADMIT_##lane, __VA_ARGS__}
#define MESSAGE(type)                     .message = &kith__##type##__descriptor
#define OF(Type, field)                   .collection = offsetof(Type, field)
#define SERVER                            .collection = OPERATION_WHOLE
#define POINTS(kind)                      .points = kind, .collection = offsetof(struct meta_points_ask, collection)

static const struct operation operations[] = {
    ROW(HELLO, "hello", NONE, SEARCH, MESSAGE(hello), SERVER, op_hello),
    ROW(PING, "ping", NONE, SEARCH, MESSAGE(ping), SERVER, op_ping),
    ROW(CREATE, "create", MANAGE, SEARCH, MESSAGE(create_collection), SERVER, op_create),
    ROW(DROP, "drop", MANAGE, SEARCH, MESSAGE(drop_collection), OF(Kith__DropCollection, name), op_drop),
    ROW(LIST, "list", READ, SEARCH, MESSAGE(list_collections), SERVER, op_list),
    ROW(INFO, "info", READ, SEARCH, MESSAGE(get_info), OF(Kith__GetInfo, name), op_info),
    ROW(UPSERT, "upsert", WRITE, LOAD, POINTS(META_UPSERT), op_upsert),
    ROW(DELETE, "delete", WRITE, LOAD, POINTS(META_DELETE), op_delete),
    ROW(GET, "get", READ, SEARCH, POINTS(META_GET), op_get),
    ROW(COUNT, "count", READ, SEARCH, MESSAGE(count), OF(Kith__Count, collection), op_count),
    ROW(SEARCH, "search", READ, SEARCH, MESSAGE(search), OF(Kith__Search, collection), op_search),
    ROW(CANCEL, "cancel", NONE, SEARCH, SERVER),
    ROW(SEAL, "seal", MANAGE, BACKGROUND, MESSAGE(seal), OF(Kith__Seal, collection), op_seal),
    ROW(COMPACT, "compact", MANAGE, BACKGROUND, MESSAGE(compact), OF(Kith__Compact, collection), op_compact),
    ROW(VERIFY, "verify", MANAGE, BACKGROUND, MESSAGE(verify), OF(Kith__Verify, collection), op_verify),
    ROW(SNAPSHOT_CREATE, "snapshot_create", MANAGE, SEARCH, MESSAGE(create_snapshot), SERVER, op_snapshot_create),
    ROW(SNAPSHOT_LIST, "snapshot_list", READ, SEARCH, MESSAGE(list_snapshots), SERVER, op_snapshot_list),
    ROW(SNAPSHOT_VERIFY, "snapshot_verify", MANAGE, BACKGROUND, MESSAGE(verify_snapshot), SERVER, op_snapshot_verify),
    ROW(SNAPSHOT_RESTORE, "snapshot_restore", MANAGE, BACKGROUND, MESSAGE(restore_snapshot), SERVER,
        op_snapshot_restore),
    ROW(SNAPSHOT_DELETE, "snapshot_delete", MANAGE, SEARCH, MESSAGE(delete_snapshot), SERVER, op_snapshot_delete),
    ROW(STATS, "stats", READ, SEARCH, MESSAGE(get_stats), SERVER, op_stats),
    ROW(CONFIG_GET, "config_get", READ, SEARCH, MESSAGE(get_config), SERVER, op_config_get),
    ROW(CONFIG_SET, "config_set", MANAGE, SEARCH, MESSAGE(set_config), SERVER, op_config_set),
    ROW(SCHEMA_CHANGE, "schema_change", MANAGE, SEARCH, MESSAGE(change_schema), OF(Kith__ChangeSchema, collection),
        op_schema_change),
};
static_assert(ARRAY_LEN(operations) <= METRICS_OPS, "metrics have a counter for each");

const struct operation *operation_find(unsigned code)
{
    return code < ARRAY_LEN(operations) && operations[code].name ? &operations[code] : NULL;
}

const char *operation_name(unsigned code)
{
    const struct operation *op = operation_find(code);
    return op ? op->name : NULL;
}

enum fiber_class operation_class(const struct operation *op)
{
    static const enum fiber_class classes[ADMISSION_CLASSES] = {[ADMIT_SEARCH] = CLASS_INTERACTIVE,
                                                                [ADMIT_BATCH] = CLASS_INTERACTIVE,
                                                                [ADMIT_LOAD] = CLASS_WRITE,
                                                                [ADMIT_BACKGROUND] = CLASS_BACKGROUND};
    return classes[op->lane];
}
