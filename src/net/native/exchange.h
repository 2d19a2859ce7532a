/* exchange.h -- what most operations begin and end with: a message in, a message out, no
 * blocks. */
#pragma once

#include "net/native/native.h"

/* Unpacks r's message of that type, which lives as long as the request. Returns 0 with *ret, the
 * message's own struct, or a negative errno with the sentence in r->rq->error. */
MUST_USE int exchange_take(struct native_request *r, const ProtobufCMessageDescriptor *type, const void **ret);
/* Makes the reply; negative, with the sentence, when it is larger than a frame or than memory. */
MUST_USE int exchange_answer(struct native_request *r, const ProtobufCMessage *meta);

/* Messages that are one repeated field of another, in an array of their own structs. */
struct exchange_list {
    uint32_t field;
    const void *items; /* each begins with its ProtobufCMessage */
    size_t item_bytes, count;
};

/* The same for a message with a list as long as users make it: `meta` has what else there is, and
 * the list is packed with pauses between its items. The same errors. */
MUST_USE int exchange_answer_list(struct native_request *r, const ProtobufCMessage *meta,
                                  const struct exchange_list *list);
