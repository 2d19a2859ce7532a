/* dispatch_snapshot.h -- the operations on snapshots, for the table in dispatch.c. Each returns 0 with the reply made, or a negative errno
 * with the sentence in rq->error. They wait. */
#pragma once

#include "net/native/native.h"

MUST_USE int op_snapshot_create(struct native_request *r);
MUST_USE int op_snapshot_list(struct native_request *r);
MUST_USE int op_snapshot_verify(struct native_request *r);
MUST_USE int op_snapshot_restore(struct native_request *r);
MUST_USE int op_snapshot_delete(struct native_request *r);
