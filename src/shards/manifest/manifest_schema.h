/* manifest_schema.h -- converts a schema from and to its protobuf form in the manifest. */
#pragma once

#include "base/memory.h"
#include "columns/schema.h"

#include "manifest.pb-c.h"

/* Makes *ret from the protobuf form, checks it, and gives the caller one
 * reference. -EINVAL, -ENOMEM. */
MUST_USE int manifest_take_schema(const KithDisk__Schema *from, struct schema **ret);
/* Makes the protobuf form in the arena. It borrows the texts of s. NULL: no memory. */
MUST_USE KithDisk__Schema *manifest_give_schema(const struct schema *s, struct arena *arena);
