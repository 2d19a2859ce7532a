/* meta.h -- converts the protobuf part of frames to the structs of the router and back. */
#pragma once

#include "actors/router/router.h"
#include "base/point_id.h"
#include "kith.pb-c.h"

/* Allocates from the request's arena, which is freed at once. Unpacking a message that does not fit
 * fails. */
ProtobufCAllocator meta_allocator(struct request *rq);
/* Unpacks n bytes of meta as a message of this type, into that arena. NULL: the bytes are no such
 * message, memory is missing, or a text is not UTF-8 or contains a NUL byte. A C string would end
 * at the NUL, so that "a\0b" would mean "a". After NULL call meta_refuse(). */
void *meta_unpack(struct request *rq, const ProtobufCMessageDescriptor *type, const void *meta, size_t n);
/* Checks one text that is read separately: 0, or negative with the sentence in rq->error. */
MUST_USE int meta_text_check(struct request *rq, const char *field, const void *text, size_t size);
/* The same for a number of 32 bits. */
MUST_USE int meta_number_check(struct request *rq, const char *field, uint64_t value);
/* Sets the sentence for a message that did not unpack, if there is none; returns the negative
 * errno. */
int meta_refuse(struct request *rq, const char *name);

/* -ENOMEM. */
MUST_USE int meta_segments(struct request *rq, const struct router_segments *from, Kith__Segment **ret);
