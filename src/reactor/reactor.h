/* reactor.h -- the inside of a reactor, for the files of this folder only.
 *
 * What others may touch while it runs is in `shared`, on cache lines of its own; everything else
 * belongs to the reactor's thread. */
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
    void *stack; /* lowest usable byte; the guard page is below */
    size_t stack_size;
    enum fiber_class cls;
    enum fiber_state state;
    bool wake_pending; /* woken before it suspended */
#ifdef KITH_DEBUG
    uint16_t held[ORDERS]; /* how much of each order (order.c) */
#endif
    uint64_t ran_ns;      /* on the core, up to its last switch to the loop */
    struct {              /* while it waits for a message; for waits.c */
        const char *what; /* NULL: it waits for something else */
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
    /* of its floor share; below zero after a slice that took longer than it was owed (loop.c) */
    int64_t owed_ns;
};

struct fiber_pool {
    struct fiber **free; /* those that ended last come last, and are taken first */
    uint32_t free_count;
    uint32_t given;    /* the first so many of them hold no memory but that of their struct */
    uint32_t free_min; /* least of free_count since fiber_stacks_trim() */
    uint64_t fresh;    /* how often a stack has got memory */
    /* and of these, how often before the measurement that `resident` is of began */
    uint64_t measured;
    struct fiber **all; /* in the order they were made, for reactor_fini() */
    uint32_t made, live, all_capacity;
    uint32_t max, max_actors,
        /* live ones, above which none starts: at all, beyond an actor's first, for a client */
        max_client;
    char *slab; /* mapped memory that the next stacks are cut from */
    size_t slab_left;
    uint64_t resident; /* bytes that stacks had in memory when it was measured */
    struct fiber_slab {
        void *base;
        size_t bytes;
    } * slabs;
    uint32_t slab_count, slab_capacity;
};

void fiber_pool_init(struct reactor *r, uint32_t max);
void fiber_pool_fini(struct reactor *r);
uint64_t fiber_stack_bytes(const struct reactor *r);
/* fiber_start() when fewer than `limit` are live. */
MUST_USE int fiber_start_below(uint32_t limit, enum fiber_class cls, fiber_fn fn, void *arg, const char *name);
/* Runs f until it suspends, yields or ends; called by the loop. */
void fiber_resume(struct reactor *r, struct fiber *f);

/* ---- timers (timer.c) ---- */

#define TIMER_LEVELS 8
#define TIMER_SLOTS  64

struct timer_wheel {
    uint64_t tick;                                       /* everything up to here has fired */
    uint64_t occupied[TIMER_LEVELS];                     /* a bit per slot that is not empty */
    struct timer *heads[TIMER_LEVELS * TIMER_SLOTS + 1]; /* and the list that is being fired */
};

void timer_wheel_advance(struct timer_wheel *w, uint64_t now_ns);
/* when to advance again; UINT64_MAX: no timer */
uint64_t timer_wheel_next_ns(const struct timer_wheel *w);

/* ---- peers and mail (message.c) ---- */

struct peer { /* what this reactor knows of another one */
    struct ring *out, *in;
    uint32_t out_tail, in_head; /* positions of our side */
    bool dirty;                 /* out has messages that are not published */
    uint16_t credits[ORDERS];   /* requests of each order that we may still send */
    struct event credited[ORDERS];
};

struct mailbox_early { /* messages for an actor that has not been started */
    struct message *head, **tail;
    uint32_t count;
};

uint16_t credits_of(const struct reactor *r, unsigned order); /* for each peer */
int peers_init(struct reactor *r);                            /* our inbox rings */
/* our outboxes: once every reactor has its inbox rings */
void peers_connect(struct reactor *r);
void peers_fini(struct reactor *r);
void mail_receive(struct reactor *r); /* takes what the inbox rings hold */
void mail_publish(struct reactor *r); /* makes what was sent visible, wakes who sleeps */
void actors_retry(struct reactor *r); /* those that found no fiber */

/* ---- the stall detector (stall.c) ---- */

#define STALL_FRAMES 32
struct stall {
    bool armed;
    timer_t timer;
    stack_t old_stack;
    void *alt_stack; /* the signal handler's */
    /* The handler's own: what it saw at its last tick. */
    uint32_t seen_ticks;
    uint64_t seen_switches, reported_switches;
    _Atomic bool caught; /* set by the handler; the loop looks at it after each fiber */
    int frame_count;
    void *frames[STALL_FRAMES];
    uint64_t logged_ns;
};
void stall_configure(struct runtime *rt); /* by the environment */
void stall_arm(struct reactor *r);
void stall_disarm(struct reactor *r);
void stall_report(struct reactor *r, const char *fiber_name, uint64_t ran_ns);

/* ---- how busy it is (load.c) ---- */

/* Publishes r's load when the last time is long enough ago. */
void load_publish(struct reactor *r, uint64_t now);

/* ---- operations on files, by class (disk.c) ---- */

