/* recent.h -- a histogram of about the last minute, beside one of everything.
 *
 * Time is cut into slots of ten seconds; a value is counted in the slot of its time, and the six
 * last full slots and the one that has begun are what is recent. 54 KB, no allocation; to add is a
 * comparison and four additions. Zero-initialised is empty. */
#pragma once

#include "base/histogram.h"

#define RECENT_SLOTS   7
#define RECENT_SLOT_NS 10000000000u

struct recent {
    struct recent_slot {
        uint64_t number; /* of the slot since time began, + 1; 0: never used */
        uint64_t sum, min, max;
        uint32_t buckets[HISTOGRAM_BUCKETS];
    } slots[RECENT_SLOTS];
};

/* now_ns never goes back. */
void recent_add(struct recent *r, uint64_t value, uint64_t now_ns);
/* What was added in the 60 to 70 seconds before now_ns. */
void recent_read(const struct recent *r, uint64_t now_ns, struct histogram *ret);
