/* half_frames.h -- clients that begin a frame and do not send the rest. */
#pragma once

#include <stdint.h>

struct half_frames {
    int *sockets; /* -1: no connection */
    unsigned count;
};

/* Opens so many connections to "HOST:PORT", as far as the limit of open files allows, says hello on
 * each, and begins an upsert of 61000 bytes; its last bytes never come. Whoever is turned away
 * hears nothing of it. 0, or failed(). */
int half_frames_begin(struct half_frames *h, const char *address, unsigned count);
void half_frames_end(struct half_frames *h);
