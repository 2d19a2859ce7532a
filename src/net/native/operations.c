/* operations.c -- the table. A new operation is a row here and a function in an op_*.c (README.md). */
#include "actors/metrics/metrics.h"
#include "kith.pb-c.h"
#include "net/native/exchange.h"
#include "net/native/operation.h"

static int op_hello(struct native_request *r, const void *ask)
{
    return error_set(&r->rq->error, ERROR_INVALID_ARGUMENT, "a connection says hello once, in its first frame");
}

static int op_ping(struct native_request *r, const void *ask)
{
    const Kith__Pong pong = KITH__PONG__INIT;
    return exchange_answer(r, &pong.base);
}

#define MESSAGE(type)   .message = &kith__##type##__descriptor
#define OF(Type, field) .collection = offsetof(Type, field)
#define SERVER          .collection = OPERATION_WHOLE
#define POINTS(kind)    .points = kind, .collection = offsetof(struct meta_points_ask, collection)

static const struct operation operations[] = {
    [KITH_OP_HELLO] = {"hello", RIGHT_NONE, ADMIT_SEARCH, MESSAGE(hello), SERVER, .answer = op_hello},
    [KITH_OP_PING] = {"ping", RIGHT_NONE, ADMIT_SEARCH, MESSAGE(ping), SERVER, .answer = op_ping},
    [KITH_OP_CREATE] = {"create", RIGHT_MANAGE, ADMIT_SEARCH, MESSAGE(create_collection), SERVER, .answer = op_create},
    [KITH_OP_DROP] = {"drop", RIGHT_MANAGE, ADMIT_SEARCH, MESSAGE(drop_collection), OF(Kith__DropCollection, name),
                      .answer = op_drop},
    [KITH_OP_LIST] = {"list", RIGHT_READ, ADMIT_SEARCH, MESSAGE(list_collections), SERVER, .answer = op_list},
    [KITH_OP_INFO] = {"info", RIGHT_READ, ADMIT_SEARCH, MESSAGE(get_info), OF(Kith__GetInfo, name), .answer = op_info},
    [KITH_OP_UPSERT] = {"upsert", RIGHT_WRITE, ADMIT_LOAD, POINTS(META_UPSERT), .answer = op_upsert},
    [KITH_OP_DELETE] = {"delete", RIGHT_WRITE, ADMIT_LOAD, POINTS(META_DELETE), .answer = op_delete},
    [KITH_OP_GET] = {"get", RIGHT_READ, ADMIT_SEARCH, POINTS(META_GET), .answer = op_get},
    [KITH_OP_COUNT] = {"count", RIGHT_READ, ADMIT_SEARCH, MESSAGE(count), OF(Kith__Count, collection),
                       .answer = op_count},
    [KITH_OP_SEARCH] = {"search", RIGHT_READ, ADMIT_SEARCH, MESSAGE(search), OF(Kith__Search, collection),
                        .answer = op_search},
    [KITH_OP_CANCEL] = {"cancel", RIGHT_NONE, ADMIT_SEARCH, SERVER},
    [KITH_OP_SEAL] = {"seal", RIGHT_MANAGE, ADMIT_BACKGROUND, MESSAGE(seal), OF(Kith__Seal, collection),
                      .answer = op_seal},
    [KITH_OP_COMPACT] = {"compact", RIGHT_MANAGE, ADMIT_BACKGROUND, MESSAGE(compact), OF(Kith__Compact, collection),
                         .answer = op_compact},
    [KITH_OP_VERIFY] = {"verify", RIGHT_MANAGE, ADMIT_BACKGROUND, MESSAGE(verify), OF(Kith__Verify, collection),
                        .answer = op_verify},
    [KITH_OP_SNAPSHOT_CREATE] = {"snapshot_create", RIGHT_MANAGE, ADMIT_SEARCH, MESSAGE(create_snapshot), SERVER,
                                 .answer = op_snapshot_create},
    [KITH_OP_SNAPSHOT_LIST] = {"snapshot_list", RIGHT_READ, ADMIT_SEARCH, MESSAGE(list_snapshots), SERVER,
                               .answer = op_snapshot_list},
    [KITH_OP_SNAPSHOT_VERIFY] = {"snapshot_verify", RIGHT_MANAGE, ADMIT_BACKGROUND, MESSAGE(verify_snapshot), SERVER,
                                 .answer = op_snapshot_verify},
    [KITH_OP_SNAPSHOT_RESTORE] = {"snapshot_restore", RIGHT_MANAGE, ADMIT_BACKGROUND, MESSAGE(restore_snapshot), SERVER,
                                  .answer = op_snapshot_restore},
    [KITH_OP_SNAPSHOT_DELETE] = {"snapshot_delete", RIGHT_MANAGE, ADMIT_SEARCH, MESSAGE(delete_snapshot), SERVER,
                                 .answer = op_snapshot_delete},
    [KITH_OP_STATS] = {"stats", RIGHT_READ, ADMIT_SEARCH, MESSAGE(get_stats), SERVER, .answer = op_stats},
    [KITH_OP_CONFIG_GET] = {"config_get", RIGHT_READ, ADMIT_SEARCH, MESSAGE(get_config), SERVER,
                            .answer = op_config_get},
    [KITH_OP_CONFIG_SET] = {"config_set", RIGHT_MANAGE, ADMIT_SEARCH, MESSAGE(set_config), SERVER,
                            .answer = op_config_set},
    [KITH_OP_SCHEMA_CHANGE] = {"schema_change", RIGHT_MANAGE, ADMIT_SEARCH, MESSAGE(change_schema),
                               OF(Kith__ChangeSchema, collection), .answer = op_schema_change},
};
static_assert(ARRAY_LEN(operations) <= METRICS_OPS, "each is counted");

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
