/* integer.h -- the column kind of whole numbers: a value is a JSON number without point and
 * exponent that an int64_t holds. 2.0 is no integer. */
#pragma once

#include "columns/column.h"

extern const struct column_kind column_integer;
