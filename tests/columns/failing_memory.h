/* failing_memory.h -- makes the n-th allocation from now on fail, and only that
 * one. Linked with --wrap. */
#pragma once

#include <stdbool.h>

void memory_fail_at(unsigned n); /* n counts from 1; 0: no allocation fails any more */
bool memory_has_failed(void);    /* whether an allocation has failed since memory_fail_at() */
