/* boolean.h -- a column kind for tests: true and false of JSON, "boolean".
 *
 * It is what a kind takes and nothing more: a program adds it with column_kind_add(), and then
 * fields may be of it. */
#pragma once

#include "columns/column.h"

#define BOOLEAN_ID 60001

extern const struct column_kind column_boolean;
