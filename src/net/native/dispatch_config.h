/* dispatch_config.h -- the operations on settings, for the table in dispatch.c. Each returns 0 with the reply made, or a negative errno with
 * the sentence in rq->error. They wait. */
#pragma once

#include "net/native/native.h"

MUST_USE int op_config_get(struct native_request *r);
MUST_USE int op_config_set(struct native_request *r);
