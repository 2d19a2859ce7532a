/* disk_watch.h -- decides for the whole server whether it may store anything
 * new. Lives on reactor 0.
 *
 * A reactor whose store meets a failure of the disk reports it here. If the disk is full,
 * the watch removes DIR/reserve. It tells all reactors to refuse writes. Then it tries from
 * time to time whether writes would work again, first after 1 s, later every 30 s. When they
 * do, it puts the reserve back and tells all reactors to go on. An operator only has to mend
 * the disk or free space. */
#pragma once

#include "reactor/fibers/sync.h"

struct disk_watch {
    const char *dir;
    uint64_t reserve_bytes;
    int reason;     /* the errno for which the server is read-only; 0: it takes writes */
    int reported;   /* an errno that is not handled yet; 0: none */
    uint64_t round; /* how often the disk was trusted again (read_only.h) */
    uint64_t try_ns, pause_ns, left_ns;
    /* the free bytes that new data need on a full disk, as the log said last; 0: it did not */
    uint64_t needed_logged;
    bool running, stopping;
    struct event changed;
};

/* Before the stores are opened: makes the reserve. If the disk lacks space for it and `wanted`
 * bytes more, removes it, and the server is read-only from the start; the log says how much is free
 * and how much is needed. Waits. */
void disk_watch_prepare(struct disk_watch *w, const char *dir, uint64_t reserve_bytes, uint64_t wanted);
/* After the stores were opened. */
MUST_USE int disk_watch_start(struct disk_watch *w);
void disk_watch_stop(struct disk_watch *w); /* waits */

/* Reports that the disk answered rc, or that the log had no memory, to an operation that
 * began in `round`. A report from an earlier round is ignored. Does not wait. May be
 * called before the start. */
void disk_watch_report(struct disk_watch *w, int rc, uint64_t round);
/* Waits until every report has been handled. On a full disk some space is free then. */
void disk_watch_complete(struct disk_watch *w);

/* -- on every reactor: sends reports to reactor 0 -- */

struct disk_reporter {
    int rc;
    uint64_t round;
    bool running, stopping;
    struct event changed;
};
MUST_USE int disk_reporter_start(struct disk_reporter *r);
void disk_reporter_stop(struct disk_reporter *r);                         /* waits */
void disk_reporter_take(struct disk_reporter *r, int rc, uint64_t round); /* does not wait */
