/* dispatch_storage.h -- the operations on what lies on the disk, for the table in dispatch.c. Each returns 0 with the reply made, or a
 * negative errno with the sentence in rq->error. They wait. */
#pragma once

#include "net/native/native.h"

MUST_USE int op_seal(struct native_request *r);
MUST_USE int op_compact(struct native_request *r);
MUST_USE int op_verify(struct native_request *r);
