/* integer.h -- the column kind of whole numbers. A value is a JSON number without point and
 * exponent that an int64_t can hold. 2.0 is not an integer. */
#pragma once

#include "columns/column.h"

extern const struct column_kind column_integer;
