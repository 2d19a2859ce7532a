/* meta.h -- the protobuf part of frames, between bytes and the structs of the router. */
#pragma once

#include "actors/router.h"
#include "base/point_id.h"
#include "kith.pb-c.h"

/* Unpacks into the request's arena, which frees all of it at once; a message too large for it fails to unpack. */
ProtobufCAllocator meta_allocator(struct request *rq);
/* The sentence for one that did not unpack; returns the negative errno. */
int meta_refuse(struct request *rq, const char *name);

/* What a user may say of a collection; missing values stay 0 and are chosen by collection_config_check(). */
MUST_USE int meta_collection(struct request *rq, const Kith__Collection *from, struct collection_config *ret);
void meta_collection_init(Kith__Collection *ret, const struct collection_config *config); /* borrows the name */

/* -ENOMEM. */
MUST_USE int meta_segments(struct request *rq, const struct router_segments *from, Kith__Segment ***ret);
