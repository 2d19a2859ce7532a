/* meta_filter.h -- the filter of a search, between its message and the tree of src/query. */
#pragma once

#include "actors/router/request.h"
#include "kith.pb-c.h"
#include "query/filter.h"

/* Translates into the request's arena; texts stay in the message. from NULL, or without
 * conditions: *ret is NULL. Negative, with the sentence in rq->error: a condition without a test,
 * too many of them, no memory. */
MUST_USE int meta_filter(struct request *rq, const Kith__Filter *from, const struct filter **ret);
