/* failing_memory.h -- the n-th allocation from now on fails, and the ones after it do
 * not. Linked with --wrap. */
#pragma once

#include <stdbool.h>

void memory_fail_at(unsigned n); /* from 1 on; 0: none fails any more */
bool memory_has_failed(void);    /* since memory_fail_at() */
