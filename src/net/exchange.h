/* exchange.h -- what most operations begin and end with: a message in, a message out, no blocks. */
#pragma once

#include "net/native.h"

/* Unpacks r's message of that type, which lives as long as the request. Returns 0 with *ret, a pointer to the message's own
 * struct, or a negative errno with the sentence in r->rq->error. */
MUST_USE int exchange_take(struct native_request *r, const ProtobufCMessageDescriptor *type, void *ret);
/* Makes the reply; -ENOMEM. */
MUST_USE int exchange_answer(struct native_request *r, const ProtobufCMessage *meta);