struct disk {
    uint32_t urgent;     /* of the classes INTERACTIVE and WRITE */
    uint32_t background; /* reads, writes and flushes of background fibers that the back end has */
    struct op_list waiting;
};
void disk_submit(struct reactor *r, struct op *op); /* of the running fiber */
void disk_finished(struct reactor *r, const struct op *op);

/* ---- the core's counters (perf.c) ---- */

struct perf {
    bool tried;
    unsigned available, count; /* a bit for each counter; how many they are */
    int fds[PERF_COUNTERS];    /* the first leads the group */
};
void perf_close(struct reactor *r);

/* ---- who waits for what (waits.c) ---- */

typedef void (*waits_line_fn)(const char *text, void *arg);
/* A line for each group of r's fibers that wait for the same, and for each busy
 * actor. On r's own thread. */
void reactor_describe_waits(const struct reactor *r, waits_line_fn line, void *arg);
/* Those that serve no message. */
uint32_t reactor_own_fibers(const struct reactor *r);
/* Whether messages of r are under way, or credits or places on the disk are not back: true with the
 * first thing that is missing. */
bool reactor_owes(const struct reactor *r, char *text, size_t size);

/* ---- a reactor ---- */

struct runtime {
    struct runtime_options options;
    const struct backend_ops *ops;
    unsigned count;
    struct topology *topology; /* NULL unless reactors are pinned */
    struct reactor **reactors; /* [count]; each made by its own thread */
    runtime_boot_fn boot, on_signal;
    void *arg;
    bool stall_is_fatal;
    unsigned connections_max; /* that descriptors are there for */
    /* accepted ones, on all reactors; relaxed: a bound, not a count of anything */
    _Atomic unsigned connections;
    _Atomic bool stopping;    /* runtime_stop() was called */
    _Atomic unsigned resting; /* reactors that are stopping and have no fiber */
    _Atomic bool over;        /* all rest: no fiber is left that could start another */
};

enum sleep_state { AWAKE, SLEEPING, WAKING };

struct reactor_shared {
    _Alignas(CACHE_LINE) _Atomic uint8_t mail;  /* some inbox ring has something new */
    _Atomic uint8_t signalled;                  /* on_signal is wanted */
    _Alignas(CACHE_LINE) _Atomic uint8_t sleep; /* enum sleep_state */
    _Alignas(CACHE_LINE) _Atomic uint64_t load; /* load_pack() of load.c */
};

struct reactor {
    struct reactor_shared shared;
    struct runtime *rt;
    struct backend *backend;
    const struct backend_ops *ops;
    unsigned id, count;
    struct fiber *fiber; /* that runs now */
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
    /* Of the time that more urgent classes take while this one has something to do, it
     * gets at least so much. */
    unsigned floor_percent[CLASS_COUNT];
    bool at_leisure; /* the last turn ran background work */
    uint64_t gave_way_ns;
    bool on_floor; /* the running fiber is using its class's floor share */
    int32_t checkpoint_left, checkpoint_stride;
    uint64_t checkpoint_ns;
    uint64_t debug_seed;
    struct timer_wheel timers;
    struct peer *peers; /* [count]; our own entry unused */
    void *rings;        /* the inbox rings, in this node's memory */
    size_t ring_bytes;
    uint32_t dirty_count;
    uint16_t *dirty; /* ids of peers with unpublished messages */
    uint64_t published_ns;
    struct actor *actors[ACTORS_MAX];
    struct mailbox_early early[ACTORS_MAX];
    bool actor_stopped[ACTORS_MAX];
    bool actor_starved;      /* one found no fiber */
    struct event actor_idle; /* a worker fiber of an actor has ended */
    bool resting;            /* counted in rt->resting */
    struct stall stall;
    struct disk disk;
    struct perf perf;
    struct reactor_stats stats;
    uint64_t accounted_ns;
    /* when the load was last published, and class_ns of the urgent classes then */
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
void reactor_run(struct reactor *r, unsigned spin_us); /* turns and sleeps until TURN_OVER */
/* Has something arrived, of which nobody knows yet how urgent it is: mail, a completion, a
 * timer? */
bool reactor_beckons(struct reactor *r, uint64_t now);
void reactor_unrest(struct reactor *r); /* a fiber has come while it rested */
void run_queue_push(struct run_queue *q, struct fiber *f);
struct fiber *run_queue_take(struct run_queue *q, uint32_t position);
/* Wakes r if it sleeps; from any thread, after what it shall see was stored.
 * Returns whether it did. */
bool reactor_wake(struct reactor *r);

/* ---- operations (op.c) ---- */

/* Submits op and suspends the calling fiber until it is done; returns op->result. */
int64_t op_run(struct op *op);
/* The same, but gives the operation up at deadline_ns (0: never): -ETIME then. */
int64_t op_run_until(struct op *op, uint64_t deadline_ns);

/* A fence between a store of ours and a load of somebody else's store (Dekker's pattern).
 * ThreadSanitizer does not know fences, so there it is a read-modify-write. */
static inline void fence_store_load(void)
{
#if defined(__SANITIZE_THREAD__)
    static _Atomic int anchor;
    atomic_fetch_add_explicit(&anchor, 1, memory_order_seq_cst);
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif
}
