/* exchange.h -- the first and the last step of most operations: unpacking a request and packing an
 * answer without a block. */
#pragma once

#include "net/native/native.h"

/* Unpacks r's message of that type; it lives as long as the request. Returns 0 and *ret, the struct
 * of the message, or a negative errno with the sentence in r->rq->error. */
MUST_USE int exchange_take(struct native_request *r, const ProtobufCMessageDescriptor *type, const void **ret);
/* Makes the answer. Negative, with the sentence, when it is larger than a frame or than memory. */
MUST_USE int exchange_answer(struct native_request *r, const ProtobufCMessage *meta);

/* The elements of a repeated field, as an array of their structs. */
struct exchange_list {
    uint32_t field;
    const void *items; /* each element begins with its ProtobufCMessage */
    size_t item_bytes, count;
};

/* Like exchange_answer(), for a message with a list of any length. `meta` has the other fields, and
 * the list is packed with pauses between its elements. The same errors. */
MUST_USE int exchange_answer_list(struct native_request *r, const ProtobufCMessage *meta,
                                  const struct exchange_list *list);
