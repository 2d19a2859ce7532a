/* disk_watch.c -- the fiber that tries the disk again and again while it fails, and tells every
 * reactor when it works; and the fiber that reports failures to it. */
#include "actors/disk_watch.h"
#include "actors/addresses.h"
#include "actors/control_messages.h"
#include "base/log.h"
#include "base/text/size.h"
#include "reactor/file.h"
#include "shards/folder/read_only.h"
#include "shards/folder/reserve.h"

#include <errno.h>

#define PAUSE_NS_MIN ((uint64_t)1000000000)
#define PAUSE_NS_MAX ((uint64_t)30000000000)
/* after a failure within this time of the last one, the pause between tries is not shortened */
#define CALM_NS ((uint64_t)60000000000)

/* -- telling -- */

/* Returns the first refusal. *wanted: the disk space that all stores need together. */
static int tell_all(const struct disk_watch *w, enum disk_order order, int reason, uint64_t *wanted)
{
    int rc = 0;
    *wanted = 0;
    for (unsigned r = 0; r < reactor_count(); r++) {
        struct control_disk_message m = {.order = order, .reason = reason, .round = w->round};
        int one = message_call(&m.base, address_of(r, ACTOR_STEP), MSG_CONTROL_DISK, NULL);
        rc = rc < 0 ? rc : one;
        *wanted += m.wanted;
    }
    return rc;
}

/* -- into the read-only state and out of it -- */

/* A disk may be full for the server while much of it is free. Says how much is free and how much is
 * needed, when more is needed than the log has said since the disk became full. */
static void log_space(struct disk_watch *w, uint64_t space, uint64_t needed)
{
    char free_text[SIZE_TEXT_MAX], needed_text[SIZE_TEXT_MAX];
    if (needed <= w->needed_logged)
        return;
    w->needed_logged = needed;
    log_warn("%s is on a disk with %s of free space, and new data need %s: free some there, or start kithd with fewer "
             "--reactors or a smaller --growing-mib",
             w->dir, size_format(space, free_text), size_format(needed, needed_text));
}

static void enter(struct disk_watch *w, int rc)
{
    uint64_t wanted;
    if (!w->reason) {
        bool calm = clock_now_ns() - w->left_ns > CALM_NS;
        w->pause_ns = calm || !w->pause_ns ? PAUSE_NS_MIN : w->pause_ns;
        w->try_ns = clock_now_ns() + w->pause_ns;
        struct error why;
        read_only_refuse(rc, w->dir, &why);
        log_error("%s", why.text);
        w->needed_logged = 0;
    }
    w->reason = rc;
    if (disk_is_full(rc) && reserve_remove(w->dir) < 0)
        log_warn("%s/reserve could not be removed", w->dir);
    ignore_result(tell_all(w, DISK_READ_ONLY, rc, &wanted));
}

static int try_leave(struct disk_watch *w)
{
    uint64_t wanted;
    ignore_result(tell_all(w, DISK_ASK, 0, &wanted));
    const uint64_t needed = w->reserve_bytes + wanted;
    int64_t space = directory_space(w->dir);
    if (disk_is_full(w->reason) && space >= 0 && (uint64_t)space < needed) {
        log_space(w, (uint64_t)space, needed);
        return w->reason;
    }
    int rc = disk_probe(w->dir);
    if (rc == 0)
        rc = reserve_make(w->dir, w->reserve_bytes);
    if (rc < 0)
        return rc;
    w->reported = 0;
    w->round++; /* reports of operations that began earlier are ignored from now on */
    rc = tell_all(w, DISK_WRITABLE, 0, &wanted);
    if (rc < 0)
        enter(w, disk_failed(rc) ? rc : w->reason);
    return rc;
}

static void leave(struct disk_watch *w)
{
    int rc = try_leave(w);
    w->pause_ns = w->pause_ns * 2 > PAUSE_NS_MAX ? PAUSE_NS_MAX : w->pause_ns * 2;
    w->try_ns = clock_now_ns() + w->pause_ns;
    event_notify_all(&w->changed);
    if (rc < 0)
        return;
    w->reason = 0;
    w->left_ns = clock_now_ns();
    log_info("the disk under %s takes data again, writes go on", w->dir);
}

static void watch(void *arg)
{
    struct disk_watch *w = arg;
    order_hold(ORDER_MANIFEST); /* a commit that found the disk full waits for this fiber */
    while (!w->stopping) {
        if (w->reported) {
            enter(w, w->reported);
            w->reported = 0;
            event_notify_all(&w->changed);
        } else if (!w->reason) {
            event_wait(&w->changed);
        } else if (event_wait_until(&w->changed, w->try_ns) < 0 && !w->stopping) {
            leave(w);
        }
    }
    w->running = false;
    event_notify_all(&w->changed);
}

void disk_watch_prepare(struct disk_watch *w, const char *dir, uint64_t reserve_bytes, uint64_t wanted)
{
    struct error why;
    w->dir = dir;
    w->reserve_bytes = reserve_bytes;
    w->needed_logged = 0;
    int rc = reserve_make(dir, reserve_bytes);
    int64_t space = directory_space(dir);
    if (rc == 0 && space >= 0 && (uint64_t)space < wanted)
        rc = -ENOSPC;
    if (!disk_failed(rc))
        return;
    read_only_refuse(rc, dir, &why);
    log_error("%s", why.text);
    ignore_result(reserve_remove(dir));
    space = directory_space(dir);
    if (disk_is_full(rc) && space >= 0)
        log_space(w, (uint64_t)space, reserve_bytes + wanted);
    w->reason = rc;
    w->pause_ns = PAUSE_NS_MIN;
    w->try_ns = clock_now_ns() + w->pause_ns;
}

int disk_watch_start(struct disk_watch *w)
{
    w->stopping = false; /* a restore stops and starts the watch */
    int rc = fiber_start(CLASS_WRITE, watch, w, "disk watch");
    w->running = rc == 0;
    return rc;
}

void disk_watch_stop(struct disk_watch *w)
{
    w->stopping = true;
    event_notify_all(&w->changed);
    while (w->running)
        event_wait(&w->changed);
}

void disk_watch_report(struct disk_watch *w, int rc, uint64_t round)
{
    if (round != w->round)
        return;
    w->reported = rc;
    event_notify_all(&w->changed);
}

void disk_watch_complete(struct disk_watch *w)
{
    /* a caller that holds the lock of the manifest may wait here, because the watch waits
     * for lower orders only */
    while (w->reported && w->running)
        event_wait(&w->changed);
}

/* -- reports from every reactor -- */

static void report(void *arg)
{
    struct disk_reporter *r = arg;
    while (!r->stopping) {
        if (!r->rc) {
            event_wait(&r->changed);
            continue;
        }
        struct control_disk_message m = {.reason = r->rc, .round = r->round};
        r->rc = 0;
        ignore_result(message_call(&m.base, address_of(0, ACTOR_NOTICE), MSG_CONTROL_DISK_FAILED, NULL));
    }
    r->running = false;
    event_notify_all(&r->changed);
}

int disk_reporter_start(struct disk_reporter *r)
{
    r->stopping = false;
    int rc = fiber_start(CLASS_WRITE, report, r, "disk reporter");
    r->running = rc == 0;
    return rc;
}

void disk_reporter_stop(struct disk_reporter *r)
{
    r->stopping = true;
    event_notify_all(&r->changed);
    while (r->running)
        event_wait(&r->changed);
}

void disk_reporter_take(struct disk_reporter *r, int rc, uint64_t round)
{
    r->rc = rc;
    r->round = round;
    event_notify_all(&r->changed);
}
