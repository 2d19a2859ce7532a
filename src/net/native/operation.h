/* operation.h -- what a client can ask over the native protocol: one row an operation, all its
 * facts in it.
 *
 * A frame is received in the row's lane, its meta is unpacked as the row says, the principal's
 * right is checked, the row's function answers, and the request is counted under the row's
 * name. */
#pragma once

#include "net/auth.h"
#include "net/native/meta/meta_points.h"
#include "net/native/native.h"

/* Asks the router and makes the reply. `ask` is the unpacked meta, of the type that the row names,
 * and lives as long as the request. 0, or a negative errno with the sentence in r->rq->error.
 * Waits. */
typedef int (*operation_fn)(struct native_request *r, const void *ask);

struct operation {
    const char *name; /* of kith_requests_total{op="..."}, and in sentences: "may not upsert" */
    enum right right;
    enum admission_class lane;                 /* of its frame; gives the class of its fiber */
    const ProtobufCMessageDescriptor *message; /* its meta; NULL: one that names points, */
    enum meta_points_kind points;              /* this one, which is unpacked with pauses */
    size_t collection;                         /* where its name is in `ask`: a char * */
    operation_fn answer;                       /* NULL: the reader of the connection does it */
};
#define OPERATION_WHOLE SIZE_MAX /* no collection: it is about the server as a whole */

/* NULL: no operation has this code. */
const struct operation *operation_find(unsigned code);
/* NULL: likewise. For struct server_front. */
const char *operation_name(unsigned code);
/* The class of the fiber that runs it. */
enum fiber_class operation_class(const struct operation *op);

/* -- the answers, each in the file of its kind -- */

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
