/* disk_watch.h -- decides for the whole server whether it may store anything
 * new. Lives on reactor 0.
 *
 * A reactor whose store meets a failure of the disk reports it here. The watch then removes
 * DIR/reserve if the disk is full, tells all reactors to refuse writes, and tries from time to time
 * (1 s, growing to 30 s) whether writes would work again; when they do it puts the reserve back and
 * tells all to go on. Nobody has to do anything but see to the disk. */
#pragma once

#include "reactor/fibers/sync.h"

struct disk_watch {
    const char *dir;
    uint64_t reserve_bytes;
    int reason;     /* the errno for which the server is read-only; 0: it is not */
    int reported;   /* not handled yet; 0: nothing */
    uint64_t round; /* how often the disk was trusted again (read_only.h) */
    uint64_t try_ns, pause_ns, left_ns;
    bool running, stopping;
    struct event changed;
};

/* Before the stores are opened: puts the reserve in place, or, without room for that and `wanted`
 * bytes more, gives it up and is read-only from the start. Waits. */
void disk_watch_prepare(struct disk_watch *w, const char *dir, uint64_t reserve_bytes, uint64_t wanted);
/* After the stores were opened. */
MUST_USE int disk_watch_start(struct disk_watch *w);
void disk_watch_stop(struct disk_watch *w); /* waits */

/* The disk answered rc, or there was no memory for the log, to something that began in that round;
 * what is from an earlier one is ignored. Does not wait; may be called before the start. */
void disk_watch_report(struct disk_watch *w, int rc, uint64_t round);
/* Waits until all that was reported has been acted on: on a full disk there is some room then. */
void disk_watch_complete(struct disk_watch *w);

/* -- on every reactor: carries reports to reactor 0 -- */

struct disk_reporter {
    int rc;
    uint64_t round;
    bool running, stopping;
    struct event changed;
};
MUST_USE int disk_reporter_start(struct disk_reporter *r);
void disk_reporter_stop(struct disk_reporter *r);                         /* waits */
void disk_reporter_take(struct disk_reporter *r, int rc, uint64_t round); /* does not wait */
