/* filter.h -- the conditions of a search as its message. */
#pragma once

#include "connection.h"
#include "kith.pb-c.h"

/* In k's scratch memory, which is forgotten first; borrows the conditions. NULL: no memory. */
Kith__Filter *filter_message(struct kith *k, const struct kith_condition *conditions, size_t count);
