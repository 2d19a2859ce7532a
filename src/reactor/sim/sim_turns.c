/* sim_turns.c -- runs the reactors in turns while they have something to do. When all sleep, the
 * clock jumps. */
#include "base/log.h"
#include "reactor/fibers/fiber.h"
#include "reactor/reactor.h"
#include "reactor/sim/sim_world.h"
#include <errno.h>

#define STALL_NS_MIN 1000000
#define STALL_NS_MAX 200000000

struct turns {
    struct runtime *rt;
    unsigned count, over;
    bool asleep[REACTORS_MAX], ended[REACTORS_MAX];
    uint64_t wake_ns[REACTORS_MAX], stalled_ns[REACTORS_MAX];
};

static bool can_run(const struct sim *s, const struct turns *t, unsigned r)
{
    const struct sim_backend *b = s->backends[r];
    return !t->ended[r] && t->stalled_ns[r] <= s->now_ns &&
           (!t->asleep[r] || b->woken || b->due.head || t->wake_ns[r] <= s->now_ns);
}

/* A reactor that can run, chosen by the seed; t->count if none can. */
static unsigned choose(struct sim *s, const struct turns *t)
{
    unsigned ready[REACTORS_MAX], n = 0;
    for (unsigned r = 0; r < t->count; r++)
        if (can_run(s, t, r))
            ready[n++] = r;
    return n ? ready[sim_pick_reactor(s, ready, n)] : t->count;
}

static void take_turn(struct sim *s, struct turns *t, unsigned id)
{
    struct reactor *r = runtime_reactor(t->rt, id);
    uint64_t when;
    t->asleep[id] = false;
    s->backends[id]->woken = false;
    s->in_turn = true;
    enum turn turn = reactor_turn(r, &when);
    s->in_turn = false;
    s->now_ns += 1 + sim_below(&s->scheduling, s->schedule.turn_ns_max);
    if (turn == TURN_OVER) {
        t->ended[id] = true;
        t->over++;
    } else if (turn == TURN_WAIT && reactor_sleep_begin(r)) {
        t->asleep[id] = true;
        t->wake_ns[id] = when;
    }
    if (sim_fault(s, FAULT_STALL)) {
        uint64_t stall_ns = STALL_NS_MIN + sim_fault_below(s, FAULT_STALL, STALL_NS_MAX - STALL_NS_MIN);
        sim_trace(s, id, "stalled reactor, ns:", stall_ns, 0);
        t->stalled_ns[id] = s->now_ns + stall_ns;
    }
}

/* Called when all reactors sleep or are stalled: moves the clock to the next event. False: no event
 * is left. */
static bool jump(struct sim *s, const struct turns *t)
{
    uint64_t next = s->event_count ? s->events[0].time_ns : UINT64_MAX;
    for (unsigned r = 0; r < t->count; r++) {
        uint64_t at = t->stalled_ns[r] > s->now_ns ? t->stalled_ns[r] : t->wake_ns[r];
        if (!t->ended[r] && at < next)
            next = at;
    }
    if (next == UINT64_MAX)
        return false;
    if (next > s->now_ns)
        s->now_ns = next;
    return true;
}

static void log_wait(const char *text, void *arg)
{
    log_error("simulator: %s", text);
}

void sim_describe_waits(const struct sim *s, void (*line)(const char *text, void *arg), void *arg)
{
    for (unsigned r = 0; r < REACTORS_MAX; r++)
        if (s->backends[r])
            reactor_describe_waits(s->backends[r]->base.reactor, line, arg);
}

uint32_t sim_fibers(const struct sim *s, unsigned reactor)
{
    return reactor_own_fibers(s->backends[reactor]->base.reactor);
}

bool sim_reactor_owes(const struct sim *s, unsigned reactor, char *text, size_t size)
{
    return reactor_owes(s->backends[reactor]->base.reactor, text, size);
}

/* -- the power -- */

static void cut_power(struct sim *s, unsigned reactor)
{
    sim_trace(s, reactor, "power cut", 0, 0);
    s->crashed = true;
    for (unsigned r = 0; r < REACTORS_MAX; r++)
        if (s->backends[r])
            s->backends[r]->base.halted = true;
}

void sim_crash(struct sim *s)
{
    cut_power(s, reactor_id());
    for (;;)
        fiber_suspend();
}

void sim_crash_after(struct sim *s, uint64_t events)
{
    s->crash_at = events ? s->trace_events + events : 0;
}

/* -- a run -- */

static int run_turns(struct sim *s, struct turns *t)
{
    while (t->over < t->count && !s->crashed) {
        sim_run_events(s);
        unsigned id = choose(s, t);
        if (id < t->count) {
            take_turn(s, t, id);
        } else if (!jump(s, t)) {
            log_error("simulator: all reactors sleep, and no event is left that could wake one");
            sim_describe_waits(s, log_wait, NULL);
            return -EDEADLK;
        }
        if (s->crash_at && s->trace_events >= s->crash_at)
            cut_power(s, id < t->count ? id : 0);
    }
    return s->crashed ? -EOWNERDEAD : 0;
}

int sim_run(struct sim *s, struct runtime *rt)
{
    struct turns t = {.rt = rt, .count = runtime_reactor_count(rt)};
    s->crashed = false;
    sim_schedule_draw(s, t.count);
    int rc = run_turns(s, &t);
    for (size_t i = 0; i < s->event_count; i++) /* operations under way end with the process */
        sim_disk_forget(&s->events[i]);
    s->event_count = 0;
    if (rc == -EOWNERDEAD)
        sim_disk_power_cut(s);
    sim_disk_process_end(s);
    sim_net_destroy(s->net);
    s->net = sim_net_create();
    check(s->net);
    return rc;
}
