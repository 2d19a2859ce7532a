/* meta.h -- the protobuf part of frames, between bytes and the structs of the router. */
#pragma once

#include "actors/router/router.h"
#include "base/point_id.h"
#include "kith.pb-c.h"

/* Unpacks into the request's arena, which frees all of it at once; a message too large
 * for it fails to unpack. */
ProtobufCAllocator meta_allocator(struct request *rq);
/* The message of type `type` in n bytes of meta, out of that arena. NULL: it is none, there is no
 * memory, or a text in it is not UTF-8 or has a NUL byte, where a C string would end: a request for
 * "a\0b" must not be one for "a". Then meta_refuse(). */
void *meta_unpack(struct request *rq, const ProtobufCMessageDescriptor *type, const void *meta, size_t n);
/* Of a text that is read by itself: 0, or negative with the sentence in rq->error. */
MUST_USE int meta_text_check(struct request *rq, const char *field, const void *text, size_t size);
/* The sentence for one that did not unpack; returns the negative errno. */
int meta_refuse(struct request *rq, const char *name);

/* -ENOMEM. */
MUST_USE int meta_segments(struct request *rq, const struct router_segments *from, Kith__Segment **ret);
