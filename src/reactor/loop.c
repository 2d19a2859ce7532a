/* loop.c -- the turns of a reactor's loop: receive messages, complete operations, fire timers, run
 * fibers, publish messages, sleep. */
#include "reactor/reactor.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Thread_local struct reactor *reactor_current;

#define FIBERS_PER_TURN 64
/* After this time a turn ends if messages or completions wait, so that answers which fibers have
 * submitted are sent. */
#define TURN_NS 30000
/* Sent messages become visible to their receivers after this time, even in the middle of a turn. */
#define PUBLISH_NS 5000
/* A class pays back at most this many slices after a fiber overran its minimum share. A longer
 * overrun is hardly the fiber's fault. */
#define DEBT_SLICES 20
/* Least time between two offers of the core to other threads. */
#define YIELD_CORE_NS 1000000

/* ---- run queues ---- */

void run_queue_push(struct run_queue *q, struct fiber *f)
{
    f->next = NULL;
    if (q->head)
        q->last->next = f;
    else
        q->head = f;
    q->last = f;
    q->count++;
}

struct fiber *run_queue_take(struct run_queue *q, uint32_t position)
{
    struct fiber *before = NULL, *f = q->head;
    for (; position > 0; position--) {
        before = f;
        f = f->next;
    }
    if (before)
        before->next = f->next;
    else
        q->head = f->next;
    if (q->last == f)
        q->last = before;
    q->count--;
    return f;
}

/* Picks the class that runs next: the most urgent one that is ready, unless a less urgent class is
 * owed a whole slice of its minimum share. */
static bool class_pick(struct reactor *r, enum fiber_class *ret_class)
{
    for (int c = CLASS_COUNT - 1; c > 0; c--) {
        if (r->ready[c].count && r->ready[c].owed_ns >= (int64_t)r->slice_ns) {
            r->on_floor = true;
            *ret_class = (enum fiber_class)c;
            return true;
        }
    }
    r->on_floor = false;
    for (int c = 0; c < CLASS_COUNT; c++) {
        if (r->ready[c].count) {
            *ret_class = (enum fiber_class)c;
            return true;
        }
    }
    return false;
}

static void class_account(struct reactor *r, enum fiber_class cls, uint64_t ran_ns)
{
    r->stats.class_ns[cls] += ran_ns;
    struct run_queue *own = &r->ready[cls];
    const int64_t ran = (int64_t)ran_ns, slice = (int64_t)r->slice_ns;
    /* A slice can take longer than was owed, for example in a page fault. The class pays the excess
     * back. */
    if (r->on_floor)
        own->owed_ns = own->owed_ns - ran > -DEBT_SLICES * slice ? own->owed_ns - ran : -DEBT_SLICES * slice;
    else if (own->owed_ns > 0)
        own->owed_ns = own->owed_ns > ran ? own->owed_ns - ran : 0;
    for (int c = (int)cls + 1; c < CLASS_COUNT; c++) {
        struct run_queue *q = &r->ready[c];
        if (q->owed_ns < slice)
            q->owed_ns += ran * r->floor_percent[c] / (100 - r->floor_percent[c]);
        if (q->count == 0 && q->owed_ns > 0)
            q->owed_ns = 0; /* a class without ready fibers saves up no time */
    }
}

bool reactor_has_events(struct reactor *r, uint64_t now)
{
    return atomic_load_explicit(&r->shared.pending, memory_order_relaxed) ||
           (r->ops->pending && r->ops->pending(r->backend)) || timer_wheel_next_ns(&r->timers) <= now;
}

static void run_fibers(struct reactor *r, uint64_t now)
{
    uint64_t turn_began = now;
    enum fiber_class cls;
    r->ran_background = false;
    for (unsigned n = 0; n < FIBERS_PER_TURN && !r->backend->halted && class_pick(r, &cls); n++) {
        uint32_t position = 0;
        if (UNLIKELY(r->ops->pick != NULL) && !r->ops->pick(r->backend, &cls, &position))
            break;
        struct fiber *f = run_queue_take(&r->ready[cls], position);
        const char *name = f->name;
        r->fiber_began_ns = r->checkpoint_ns = now;
        r->checkpoint_left = r->checkpoint_stride = 1;
        fiber_resume(r, f);
        r->ran_background |= cls == CLASS_BACKGROUND;
        uint64_t began = now;
        now = reactor_now(r);
        f->ran_ns += now - began;
        class_account(r, cls, now - began);
        if (UNLIKELY(atomic_load_explicit(&r->stall.caught, memory_order_relaxed)))
            stall_report(r, name, now - began);
        if (r->dirty_count && now - r->published_ns >= PUBLISH_NS) {
            rings_publish(r);
            r->published_ns = now;
        }
        if (now - turn_began >= r->slice_ns)
            break;
        if ((cls != CLASS_INTERACTIVE || now - turn_began >= TURN_NS) && reactor_has_events(r, now))
            break; /* something more urgent may have come, or an answer may wait to be sent */
    }
}

