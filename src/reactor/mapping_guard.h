/* mapping_guard.h -- what happens when a page of a mapped file cannot be had: the disk does not
 * give it back, or the file was cut.
 *
 * The kernel answers the access with SIGBUS. For a guarded mapping the handler puts a page of zeros
 * in its place and notes the loss, so the code that reads goes on with zeros and asks afterwards
 * whether it read the file (mapping_lost(), mapping_losses()). A fault anywhere else ends the
 * process as before. Guards lie in one table of the process, which the handler reads without a
 * lock; it never shrinks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapping_guard;

/* Guards size bytes at `bytes` until mapping_guard_drop(). NULL: the table is full, and an
 * unreadable page ends the process. Any thread. */
struct mapping_guard *mapping_guard_take(const void *bytes, size_t size);
/* before the memory is given back; NULL is fine */
void mapping_guard_drop(struct mapping_guard *g);

/* The page at this address reads as zeros from now on, whoever made it so: notes it in its guard,
 * and counts. False: nothing guards it. Safe in a signal handler. */
bool mapping_guard_lose(const void *address);

/* Handles SIGBUS from now on, in every thread. */
void mapping_guard_install(void);
