/* timer.c -- a hierarchical timing wheel (Varghese and Lauck, "Hashed and Hierarchical Timing
 * Wheels", SOSP 1987).
 *
 * A tick is 2^16 ns, 65 us. Eight levels of 64 slots cover all of 64-bit time. A timer's level is
 * the highest group of 6 bits in which its tick differs from the wheel's tick. Those bits of its
 * tick are its slot. So all timers at a lower level are due before all timers at a higher one. The
 * next slot to open is the first occupied slot of the first occupied level. So timer_start(),
 * timer_cancel() and timer_wheel_next_ns() take constant time, and a timer moves down at most seven
 * times. A timer's tick is rounded up: it never fires early, and at most one tick late. */
#include "reactor/reactor.h"

#define TICK_SHIFT 16
#define FIRING     (TIMER_LEVELS * TIMER_SLOTS) /* the list whose timers are being called */

static struct timer_wheel *wheel_here(void)
{
    return &reactor_here()->timers;
}

static void list_add(struct timer_wheel *w, struct timer *t, uint32_t list)
{
    t->prev = NULL;
    t->next = w->heads[list];
    if (t->next)
        t->next->prev = t;
    w->heads[list] = t;
    t->slot = list + 1;
}

static void list_remove(struct timer_wheel *w, struct timer *t)
{
    uint32_t list = t->slot - 1;
    if (t->next)
        t->next->prev = t->prev;
    if (t->prev)
        t->prev->next = t->next;
    else
        w->heads[list] = t->next;
    if (list != FIRING && !w->heads[list])
        w->occupied[list / TIMER_SLOTS] &= ~(1ull << (list % TIMER_SLOTS));
    t->next = t->prev = NULL;
    t->slot = 0;
}

#define TICK_MAX ((1ull << (6 * TIMER_LEVELS)) - 1)

static uint64_t tick_of(const struct timer *t)
{
    uint64_t tick = (t->at_ns >> TICK_SHIFT) + ((t->at_ns & ((1ull << TICK_SHIFT) - 1)) != 0);
    return tick < TICK_MAX ? tick : TICK_MAX; /* the largest tick, 584 years */
}

static void place(struct timer_wheel *w, struct timer *t)
{
    uint64_t tick = tick_of(t);
    if (tick <= w->tick)
        /* already due: the next tick, so that no timer fires inside timer_start() */
        tick = w->tick + 1;
    unsigned level = (unsigned)(63 - __builtin_clzll(tick ^ w->tick)) / 6;
    unsigned slot = (tick >> (6 * level)) % TIMER_SLOTS;
    list_add(w, t, level * TIMER_SLOTS + slot);
    w->occupied[level] |= 1ull << slot;
}

/* The next slot to open and its tick. False when all slots are empty. */
static bool next_slot(const struct timer_wheel *w, uint64_t *ret_tick, unsigned *ret_level, unsigned *ret_slot)
{
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        if (!w->occupied[level])
            continue;
        unsigned slot = (unsigned)__builtin_ctzll(w->occupied[level]), shift = 6 * level;
        *ret_tick = (w->tick >> (shift + 6) << (shift + 6)) | ((uint64_t)slot << shift);
        *ret_level = level;
        *ret_slot = slot;
        return true;
    }
    return false;
}

void timer_wheel_advance(struct timer_wheel *w, uint64_t now_ns)
{
    uint64_t now = now_ns >> TICK_SHIFT, tick;
    unsigned level, slot;
    while (next_slot(w, &tick, &level, &slot) && tick <= now) {
        uint32_t list = level * TIMER_SLOTS + slot;
        w->tick = tick;
        /* First empty the slot, since its timers are placed again or fire. The timers to fire get a
         * list of their own, because a callback may cancel others. */
        struct timer *t = w->heads[list];
        w->heads[list] = NULL;
        w->occupied[level] &= ~(1ull << slot);
        while (t) {
            struct timer *next = t->next;
            if (tick_of(t) <= tick)
                list_add(w, t, FIRING);
            else
                place(w, t);
            t = next;
        }
        while ((t = w->heads[FIRING])) {
            list_remove(w, t);
            t->fn(t->arg);
        }
    }
    if (now > w->tick)
        w->tick = now;
}

uint64_t timer_wheel_next_ns(const struct timer_wheel *w)
{
    uint64_t tick;
    unsigned level, slot;
    return next_slot(w, &tick, &level, &slot) ? tick << TICK_SHIFT : UINT64_MAX;
}

void timer_start(struct timer *t, uint64_t at_ns, timer_fn fn, void *arg)
{
    struct timer_wheel *w = wheel_here();
    if (t->slot)
        list_remove(w, t);
    t->at_ns = at_ns;
    t->fn = fn;
    t->arg = arg;
    place(w, t);
}

void timer_cancel(struct timer *t)
{
    if (t->slot)
        list_remove(wheel_here(), t);
}
