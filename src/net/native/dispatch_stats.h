/* dispatch_stats.h -- what the reactors have done, for `kith top` and whoever draws curves. Returns 0 with the reply made, or a negative errno
 * with the sentence in rq->error. Waits. */
#pragma once

#include "net/native/native.h"

MUST_USE int op_stats(struct native_request *r);
