/* half_frames.h -- clients that begin a frame and never send the rest. */
#pragma once

#include <stdint.h>

struct half_frames {
    int *sockets; /* -1: no connection */
    unsigned count;
};

/* Opens `count` connections to "HOST:PORT", as far as the limit of open files allows. Each says
 * hello and begins an upsert of 61 000 bytes, whose last bytes are never sent. Refusals are not
 * read. Returns 0, or failed(). */
int half_frames_begin(struct half_frames *h, const char *address, unsigned count);
void half_frames_end(struct half_frames *h);
