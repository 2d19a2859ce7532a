/* load.c -- publishes the load of a reactor to the other reactors, and changes its tuning while it
 * runs.
 *
 * The load is a moving mean over about WINDOW_NS. Each reactor stores its load with the time, at
 * most once in PUBLISH_NS and on a cache line of its own, so that readers hardly slow it down. A
 * sleeping reactor publishes nothing. A reader then reduces the last value in proportion to its
 * age. */
#include "reactor/reactor.h"
#include <errno.h>

#define WINDOW_NS  10000000u
#define PUBLISH_NS 1000000u
#define LOAD_BITS  10 /* enough for per mille */

static uint64_t load_pack(uint64_t now_ns, unsigned per_mille)
{
    return now_ns / 1000 << LOAD_BITS | per_mille;
}

static unsigned load_of(uint64_t packed)
{
    return (unsigned)(packed & ((1u << LOAD_BITS) - 1));
}

void load_publish(struct reactor *r, uint64_t now)
{
    uint64_t span = now - r->load_at_ns;
    if (LIKELY(span < PUBLISH_NS))
        return;
    uint64_t served = r->stats.class_ns[CLASS_INTERACTIVE] + r->stats.class_ns[CLASS_WRITE];
    uint64_t part = served - r->load_served_ns, recent = part < span ? part * 1000 / span : 1000;
    uint64_t weight = span < WINDOW_NS ? span : WINDOW_NS;
    uint64_t before = load_of(atomic_load_explicit(&r->shared.load, memory_order_relaxed));
    uint64_t load = (before * (WINDOW_NS - weight) + recent * weight + WINDOW_NS / 2) / WINDOW_NS;
    r->load_at_ns = now;
    r->load_served_ns = served;
    atomic_store_explicit(&r->shared.load, load_pack(now, (unsigned)load), memory_order_relaxed);
}

unsigned runtime_load(unsigned reactor)
{
    struct reactor *r = reactor_here();
    check(reactor < r->count);
    struct reactor *other = r->rt->reactors[reactor];
    uint64_t packed = atomic_load_explicit(&other->shared.load, memory_order_relaxed);
    if (atomic_load_explicit(&other->shared.sleep, memory_order_relaxed) != SLEEPING)
        return load_of(packed);
    uint64_t now_us = reactor_now(r) / 1000, at_us = packed >> LOAD_BITS;
    uint64_t age_us = now_us > at_us ? now_us - at_us : 0;
    return age_us < WINDOW_NS / 1000 ? (unsigned)(load_of(packed) * (WINDOW_NS / 1000 - age_us) / (WINDOW_NS / 1000))
                                     : 0;
}

static bool within(unsigned value, unsigned least, unsigned most)
{
    return value == 0 || (value >= least && value <= most);
}

int reactor_tune(const struct reactor_tuning *t)
{
    struct reactor *r = reactor_here();
    unsigned write = t->write_percent ? t->write_percent : r->floor_percent[CLASS_WRITE];
    unsigned background = t->background_percent ? t->background_percent : r->floor_percent[CLASS_BACKGROUND];
    if (!within(t->slice_us, 50, 10000) || !within(write, 1, 80) || !within(background, 1, 80) ||
        write + background > 90)
        return -EINVAL;
    if (t->slice_us)
        r->slice_ns = (uint64_t)t->slice_us * 1000;
    r->floor_percent[CLASS_WRITE] = write;
    r->floor_percent[CLASS_BACKGROUND] = background;
    return 0;
}
