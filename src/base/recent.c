/* recent.c -- a ring of histograms for ten seconds each. Reading adds up those of the last
 * minute. */
#include "base/recent.h"

#include <string.h>

void recent_add(struct recent *r, uint64_t value, uint64_t now_ns)
{
    uint64_t number = now_ns / RECENT_SLOT_NS + 1;
    struct recent_slot *s = &r->slots[number % RECENT_SLOTS];
    if (s->number != number) {
        memset(s, 0, sizeof(*s));
        s->number = number;
        s->min = UINT64_MAX;
    }
    s->sum += value;
    s->min = value < s->min ? value : s->min;
    s->max = value > s->max ? value : s->max;
    s->buckets[histogram_bucket(value)]++;
}

void recent_read(const struct recent *r, uint64_t now_ns, struct histogram *ret)
{
    uint64_t number = now_ns / RECENT_SLOT_NS + 1;
    histogram_init(ret);
    for (unsigned i = 0; i < RECENT_SLOTS; i++) {
        const struct recent_slot *s = &r->slots[i];
        if (s->number == 0 || s->number + RECENT_SLOTS <= number)
            continue;
        for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++) {
            ret->buckets[b] += s->buckets[b];
            ret->count += s->buckets[b];
        }
        ret->sum += s->sum;
        ret->min = s->min < ret->min ? s->min : ret->min;
        ret->max = s->max > ret->max ? s->max : ret->max;
    }
}
