/* filter.h -- makes the filter of a search from its conditions. */
#pragma once

#include "connection.h"
#include "kith.pb-c.h"

/* Resets k's scratch memory, and makes the message in it. Borrows from the conditions as long as
 * the message is used. NULL: no memory. */
Kith__Filter *filter_message(struct kith *k, const struct kith_condition *conditions, size_t count);
