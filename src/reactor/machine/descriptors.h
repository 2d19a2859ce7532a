/* descriptors.h -- how many files and sockets this process may have open, and how many of
 * them connections get.
 *
 * A descriptor for every client would leave none for the log, for segments, or for the end of the
 * server. So some are kept back, and connections have a bound. */
#pragma once

/* Raises the limit as far as the system lets this process raise it. Returns what it is now. */
unsigned descriptors_raise(void);
/* What connections may have of so many, beside what so many reactors need for themselves. */
unsigned descriptors_for_connections(unsigned descriptors, unsigned reactors);
