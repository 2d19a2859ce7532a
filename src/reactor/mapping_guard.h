/* mapping_guard.h -- survives a page of a mapped file that cannot be read, because the disk fails
 * or the file was cut.
 *
 * The kernel answers an access to such a page with SIGBUS. For a guarded mapping the signal handler
 * puts a page of zeros in its place and notes the loss. So the reading code goes on with zeros and
 * asks afterwards whether pages were lost (mapping_lost(), mapping_losses()). A fault at any other
 * address ends the process as before. Guards lie in one table of the process that never shrinks.
 * The handler reads it without a lock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapping_guard;

/* Guards size bytes at `bytes` until mapping_guard_drop(). NULL: the table is full, and an
 * unreadable page ends the process. Callable from any thread. */
struct mapping_guard *mapping_guard_take(const void *bytes, size_t size);
/* called before the memory is unmapped; g may be NULL */
void mapping_guard_drop(struct mapping_guard *g);

/* Notes in its guard that the page at this address now reads as zeros, and counts it. False: no
 * guard covers the address. Safe in a signal handler. */
bool mapping_guard_lose(const void *address);

/* Installs the handler of SIGBUS, for all threads. */
void mapping_guard_install(void);
