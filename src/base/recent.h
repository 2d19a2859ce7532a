/* recent.h -- a histogram of about the last minute.
 *
 * Time is divided into slots of ten seconds, each with counts of its own. A reading adds the
 * current slot and the six before it. Takes 54 KB and no allocation; adding costs a comparison and
 * four additions. All zeros is empty. */
#pragma once

#include "base/histogram.h"

#define RECENT_SLOTS   7
#define RECENT_SLOT_NS 10000000000u

struct recent {
    struct recent_slot {
        uint64_t number; /* number of the slot since time 0, plus 1; 0: never used */
        uint64_t sum, min, max;
        uint32_t buckets[HISTOGRAM_BUCKETS];
    } slots[RECENT_SLOTS];
};

/* now_ns never decreases. */
void recent_add(struct recent *r, uint64_t value, uint64_t now_ns);
/* Adds up the values of the last 60 to 70 seconds before now_ns. */
void recent_read(const struct recent *r, uint64_t now_ns, struct histogram *ret);
