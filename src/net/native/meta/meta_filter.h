/* meta_filter.h -- translates the filter of a search from its message to the tree of src/query. */
#pragma once

#include "actors/router/request.h"
#include "kith.pb-c.h"
#include "query/filter.h"

/* Translates into the request's arena; texts stay in the message. *ret is NULL if `from` is NULL or
 * has no conditions. Negative, with the sentence in rq->error: a condition without a test, too many
 * conditions, a clause or test that only a newer version knows, or too little memory. */
MUST_USE int meta_filter(struct request *rq, const Kith__Filter *from, const struct filter **ret);
