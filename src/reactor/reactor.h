/* reactor.h -- the inside of a reactor, for the files of this folder only.
 *
 * Other threads touch only `shared`, which has cache lines of its own. Everything else belongs to
 * the reactor's thread. */
#pragma once

#include "base/memory.h"
#include "reactor/backend.h"
#include "reactor/fibers/fiber.h"
#include "reactor/fibers/stack.h"
#include "reactor/fibers/sync.h"
#include "reactor/machine/perf.h"
#include "reactor/machine/topology.h"
#include "reactor/message.h"
#include "reactor/ring.h"
#include "reactor/timer.h"
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

/* ---- fibers (fiber.c) ---- */

enum fiber_state {
    FIBER_READY, /* in a run queue: new, or after a yield */
    FIBER_WOKEN, /* in a run queue: after a wake */
    FIBER_RUNNING,
    FIBER_SUSPENDED,
    FIBER_FREE, /* in the pool, with its stack */
};

struct fiber {
    struct stack_context context;
    struct fiber *next; /* in a run queue or in the pool */
    struct reactor *reactor;
    fiber_fn fn;
    void *arg;
    const char *name;
    void *stack; /* lowest usable byte; the guard page lies below it */
    size_t stack_size;
    enum fiber_class cls;
    enum fiber_state state;
    bool wake_pending; /* fiber_wake() was called before the fiber suspended */
#ifdef KITH_DEBUG
    uint16_t held[ORDERS]; /* by order: how many things the fiber holds (order.c) */
#endif
    uint64_t ran_ns;      /* time on the core, up to the last switch to the loop */
    struct {              /* the message that this fiber waits for; read by waits.c */
        const char *what; /* NULL: the fiber does not wait for a message */
        uint32_t type;
        struct address to;
    } waits;
#if defined(__SANITIZE_ADDRESS__)
    void *asan_fake_stack;
#endif
#if defined(__SANITIZE_THREAD__)
    void *tsan_fiber;
#endif
    unsigned valgrind_stack;
};

struct run_queue {
    struct fiber *head, *last;
    uint32_t count;
    /* CPU time that this class is owed of its minimum share. Negative after a slice that took
     * longer than was owed (loop.c). */
    int64_t owed_ns;
};

struct fiber_pool {
    struct fiber **free; /* a stack of idle fibers: the fiber that ended last is taken first */
    uint32_t free_count;
    /* free[0 .. given - 1]: idle fibers whose stacks were given back to the kernel */
    uint32_t given;
    uint32_t free_min; /* least value of free_count since the last fiber_stacks_trim() */
    uint64_t fresh;    /* how many stacks have got memory so far */
    /* value of `fresh` when the measurement that gave `resident` began */
    uint64_t measured;
    struct fiber **all; /* in the order of creation, for reactor_fini() */
    uint32_t made, live, all_capacity;
    /* limits on `live` above which no fiber starts: at all, as a further fiber of an actor that has
     * one, for a client */
    uint32_t max, max_actors, max_client;
    char *slab; /* mapped memory from which the next stacks are cut */
    size_t slab_left;
    uint64_t resident; /* resident bytes of all stacks at the last measurement */
    struct fiber_slab {
        void *base;
        size_t bytes;
    } * slabs;
    uint32_t slab_count, slab_capacity;
};

void fiber_pool_init(struct reactor *r, uint32_t max);
void fiber_pool_fini(struct reactor *r);
uint64_t fiber_stack_bytes(const struct reactor *r);
/* Like fiber_start(), but fails when `limit` or more fibers are live. */
MUST_USE int fiber_start_below(uint32_t limit, enum fiber_class cls, fiber_fn fn, void *arg, const char *name);
/* Runs f until it suspends, yields or ends. Called by the loop. */
void fiber_resume(struct reactor *r, struct fiber *f);

/* ---- timers (timer.c) ---- */

#define TIMER_LEVELS 8
#define TIMER_SLOTS  64

struct timer_wheel {
    uint64_t tick;                   /* all timers up to this tick have fired */
    uint64_t occupied[TIMER_LEVELS]; /* a bit for each slot that is not empty */
    /* the last entry is the list that is being fired */
    struct timer *heads[TIMER_LEVELS * TIMER_SLOTS + 1];
};

void timer_wheel_advance(struct timer_wheel *w, uint64_t now_ns);
/* time of the next timer_wheel_advance(); UINT64_MAX: no timer */
uint64_t timer_wheel_next_ns(const struct timer_wheel *w);

/* ---- peers and rings (message.c) ---- */

