/* sim.h -- a world for the server to run in: virtual time, a disk and a network made
 * of memory, and a seed.
 *
 * All reactors run in one thread; which runs next, how long I/O takes and in which order
 * completions come is drawn from the seed, so the same seed gives the same run, told by a hash over
 * everything that happened. The disk outlives a runtime: a crash ends a run and keeps what was
 * flushed, and the next runtime opens the same disk. */
#pragma once

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim;

MUST_USE int sim_create(uint64_t seed, struct sim **ret);
void sim_destroy(struct sim *s);

/* Ends the running runtime as a power cut would: nothing more runs, unflushed writes are lost or
 * kept sector by sector as the seed says. Callable from a fiber; the runtime_run() that is under
 * way returns -EOWNERDEAD. */
void sim_crash(struct sim *s);
/* The same when so many more things have happened, wherever that is: in a
 * start, too. 0: not at all. */
void sim_crash_after(struct sim *s, uint64_t events);

/* A line for each group of fibers that wait for the same, of all reactors that run. */
void sim_describe_waits(const struct sim *s, void (*line)(const char *text, void *arg), void *arg);

/* Fibers that live on a reactor, but for those that serve messages; and whether messages of
 * it are under way, or credits or places on its disk are not back: then with the first thing
 * that is missing in text. */
uint32_t sim_fibers(const struct sim *s, unsigned reactor);
bool sim_reactor_owes(const struct sim *s, unsigned reactor, char *text, size_t size);

uint64_t sim_trace_hash(const struct sim *s);   /* equal for equal runs */
uint64_t sim_trace_events(const struct sim *s); /* how many things happened */
/* A readable trace, line by line. */
void sim_trace_to(struct sim *s, void (*line)(const char *text, void *arg), void *arg);

/* -- faults -- */

enum sim_fault {
    FAULT_SHORT_WRITE, /* a write takes fewer bytes than it was given, and says so */
    /* a write lands elsewhere in this or another open file, and says it succeeded */
    FAULT_MISDIRECTED_WRITE,
    FAULT_BIT_ROT,    /* a bit of a file flips at a power cut */
    FAULT_READ_ERROR, /* -EIO */
    /* -EIO; of a write, some sectors may be there; of a change of names, nothing */
    FAULT_WRITE_ERROR,
    /* -EIO; each unflushed sector is durable or lost, and no later flush asks for it again */
    FAULT_FLUSH_ERROR,
    FAULT_DISK_FULL,    /* somebody else takes all the free space, for a while */
    FAULT_SLOW_DISK,    /* an operation, or all for a while, take 10 to 1000 times as long */
    FAULT_RESET,        /* a connection fails at both ends; bytes on their way are lost */
    FAULT_CUT,          /* a connection ends, at any byte of what is on its way */
    FAULT_LATE_MESSAGE, /* a reactor does not see the messages of another one for a while */
    FAULT_STALL,        /* a reactor takes no turn for 1 to 200 ms */
    FAULT_NO_MEMORY,    /* an allocation fails */
    FAULT_PREEMPT,      /* a checkpoint yields; default: 1 in 64 */
    /* from a checkpoint on a page of a mapped file reads as zeros, and is noted (file.h) */
    FAULT_LOST_PAGE,
    /* not the longest waiting fiber runs next, but one by the seed; default: always */
    FAULT_SHUFFLE,
    FAULT_KINDS
};

const char *sim_fault_name(enum sim_fault f);
/* How often, of a million occasions (an operation, a message, a turn, an allocation) of that kind;
 * 0: never, the default where nothing else is said above. Each kind has a random stream of its own:
 * more of one does not move another. */
void sim_fault_rate(struct sim *s, enum sim_fault f, uint32_t per_million);
/* What a fault made last for a while is over now: the disk is neither full nor slow. */
void sim_faults_pass(struct sim *s);
uint64_t sim_faults_injected(const struct sim *s, enum sim_fault f);

/* The disk's size in bytes; 0: endless. Counted are the sectors of files that were written,
 * once whatever the links. */
void sim_disk_limit(struct sim *s, uint64_t bytes);
/* Whether a file may have a second name; it may where nothing is said. */
void sim_disk_links(struct sim *s, bool there);
/* Damage to what is at rest: flips so many bits of durable files whose path begins so. Returns how
 * many: 0 if there are no such bytes. */
uint64_t sim_rot(struct sim *s, const char *path_prefix, unsigned bits);
/* Shall the allocation that is asked for fail? For malloc wrappers; false outside
 * of a reactor's turn. */
bool sim_allocation_fails(struct sim *s);

/* From the next start on, each draws how its reactors and fibers are scheduled: evenly as before,
 * or with priorities by the names of fibers, classes that are not respected, short turns, a slow
 * core, fibers whose I/O takes long. */
void sim_vary_schedules(struct sim *s, bool on);
