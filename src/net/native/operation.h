/* operation.h -- the operations of the native protocol: one row of a table has all facts of one
 * operation.
 *
 * A frame is received in the lane of its row. Its meta is unpacked as the row says, the principal's
 * right is checked, and the row's function makes the answer. The request is counted under the row's
 * name. */
#pragma once

#include "net/auth.h"
#include "net/native/meta/meta_points.h"
#include "net/native/native.h"

/* Calls the router and makes the answer. `ask` is the unpacked meta, of the type that the row
 * names; it lives as long as the request. 0, or a negative errno with the sentence in r->rq->error.
 * Waits. */
typedef int (*operation_fn)(struct native_request *r, const void *ask);

struct operation {
    const char *name; /* for kith_requests_total{op="..."} and for sentences */
    enum right right;
    enum admission_class lane;                 /* of its frame; also gives the class of its fiber */
    const ProtobufCMessageDescriptor *message; /* type of its meta; NULL: `points` gives it */
    /* for message NULL: a meta with point ids, which is unpacked with pauses */
    enum meta_points_kind points;
    size_t collection;   /* offset of the collection's name (a char *) in `ask` */
    operation_fn answer; /* NULL: the fiber that reads the connection handles it */
};
#define OPERATION_WHOLE SIZE_MAX /* no collection: the operation concerns the whole server */

/* NULL: no operation has this code. */
const struct operation *operation_find(unsigned code);
/* NULL: no operation has this code. For struct server_front. */
const char *operation_name(unsigned code);
/* The class of the fiber that runs it. */
enum fiber_class operation_class(const struct operation *op);

/* -- the functions of the rows, by file -- */

/* op_collections.c */
int op_create(struct native_request *r, const void *ask);
int op_drop(struct native_request *r, const void *ask);
int op_list(struct native_request *r, const void *ask);
int op_info(struct native_request *r, const void *ask);
/* op_schema.c */
int op_schema_change(struct native_request *r, const void *ask);
/* op_points.c */
int op_upsert(struct native_request *r, const void *ask);
int op_delete(struct native_request *r, const void *ask);
int op_get(struct native_request *r, const void *ask);
int op_count(struct native_request *r, const void *ask);
int op_search(struct native_request *r, const void *ask);
/* op_storage.c */
int op_seal(struct native_request *r, const void *ask);
int op_compact(struct native_request *r, const void *ask);
int op_verify(struct native_request *r, const void *ask);
/* op_snapshot.c */
int op_snapshot_create(struct native_request *r, const void *ask);
int op_snapshot_list(struct native_request *r, const void *ask);
int op_snapshot_verify(struct native_request *r, const void *ask);
int op_snapshot_restore(struct native_request *r, const void *ask);
int op_snapshot_delete(struct native_request *r, const void *ask);
/* op_config.c */
int op_config_get(struct native_request *r, const void *ask);
int op_config_set(struct native_request *r, const void *ask);
/* op_stats.c */
int op_stats(struct native_request *r, const void *ask);