struct peer { /* what this reactor knows of another reactor */
    struct ring *out, *in;
    uint32_t out_tail, in_head; /* positions of this reactor's side of the rings */
    bool dirty;                 /* `out` has messages that are not published */
    uint16_t credits[ORDERS];   /* requests of each order that this reactor may still send */
    struct event credited[ORDERS];
};

struct mailbox_early { /* messages for an actor that has not been started */
    struct message *head, **tail;
    uint32_t count;
};

uint16_t credits_of(const struct reactor *r, unsigned order); /* for each peer */
int peers_init(struct reactor *r);                            /* makes the inbox rings */
/* connects the outbox rings, after every reactor has made its inbox rings */
void peers_connect(struct reactor *r);
void peers_fini(struct reactor *r);
void rings_receive(struct reactor *r); /* takes the messages in the inbox rings */
/* makes sent messages visible and wakes receivers that sleep */
void rings_publish(struct reactor *r);
void actors_retry(struct reactor *r); /* starts the actors that found no free fiber */

/* ---- the stall detector (stall.c) ---- */

#define STALL_FRAMES 32
struct stall {
    bool armed;
    timer_t timer;
    stack_t old_stack;
    void *alt_stack; /* stack of the signal handler */
    /* Used by the signal handler only: the state at its previous tick. */
    uint32_t seen_ticks;
    uint64_t seen_switches, reported_switches;
    _Atomic bool caught; /* set by the handler; the loop reads it after each fiber */
    int frame_count;
    void *frames[STALL_FRAMES];
    uint64_t logged_ns;
};
void stall_configure(struct runtime *rt); /* reads the environment */
void stall_arm(struct reactor *r);
void stall_disarm(struct reactor *r);
void stall_report(struct reactor *r, const char *fiber_name, uint64_t ran_ns);

/* ---- the load of a reactor (load.c) ---- */

/* Publishes r's load if the last publication is long enough ago. */
void load_publish(struct reactor *r, uint64_t now);

/* ---- operations on files, by class (disk.c) ---- */

struct disk {
    /* operations under way that fibers of the classes INTERACTIVE and WRITE submitted */
    uint32_t urgent;
    /* reads, writes and flushes of background fibers that are with the back end */
    uint32_t background;
    struct op_list waiting;
};
void disk_submit(struct reactor *r, struct op *op); /* for the running fiber */
void disk_finished(struct reactor *r, const struct op *op);

/* ---- the core's counters (perf.c) ---- */

struct perf {
    bool tried;
    unsigned available, count; /* `available` has a bit for each counter; `count` is their number */
    int fds[PERF_COUNTERS];    /* the first descriptor leads the group */
};
void perf_close(struct reactor *r);

/* ---- what fibers wait for (waits.c) ---- */

typedef void (*waits_line_fn)(const char *text, void *arg);
/* Calls line() for each group of r's fibers that wait for the same thing, and for each busy actor.
 * On r's own thread. */
void reactor_describe_waits(const struct reactor *r, waits_line_fn line, void *arg);
/* Fibers that serve no message of an actor. */
uint32_t reactor_own_fibers(const struct reactor *r);
/* Whether r has messages under way, or credits or disk operations that have not come back. True:
 * `text` describes the first of them. */
bool reactor_owes(const struct reactor *r, char *text, size_t size);

/* ---- a reactor ---- */

struct runtime {
    struct runtime_options options;
    const struct backend_ops *ops;
    unsigned count;
    /* NULL unless reactors are pinned or their number is chosen by the runtime */
    struct topology *topology;
    struct reactor **reactors; /* [count]; each is made by its own thread */
    runtime_boot_fn boot, on_signal;
    void *arg;
    bool stall_is_fatal;
    unsigned connections_max; /* the number of connections that the limit on descriptors allows */
    /* accepted connections of all reactors; relaxed, since it only serves as a bound */
    _Atomic unsigned connections;
    _Atomic bool stopping; /* runtime_stop() was called */
    _Atomic unsigned idle; /* reactors that are stopping and have no fiber left */
    _Atomic bool over;     /* all reactors are idle: no fiber is left that could start another */
};

enum sleep_state { AWAKE, SLEEPING, WAKING };

struct reactor_shared {
    _Alignas(CACHE_LINE) _Atomic uint8_t pending; /* some inbox ring has new messages */
    _Atomic uint8_t signalled;                    /* on_signal is to be called */
    _Alignas(CACHE_LINE) _Atomic uint8_t sleep;   /* enum sleep_state */
    _Alignas(CACHE_LINE) _Atomic uint64_t load;   /* load_pack() of load.c */
};

