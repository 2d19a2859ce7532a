/* sim_world.h -- the simulated world from inside: one clock, one heap of things to come, a disk, a
 * network. Everything here runs in one thread. A fault belongs where the thing it spoils is done:
 * sim_fault() says whether it happens. */
#pragma once

#include "reactor/backend.h"

/* A stream of random numbers (splitmix64). Each purpose has its own, so that drawing more for one
 * does not shift the others. */
struct sim_random {
    uint64_t state;
};
uint64_t sim_draw(struct sim_random *r);
static inline uint64_t sim_below(struct sim_random *r, uint64_t n)
{
    return sim_draw(r) % n;
}

/* What there is to know of one kind of fault. */
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
    struct op_list due;             /* done() is due */
    uint64_t late_ns[REACTORS_MAX]; /* when messages of that peer are seen again */
};
struct sim_backend *sim_of(struct backend *b);

/* Something that will happen. Small and copied about. */
struct sim_event {
    uint64_t time_ns, seq;
    void (*happen)(struct sim *s, struct sim_event *e);
    struct sim_backend *backend;
    void *object;
    uint64_t value;
};

struct sim_disk;
struct sim_net;

/* How this start schedules (sim_schedule.c). One in 0: never. */
struct sim_schedule_state {
    struct sim_random random;
    bool varied;
    uint64_t turn_ns_max, fiber_ns_max; /* what they cost */
    uint64_t turn_ends_one_in, ignores_class_one_in;
    uint64_t priorities_change_one_in; /* 0: no priorities, all are alike */
    /* what the names of fibers are hashed with; speeds 0: all are alike */
    uint64_t priorities, speeds;
    unsigned slow_reactor; /* maybe none of those there are */
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
    uint64_t crash_at; /* of trace_events; 0: never */
    uint64_t trace_hash, trace_events;
    void (*trace_line)(const char *text, void *arg);
    void *trace_arg;
    struct sim_fault_state faults[FAULT_KINDS];
    struct sim_schedule_state schedule;
    bool vary_schedules;
    bool in_turn; /* a reactor's own code runs, not the simulator's */
};

/* Calls happen(s, event) after delay_ns. Without memory the simulation cannot go on:
 * it stops the process. */
void sim_schedule(struct sim *s, uint64_t delay_ns, struct sim_event e);
/* op is done with result after delay_ns, on b's reactor. */
void sim_complete(struct sim_backend *b, struct op *op, int64_t result, uint64_t delay_ns);

/* -- sim_trace.c -- */

/* Mixes what happened into the hash, and tells it. */
void sim_trace(struct sim *s, unsigned reactor, const char *what, uint64_t a, uint64_t b);
/* The same for an operation; a line says which file, how much of it and, if what is
 * "done", with what result. */
void sim_trace_op(struct sim *s, unsigned reactor, const char *what, const struct op *op, uint64_t value);

/* All that is due by now. */
void sim_run_events(struct sim *s);
/* From a reactor's code into the simulator's, whose own allocations do not fail. Returns
 * what sim_leave() wants. */
bool sim_enter(struct sim *s);
void sim_leave(struct sim *s, bool was);

/* -- sim_schedule.c -- */

/* A new start: how does it schedule? */
void sim_schedule_draw(struct sim *s, unsigned reactors);
/* Which of the n reactors that can run does; an index. */
unsigned sim_pick_reactor(struct sim *s, const unsigned *ready, unsigned n);
/* By how much the I/O of the running fiber takes longer. */
uint64_t sim_slowness_of_fiber(struct sim_backend *b);
/* See struct backend_ops. */
bool sim_pick(struct backend *b, enum fiber_class *cls, uint32_t *ret_position);
bool sim_should_yield(struct backend *b);
bool sim_late(struct backend *b, unsigned from);

/* -- sim_faults.c -- */

void sim_faults_init(struct sim *s, struct sim_random *root);
/* An occasion for f: does it happen? Counted if so. */
bool sim_fault(struct sim *s, enum sim_fault f);
/* The two halves of it, for what may come to nothing in between. */
bool sim_fault_draw(struct sim *s, enum sim_fault f);
void sim_fault_count(struct sim *s, enum sim_fault f);
/* The same for what op does, told in the trace. */
bool sim_fault_at(struct sim_backend *b, enum sim_fault f, const struct op *op);
/* A number below n from the stream of f: where, how much, how long. */
uint64_t sim_fault_below(struct sim *s, enum sim_fault f, uint64_t n);

/* -- sim_disk.c, sim_tree.c, sim_flush.c: files and directories in memory, now and as they would be
 * after a power cut -- */

struct sim_disk *sim_disk_create(void);
void sim_disk_destroy(struct sim_disk *d);
void sim_disk_calm(struct sim_disk *d); /* what a fault made last for a while is over */
void sim_disk_submit(struct sim_backend *b, struct op *op);
/* For the trace: what the file was called when it was opened. */
const char *sim_disk_path(const struct sim *s, handle_t handle);
void sim_disk_forget(struct sim_event *e); /* e will never happen */
void sim_disk_unmap(struct sim *s, const void *bytes);
/* An occasion for FAULT_LOST_PAGE. */
void sim_disk_lose_page(struct sim_backend *b);
/* The process ended: locks and open handles are gone. */
void sim_disk_process_end(struct sim *s);
/* The power was cut: what was not flushed is kept or lost. */
void sim_disk_power_cut(struct sim *s);

/* -- sim_net.c: connections in memory -- */

struct sim_net *sim_net_create(void);
void sim_net_destroy(struct sim_net *n); /* also at the end of a process: nothing of it survives */
void sim_net_submit(struct sim_backend *b, struct op *op);
bool sim_net_cancel(struct sim_backend *b, struct op *op); /* false: it is not waiting here */
int sim_net_listen(struct sim_backend *b, struct endpoint *at, handle_t *ret);
void sim_net_shutdown(struct sim_backend *b, handle_t connection);
bool sim_net_owns(handle_t handle);
