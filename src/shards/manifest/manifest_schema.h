/* manifest_schema.h -- a schema as it lies in the manifest. */
#pragma once

#include "base/memory.h"
#include "columns/schema.h"

#include "manifest.pb-c.h"

/* *ret is checked and has one reference. -EINVAL, -ENOMEM. */
MUST_USE int manifest_take_schema(const KithDisk__Schema *from, struct schema **ret);
/* In the arena; its texts stay where they are. NULL: no memory. */
MUST_USE KithDisk__Schema *manifest_give_schema(const struct schema *s, struct arena *arena);
