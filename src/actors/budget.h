/* budget.h -- memory is a budget: what this server uses of it. */
#pragma once

#include "base/memory_use.h"

struct core;

/* What this reactor uses, by kind, counted where it lies. Does not wait. */
void budget_use_read(const struct core *c, struct memory_use *ret);