/* ---- the end ---- */

static void wake_all(struct runtime *rt)
{
    fence_store_load(); /* pairs with the fence in reactor_sleep_begin() */
    for (unsigned i = 0; i < rt->count; i++)
        reactor_wake(rt->reactors[i]);
}

void runtime_stop(void)
{
    struct runtime *rt = reactor_here()->rt;
    if (!atomic_exchange(&rt->stopping, true))
        wake_all(rt);
}

/* A stopping reactor without fibers is idle, but still receives: a fiber of another reactor may
 * send to it. Each message under way has a fiber that waits for it. So when all reactors are idle,
 * no message is under way, no fiber can start, and all loops end. */
static void reactor_idle_begin(struct reactor *r)
{
    r->idle = true;
    if (atomic_fetch_add(&r->rt->idle, 1) + 1 == r->count) {
        atomic_store(&r->rt->over, true);
        wake_all(r->rt);
    }
}

void reactor_idle_end(struct reactor *r)
{
    r->idle = false;
    atomic_fetch_sub(&r->rt->idle, 1);
}

/* ---- the turn ---- */

static void signal_fiber(void *arg)
{
    struct runtime *rt = arg;
    rt->on_signal(rt->arg);
}

static bool take_signal(struct reactor *r)
{
    if (LIKELY(!atomic_load_explicit(&r->shared.signalled, memory_order_relaxed)))
        return false;
    atomic_store_explicit(&r->shared.signalled, 0, memory_order_relaxed);
    if (fiber_start(CLASS_INTERACTIVE, signal_fiber, r->rt, "on_signal") < 0)
        /* tried again in the next turn */
        atomic_store_explicit(&r->shared.signalled, 1, memory_order_relaxed);
    return true;
}

static bool anything_ready(const struct reactor *r)
{
    for (int c = 0; c < CLASS_COUNT; c++)
        if (r->ready[c].count)
            return true;
    return r->actor_starved && r->pool.live < r->pool.max;
}

enum turn reactor_turn(struct reactor *r, uint64_t *ret_when)
{
    reactor_current = r;
    *ret_when = POLL_NOW;
    if (r->backend->halted)
        return TURN_OVER;
    if (atomic_load_explicit(&r->shared.sleep, memory_order_relaxed) != AWAKE)
        atomic_store_explicit(&r->shared.sleep, AWAKE, memory_order_relaxed);
    uint64_t now = reactor_now(r);
    r->stats.idle_ns += now - r->accounted_ns;
    r->accounted_ns = now;
    load_publish(r, now);

    take_signal(r);
    rings_receive(r);
    r->ops->poll(r->backend, POLL_NOW);
    now = reactor_now(r);
    timer_wheel_advance(&r->timers, now);
    if (UNLIKELY(r->actor_starved))
        actors_retry(r);
    r->published_ns = now;
    run_fibers(r, now);
    rings_publish(r);

    if (UNLIKELY(r->backend->halted))
        return TURN_OVER;
    if (UNLIKELY(atomic_load_explicit(&r->rt->stopping, memory_order_relaxed)) && !r->idle && r->pool.live == 0)
        reactor_idle_begin(r);
    now = reactor_now(r);
    r->stats.busy_ns += now - r->accounted_ns;
    r->accounted_ns = now;
    if (UNLIKELY(atomic_load_explicit(&r->rt->over, memory_order_relaxed)))
        return TURN_OVER;
    if (anything_ready(r) || atomic_load_explicit(&r->shared.pending, memory_order_relaxed))
        return TURN_AGAIN;
    *ret_when = timer_wheel_next_ns(&r->timers);
    return *ret_when <= now ? TURN_AGAIN : TURN_WAIT;
}

/* Whether something came from outside since the turn ended. */
static bool called(struct reactor *r)
{
    return atomic_load_explicit(&r->shared.pending, memory_order_relaxed) ||
           atomic_load_explicit(&r->shared.signalled, memory_order_relaxed) ||
           atomic_load_explicit(&r->rt->over, memory_order_relaxed) ||
           (atomic_load_explicit(&r->rt->stopping, memory_order_relaxed) && !r->idle && r->pool.live == 0);
}

bool reactor_sleep_begin(struct reactor *r)
{
    atomic_store_explicit(&r->shared.sleep, SLEEPING, memory_order_relaxed);
    fence_store_load(); /* pairs with the fences in rings_publish() and wake_all() */
    if (!called(r))
        return true;
    atomic_store_explicit(&r->shared.sleep, AWAKE, memory_order_relaxed);
    return false;
}

