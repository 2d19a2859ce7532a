/* sim_schedule.c -- schedules reactors and fibers by the seed: which runs next, for how long, and
 * which is slow.
 *
 * A fair choice every time explores little: all fibers advance at about the same speed, and a fiber
 * that waits for the disk is always overtaken by about as many others. So a start may draw an
 * unfair schedule and keep it: priorities by the names of fibers that change at random moments, as
 * in PCT (Burckhardt, Kothari, Musuvathi, Nagarakatte: A randomized scheduler with probabilistic
 * guarantees of finding bugs, ASPLOS 2010), ignored classes, short turns, slow cores, or fibers
 * with slow I/O. */
#include "reactor/reactor.h"
#include "reactor/sim/sim_world.h"

#define TURN_NS_MAX  3000 /* most time that a turn takes, in most schedules */
#define LATE_DOUBLES 15   /* messages are late by at most 1 us to 16 ms, in powers of 2 */
#define SLOW_NAMES   6    /* one in so many fiber names has slow I/O */
#define SLOW_BY_MAX  200  /* the most times as long that such I/O takes */

static uint64_t one_of(struct sim_random *r, const uint64_t *choices, size_t n)
{
    return choices[sim_below(r, n)];
}

void sim_vary_schedules(struct sim *s, bool on)
{
    s->vary_schedules = on;
}

void sim_schedule_draw(struct sim *s, unsigned reactors)
{
    static const uint64_t turn_ns[] = {300, TURN_NS_MAX, TURN_NS_MAX, 100000}, fiber_ns[] = {0, 0, 1000, 50000},
                          turn_ends[] = {0, 0, 2, 10}, ignores[] = {0, 0, 0, 4, 30}, changes[] = {20, 200, 2000};
    struct sim_random *r = &s->schedule.random;
    uint64_t state = r->state;
    s->schedule = (struct sim_schedule_state){.random.state = state, .turn_ns_max = TURN_NS_MAX};
    if (!s->vary_schedules)
        return;
    s->schedule.varied = true;
    s->schedule.turn_ns_max = one_of(r, turn_ns, ARRAY_LEN(turn_ns));
    s->schedule.fiber_ns_max = one_of(r, fiber_ns, ARRAY_LEN(fiber_ns));
    s->schedule.turn_ends_one_in = one_of(r, turn_ends, ARRAY_LEN(turn_ends));
    s->schedule.ignores_class_one_in = one_of(r, ignores, ARRAY_LEN(ignores));
    if (sim_below(r, 2))
        s->schedule.priorities_change_one_in = one_of(r, changes, ARRAY_LEN(changes));
    s->schedule.slow_reactor = (unsigned)sim_below(r, 2 * reactors);
    s->schedule.priorities = sim_draw(r);
    s->schedule.speeds = sim_below(r, 2) ? sim_draw(r) : 0;
}

/* A pseudorandom number that depends only on name and salt. */
static uint64_t by_name(const char *name, uint64_t salt)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    struct sim_random r = {hash ^ salt};
    return sim_draw(&r);
}

static uint32_t position_by_priority(struct sim *s, const struct run_queue *q)
{
    uint32_t best = 0, position = 0;
    uint64_t highest = 0;
    for (const struct fiber *f = q->head; f; f = f->next, position++) {
        uint64_t priority = by_name(f->name, s->schedule.priorities);
        if (position == 0 || priority > highest) {
            best = position;
            highest = priority;
        }
    }
    return best;
}

static enum fiber_class any_class(struct sim *s, const struct reactor *r)
{
    enum fiber_class ready[CLASS_COUNT];
    unsigned n = 0;
    for (int c = 0; c < CLASS_COUNT; c++)
        if (r->ready[c].count)
            ready[n++] = (enum fiber_class)c;
    return ready[sim_below(&s->schedule.random, n)];
}

static bool one_in(struct sim *s, uint64_t n)
{
    return n > 0 && sim_below(&s->schedule.random, n) == 0;
}

bool sim_pick(struct backend *b, enum fiber_class *cls, uint32_t *ret_position)
{
    struct sim *s = sim_of(b)->sim;
    struct sim_schedule_state *is = &s->schedule;
    if (is->fiber_ns_max)
        s->now_ns += sim_below(&is->random, is->fiber_ns_max);
    if (one_in(s, is->turn_ends_one_in))
        return false;
    if (one_in(s, is->ignores_class_one_in))
        *cls = any_class(s, b->reactor);
    const struct run_queue *q = &b->reactor->ready[*cls];
    *ret_position = 0;
    if (q->count < 2 || !sim_fault(s, FAULT_SHUFFLE))
        return true;
    if (is->priorities_change_one_in) {
        if (one_in(s, is->priorities_change_one_in))
            is->priorities = sim_draw(&is->random);
        *ret_position = position_by_priority(s, q);
    } else {
        *ret_position = (uint32_t)sim_fault_below(s, FAULT_SHUFFLE, q->count);
    }
    return true;
}

unsigned sim_pick_reactor(struct sim *s, const unsigned *ready, unsigned n)
{
    unsigned i = (unsigned)sim_below(&s->scheduling, n);
    if (s->schedule.varied && ready[i] == s->schedule.slow_reactor && !one_in(s, 16))
        i = (unsigned)sim_below(&s->scheduling, n);
    return i;
}

bool sim_should_yield(struct backend *b)
{
    struct sim_backend *sb = sim_of(b);
    bool was = sim_enter(sb->sim);
    /* at a checkpoint, another fiber may be in the middle of reading the page */
    sim_disk_lose_page(sb);
    sim_leave(sb->sim, was);
    return sim_fault(sb->sim, FAULT_PREEMPT);
}

uint64_t sim_slowness_of_fiber(struct sim_backend *b)
{
    const struct fiber *f = b->base.reactor->fiber;
    if (!b->sim->schedule.speeds || !f)
        return 1;
    uint64_t number = by_name(f->name, b->sim->schedule.speeds);
    return number % SLOW_NAMES == 0 ? 1 + number / SLOW_NAMES % SLOW_BY_MAX : 1;
}

/* -- late messages: for a while a reactor does not read its ring from one peer, so the order of
 * messages stays -- */

static void happen_look_again(struct sim *s, struct sim_event *e)
{
    struct reactor *r = e->backend->base.reactor;
    atomic_store_explicit(&r->shared.pending, 1, memory_order_relaxed);
    reactor_wake(r);
}

bool sim_late(struct backend *b, unsigned from)
{
    struct sim_backend *sb = sim_of(b);
    struct sim *s = sb->sim;
    const struct peer *p = &b->reactor->peers[from];
    if (sb->late_ns[from] > s->now_ns)
        return true;
    if (p->in_head == atomic_load_explicit(&p->in->tail, memory_order_relaxed) || !sim_fault(s, FAULT_LATE_MESSAGE))
        return false;
    uint64_t most = (uint64_t)1000 << sim_fault_below(s, FAULT_LATE_MESSAGE, LATE_DOUBLES);
    uint64_t delay_ns = 1 + sim_fault_below(s, FAULT_LATE_MESSAGE, most);
    bool was = sim_enter(s);
    sim_trace(s, sb->id, "late messages, from and by ns:", from, delay_ns);
    sim_schedule(s, delay_ns, (struct sim_event){.happen = happen_look_again, .backend = sb});
    sim_leave(s, was);
    sb->late_ns[from] = s->now_ns + delay_ns;
    return true;
}
