/* sim_world.h -- the simulated world from inside: one clock, one heap of future events, a disk, a
 * network. All of it runs in one thread. The code that a fault disturbs calls sim_fault() to learn
 * whether it happens. */
#pragma once

#include "reactor/backend.h"

/* A stream of random numbers (splitmix64). Each purpose has its own stream, so that more draws for
 * one do not shift the others. */
struct sim_random {
    uint64_t state;
};
uint64_t sim_draw(struct sim_random *r);
static inline uint64_t sim_below(struct sim_random *r, uint64_t n)
{
    return sim_draw(r) % n;
}

/* The state of one kind of fault. */
struct sim_fault_state {
    uint32_t per_million;
    uint64_t injected;
    struct sim_random random;
};

struct sim_backend {
    struct backend base;
    struct sim *sim;
    unsigned id;
    bool woken;
    struct op_list due;             /* completed operations whose done() is due */
    uint64_t late_ns[REACTORS_MAX]; /* time at which messages of that peer become visible again */
};
struct sim_backend *sim_of(struct backend *b);

/* A future event. Small, and copied by value. */
struct sim_event {
    uint64_t time_ns, seq;
    void (*happen)(struct sim *s, struct sim_event *e);
    struct sim_backend *backend;
    void *object;
    uint64_t value;
};

struct sim_disk;
struct sim_net;

/* The schedule of this start (sim_schedule.c). A chance of one in 0 means never. */
struct sim_schedule_state {
    struct sim_random random;
    bool varied;
    /* most time that a turn takes, and that is added before each fiber runs */
    uint64_t turn_ns_max, fiber_ns_max;
    uint64_t turn_ends_one_in, ignores_class_one_in;
    uint64_t priorities_change_one_in; /* 0: no priorities */
    /* salts for the hashes of fiber names; speeds 0: no fiber has slow I/O */
    uint64_t priorities, speeds;
    unsigned slow_reactor; /* may be a number that no reactor has */
};

struct sim {
    uint64_t now_ns, seq;
    struct sim_random scheduling, disk_timing, crash, net_timing, application;
    struct sim_event *events; /* a binary heap by time, then seq */
    size_t event_count, event_capacity;
    struct sim_backend *backends[REACTORS_MAX];
    struct sim_disk *disk;
    struct sim_net *net;
    bool crashed;
    uint64_t crash_at; /* value of trace_events at which the power is cut; 0: never */
    uint64_t trace_hash, trace_events;
    void (*trace_line)(const char *text, void *arg);
    void *trace_arg;
    struct sim_fault_state faults[FAULT_KINDS];
    struct sim_schedule_state schedule;
    bool vary_schedules;
    bool in_turn; /* code of a reactor runs, not code of the simulator */
};

/* Calls happen(s, event) after delay_ns. Stops the process if memory is missing, since the
 * simulation cannot go on. */
void sim_schedule(struct sim *s, uint64_t delay_ns, struct sim_event e);
/* Completes op with result after delay_ns, on b's reactor. */
void sim_complete(struct sim_backend *b, struct op *op, int64_t result, uint64_t delay_ns);

/* -- sim_trace.c -- */

/* Adds an event to the hash, and prints it if tracing is on. */
void sim_trace(struct sim *s, unsigned reactor, const char *what, uint64_t a, uint64_t b);
/* The same for an operation. The line says the file, the range and, if `what` is "done", the
 * result. */
void sim_trace_op(struct sim *s, unsigned reactor, const char *what, const struct op *op, uint64_t value);

/* Runs all events that are due. */
void sim_run_events(struct sim *s);
/* Called on the way from a reactor's code into the simulator's, whose own allocations must not
 * fail. Returns the argument for sim_leave(). */
bool sim_enter(struct sim *s);
void sim_leave(struct sim *s, bool was);

/* -- sim_schedule.c -- */

/* Draws the schedule of a new start. */
void sim_schedule_draw(struct sim *s, unsigned reactors);
/* Chooses one of the n reactors that can run; returns its index in `ready`. */
unsigned sim_pick_reactor(struct sim *s, const unsigned *ready, unsigned n);
/* The factor by which the I/O of the running fiber takes longer. */
uint64_t sim_slowness_of_fiber(struct sim_backend *b);
/* See struct backend_ops. */
bool sim_pick(struct backend *b, enum fiber_class *cls, uint32_t *ret_position);
bool sim_should_yield(struct backend *b);
bool sim_late(struct backend *b, unsigned from);

/* -- sim_faults.c -- */

void sim_faults_init(struct sim *s, struct sim_random *root);
/* An occasion for f: whether it happens. Counted if so. */
bool sim_fault(struct sim *s, enum sim_fault f);
/* The two halves of sim_fault(), for a fault that may turn out impossible after the draw. */
bool sim_fault_draw(struct sim *s, enum sim_fault f);
void sim_fault_count(struct sim *s, enum sim_fault f);
/* Like sim_fault(), for a fault of op, which is added to the trace. */
bool sim_fault_at(struct sim_backend *b, enum sim_fault f, const struct op *op);
/* A number below n from the stream of f, for place, size or duration of the fault. */
uint64_t sim_fault_below(struct sim *s, enum sim_fault f, uint64_t n);

/* -- sim_disk.c, sim_tree.c, sim_flush.c: files and directories in memory, in their current and
 * their durable state -- */

struct sim_disk *sim_disk_create(void);
void sim_disk_destroy(struct sim_disk *d);
void sim_disk_calm(struct sim_disk *d); /* ends lasting faults */
void sim_disk_submit(struct sim_backend *b, struct op *op);
/* The path by which the file was opened, for the trace. */
const char *sim_disk_path(const struct sim *s, handle_t handle);
void sim_disk_forget(struct sim_event *e); /* frees the memory of e, which will not happen */
void sim_disk_unmap(struct sim *s, const void *bytes);
/* An occasion for FAULT_LOST_PAGE. */
void sim_disk_lose_page(struct sim_backend *b);
/* At the end of the process: drops locks and open handles. */
void sim_disk_process_end(struct sim *s);
/* At a power cut: keeps or drops each unflushed sector. */
void sim_disk_power_cut(struct sim *s);

/* -- sim_net.c: connections in memory -- */

struct sim_net *sim_net_create(void);
/* also at the end of a process, since connections do not survive it */
void sim_net_destroy(struct sim_net *n);
void sim_net_submit(struct sim_backend *b, struct op *op);
bool sim_net_cancel(struct sim_backend *b, struct op *op); /* false: op does not wait here */
int sim_net_listen(struct sim_backend *b, struct endpoint *at, handle_t *ret);
void sim_net_shutdown(struct sim_backend *b, handle_t connection);
bool sim_net_owns(handle_t handle);