/* Polls for a while before the reactor sleeps, because a wake-up costs the sender 9 us and the
 * sleeper 17 us. After repeated failures it polls more and more rarely. True when something
 * came. */
static bool spin(struct reactor *r, uint64_t spin_ns, uint64_t until_ns)
{
    if (r->spin_skips > 0) {
        r->spin_skips--;
        return false;
    }
    uint64_t began = reactor_now(r);
    if (until_ns <= began)
        return true;
    uint64_t end = until_ns - began < spin_ns ? until_ns : began + spin_ns;
    do {
        for (int i = 0; i < 16; i++) {
            if (called(r) || !r->ops->pending || r->ops->pending(r->backend)) {
                r->spin_failures = 0;
                return true;
            }
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
    } while (reactor_now(r) < end);
    if (r->spin_failures < 10)
        r->spin_failures++;
    r->spin_skips = r->spin_failures > 4 ? 1u << (r->spin_failures - 4) : 0;
    return false;
}

/* Offers the core to other threads once a millisecond, unless something waits for this reactor.
 *
 * To the scheduler, a reactor that builds graphs looks like any program that never sleeps. A kernel
 * thread that flushes for us, or a client on the same machine, mostly runs at once when it wakes.
 * Now and then it waits for the scheduler's next tick, up to 4 ms. An offer at each turn would cost
 * too much: since Linux 6.18 sched_yield() gives up a whole slice.
 *
 * Measured from waking to the answer, with clients that wake 5000 times a second beside background
 * work on both cores of a machine:
 *   an offer at each turn: p99 0.43 ms
 *   no offers:             p99 0.11 ms, p99.9 4.1 ms
 *   one a millisecond:     p99 0.12 ms, p99.9 0.6 ms */
static void yield_core(struct reactor *r)
{
    if (!r->ran_background || !r->ops->yield_core)
        return;
    uint64_t now = reactor_now(r);
    if (now - r->yielded_core_ns < YIELD_CORE_NS || r->ready[CLASS_INTERACTIVE].count || reactor_has_events(r, now))
        return;
    r->yielded_core_ns = now;
    r->ops->yield_core(r->backend);
}

void reactor_run(struct reactor *r, unsigned spin_us)
{
    for (;;) {
        uint64_t when;
        enum turn turn = reactor_turn(r, &when);
        if (turn == TURN_OVER)
            return;
        if (turn == TURN_AGAIN) {
            yield_core(r);
            continue;
        }
        if (spin_us && r->ops->pending && spin(r, (uint64_t)spin_us * 1000, when))
            continue;
        if (!reactor_sleep_begin(r))
            continue;
        r->ops->poll(r->backend, when);
    }
}

/* ---- begin and end of a reactor ---- */

static void boot_fiber(void *arg)
{
    struct runtime *rt = arg;
    rt->boot(rt->arg);
}

int reactor_init(struct reactor *r, struct runtime *rt, unsigned id, struct error *error)
{
    const struct runtime_options *o = &rt->options;
    r->rt = rt;
    r->id = id;
    r->count = rt->count;
    r->ops = rt->ops;
    r->slice_ns = (uint64_t)(o->slice_us ? o->slice_us : 500) * 1000;
    r->floor_percent[CLASS_WRITE] = 25;
    r->floor_percent[CLASS_BACKGROUND] = 10;
    fiber_pool_init(r, o->fibers_max ? o->fibers_max : 16384);
    r->debug_seed = id;
    reactor_current = r;
    int rc = peers_init(r);
    if (rc < 0)
        return error_set_errno(error, rc, "reactor %u cannot have its message rings", id);
    rc = r->ops->open(r, o->sim, &r->backend, error);
    if (rc < 0)
        return rc;
    check(r->backend && r->backend->ops);
    r->accounted_ns = reactor_now(r);
    timer_wheel_advance(&r->timers, r->accounted_ns);
    rc = fiber_start(CLASS_INTERACTIVE, boot_fiber, rt, "boot");
    if (rc < 0)
        return error_set_errno(error, rc, "reactor %u cannot have a fiber", id);
    return 0;
}

void reactor_fini(struct reactor *r)
{
    reactor_current = r;
    if (r->backend)
        r->ops->close(r->backend);
    perf_close(r);
    fiber_pool_fini(r);
    peers_fini(r);
    reactor_current = NULL;
}

struct backend *reactor_backend(struct reactor *r)
{
    return r->backend;
}

unsigned reactor_id_of(const struct reactor *r)
{
    return r->id;
}
