/* sim.h -- a simulated world that the server runs in: virtual time, a disk and a network made of
 * memory, and a seed.
 *
 * All reactors run in one thread. The seed decides which runs next, how long I/O takes, and in
 * which order operations complete. So the same seed gives the same run; a hash over all that
 * happened confirms it. The disk outlives a runtime: a crash ends a run and keeps flushed data, and
 * the next runtime opens the same disk. */
#pragma once

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim;

MUST_USE int sim_create(uint64_t seed, struct sim **ret);
void sim_destroy(struct sim *s);

/* Ends the running runtime like a power cut. No code runs after it. The seed decides for each
 * unflushed sector whether it is lost or kept. Callable from a fiber; the current runtime_run()
 * returns -EOWNERDEAD. */
void sim_crash(struct sim *s);
/* Calls sim_crash() after so many more trace events, also in the middle of a start. 0: never. */
void sim_crash_after(struct sim *s, uint64_t events);

/* Calls line() for each group of fibers that wait for the same thing, on all running reactors. */
void sim_describe_waits(const struct sim *s, void (*line)(const char *text, void *arg), void *arg);

/* sim_fibers() counts the fibers of a reactor that serve no message. sim_reactor_owes() says
 * whether the reactor has messages under way, or credits or disk operations that have not come
 * back; then text describes the first. */
uint32_t sim_fibers(const struct sim *s, unsigned reactor);
bool sim_reactor_owes(const struct sim *s, unsigned reactor, char *text, size_t size);

uint64_t sim_trace_hash(const struct sim *s);   /* equal for equal runs */
uint64_t sim_trace_events(const struct sim *s); /* the number of trace events so far */
/* Calls line() with each line of a readable trace. */
void sim_trace_to(struct sim *s, void (*line)(const char *text, void *arg), void *arg);

/* -- faults -- */

enum sim_fault {
    FAULT_SHORT_WRITE, /* a write takes fewer bytes than it was given, and returns that number */
    /* a write lands elsewhere in this or another open file, and returns success */
    FAULT_MISDIRECTED_WRITE,
    FAULT_BIT_ROT,    /* a bit of a file flips at a power cut */
    FAULT_READ_ERROR, /* -EIO */
    /* -EIO; a failed write may have written some sectors, a failed rename changed nothing */
    FAULT_WRITE_ERROR,
    /* -EIO; each unflushed sector is durable or lost, and later flushes do not write it again */
    FAULT_FLUSH_ERROR,
    FAULT_DISK_FULL,    /* another program takes all free space for a while */
    FAULT_SLOW_DISK,    /* one operation, or all for a while, take 10 to 1000 times as long */
    FAULT_RESET,        /* a connection fails at both ends; bytes under way are lost */
    FAULT_CUT,          /* a connection ends after any byte that is under way */
    FAULT_LATE_MESSAGE, /* a reactor does not see the messages of another reactor for a while */
    FAULT_STALL,        /* a reactor takes no turn for 1 to 200 ms */
    FAULT_NO_MEMORY,    /* an allocation fails */
    FAULT_PREEMPT,      /* a checkpoint yields; default: 1 in 64 */
    /* at a checkpoint, a page of a mapped file becomes zeros and is noted (file.h) */
    FAULT_LOST_PAGE,
    /* the seed picks the next fiber, instead of the longest waiting one; default: always */
    FAULT_SHUFFLE,
    FAULT_KINDS
};

const char *sim_fault_name(enum sim_fault f);
/* Sets how often a fault happens, in a million occasions of its kind (an operation, a message, a
 * turn, an allocation). 0, never, is the default unless stated above. Each kind has a random stream
 * of its own, so that its rate does not change when other kinds strike. */
void sim_fault_rate(struct sim *s, enum sim_fault f, uint32_t per_million);
/* Ends lasting faults: the disk is neither full nor slow. */
void sim_faults_pass(struct sim *s);
uint64_t sim_faults_injected(const struct sim *s, enum sim_fault f);

/* Sets the size of the disk in bytes; 0: unlimited. Written sectors of files count, once for all
 * links. */
void sim_disk_limit(struct sim *s, uint64_t bytes);
/* Whether the file system supports second names; by default it does. */
void sim_disk_links(struct sim *s, bool there);
/* Damages durable data: flips so many bits in files whose path begins with path_prefix. Returns the
 * number of flipped bits; 0 if there are no durable bytes. */
uint64_t sim_rot(struct sim *s, const char *path_prefix, unsigned bits);
/* Whether the current allocation fails. For malloc() wrappers; false outside a reactor's turn. */
bool sim_allocation_fails(struct sim *s);

/* Varied schedules from the next start on. Each start draws how reactors and fibers are scheduled:
 * fairly, or with priorities by the names of fibers, ignored classes, short turns, a slow core, or
 * fibers with slow I/O. */
void sim_vary_schedules(struct sim *s, bool on);
