/* answer_points.h -- the answer of a search or a get: a Points message, with up to a million points
 * and 256 MiB. It is written through wire.h and not by protobuf-c, which cannot pause. */
#pragma once

#include "actors/router/router.h"
#include "net/native/native.h"

/* Makes r's answer. The vectors are not copied. Pauses. 0, or a negative errno with the sentence in
 * r->rq->error. */
MUST_USE int answer_points(struct native_request *r, const struct answer *points);