struct reactor {
    struct reactor_shared shared;
    struct runtime *rt;
    struct backend *backend;
    const struct backend_ops *ops;
    unsigned id, count;
    struct fiber *fiber; /* the fiber that runs now */
    struct stack_context loop;
#if defined(__SANITIZE_ADDRESS__)
    void *asan_fake_stack;
    const void *loop_stack;
    size_t loop_stack_size;
#endif
#if defined(__SANITIZE_THREAD__)
    void *tsan_loop;
#endif
    struct fiber_pool pool;
    struct run_queue ready[CLASS_COUNT];
    uint64_t slice_ns, fiber_began_ns;
    /* Minimum share of the core's time for each class while it has ready fibers. */
    unsigned floor_percent[CLASS_COUNT];
    bool ran_background; /* the last turn ran a background fiber */
    uint64_t yielded_core_ns;
    bool on_floor; /* the running fiber uses the minimum share of its class */
    int32_t checkpoint_left, checkpoint_stride;
    uint64_t checkpoint_ns;
    uint64_t debug_seed;
    struct timer_wheel timers;
    struct peer *peers; /* [count]; the entry of this reactor itself is unused */
    void *rings;        /* the inbox rings, in the memory of this reactor's NUMA node */
    size_t ring_bytes;
    uint32_t dirty_count;
    uint16_t *dirty; /* ids of peers with unpublished messages */
    uint64_t published_ns;
    struct actor *actors[ACTORS_MAX];
    struct mailbox_early early[ACTORS_MAX];
    bool actor_stopped[ACTORS_MAX];
    bool actor_starved;      /* an actor found no free fiber */
    struct event actor_idle; /* a worker fiber of an actor has ended */
    bool idle;               /* this reactor is counted in rt->idle */
    struct stall stall;
    struct disk disk;
    struct perf perf;
    struct reactor_stats stats;
    uint64_t accounted_ns;
    /* time of the last publication of the load, and class_ns of the urgent classes then */
    uint64_t load_at_ns, load_served_ns;
    uint32_t spin_failures, spin_skips;
};

extern _Thread_local struct reactor *reactor_current;

static inline struct reactor *reactor_here(void)
{
    check(reactor_current);
    return reactor_current;
}

static inline void fiber_waits_for(struct reactor *r, const char *what, const struct message *m)
{
    r->fiber->waits.what = what;
    r->fiber->waits.type = m->type;
    r->fiber->waits.to = m->to;
}

static inline void fiber_waits_no_more(struct reactor *r)
{
    r->fiber->waits.what = NULL;
}

static inline uint64_t reactor_now(struct reactor *r)
{
    return r->ops->now_ns(r->backend);
}

/* Called on the reactor's thread; r is zeroed. */
int reactor_init(struct reactor *r, struct runtime *rt, unsigned id, struct error *error);
void reactor_fini(struct reactor *r);
/* runs turns, and sleeps between them, until TURN_OVER */
void reactor_run(struct reactor *r, unsigned spin_us);
/* Whether a message, a completion or a timer is due that the loop has not looked at yet. Its
 * urgency is unknown. */
bool reactor_has_events(struct reactor *r, uint64_t now);
void reactor_idle_end(struct reactor *r); /* a fiber has started on an idle reactor */
void run_queue_push(struct run_queue *q, struct fiber *f);
struct fiber *run_queue_take(struct run_queue *q, uint32_t position);
/* Wakes r if it sleeps; returns whether it slept. Callable from any thread. The caller first stores
 * what r is to see. */
bool reactor_wake(struct reactor *r);

/* ---- operations (op.c) ---- */

/* Submits op and suspends the calling fiber until op is done; returns op->result. */
int64_t op_run(struct op *op);
/* Like op_run(), but cancels the operation at deadline_ns (0: never) and then returns -ETIME. */
int64_t op_run_until(struct op *op, uint64_t deadline_ns);
/* Submits n operations on files and suspends the calling fiber until all are done; each has its
 * result. */
void op_run_all(struct op *ops, unsigned n);

/* A fence between a store of this thread and a load of what another thread stores (Dekker's
 * algorithm). ThreadSanitizer does not model fences, so under it this is a read-modify-write. */
static inline void fence_store_load(void)
{
#if defined(__SANITIZE_THREAD__)
    static _Atomic int anchor;
    atomic_fetch_add_explicit(&anchor, 1, memory_order_seq_cst);
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif
}
