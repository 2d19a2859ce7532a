/* descriptors.h -- the number of files and sockets that this process may open, and how many of them
 * may be connections.
 *
 * If clients could take every descriptor, none would be left for the log, for segments, or to shut
 * down cleanly. So some are reserved, and connections have a bound. */
#pragma once

/* Raises the limit as far as the system lets this process. Returns the new limit. */
unsigned descriptors_raise(void);
/* The number of descriptors for connections, of `descriptors` in all. The rest is reserved for the
 * files of so many reactors. */
unsigned descriptors_for_connections(unsigned descriptors, unsigned reactors);
