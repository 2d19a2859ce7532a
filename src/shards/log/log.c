/* log.c -- appenders add to the open group. One fiber, the writer, takes the open group, cuts it
 * into blocks, writes and flushes them, and wakes the appenders that wait for the flush. No timer
 * decides how large a group is: it holds what arrived during the flush before.
 *
 * An appender that waits for the flush lends its bytes, and they are written from where they lie.
 * The bytes of other appenders are copied. */
#include "shards/log/log.h"
#include "base/log.h"
#include "base/memory.h"
#include "reactor/fibers/sync.h"
#include "reactor/file.h"
#include "reactor/timer.h"
#include "shards/log/log_block.h"
#include "shards/log/log_group.h"
#include "shards/log/log_mark.h"
#include "shards/log/log_roll.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COPY_BYTES  ((size_t)64 << 10)
#define INTERVAL_NS ((uint64_t)100000000)

/* An appender that waits for a group to be flushed. The writer stores the result here, because the
 * log may have failed or recovered by the time the fiber runs. */
struct flush_wait {
    struct log_slices added;
    uint64_t group;
    int rc; /* 1: not known yet */
    struct flush_wait *next;
};

/* Slices of one block, with its header and zeros. A block is one write, and Linux takes at most
 * 1024 slices a write (IOV_MAX). */
#define SLICES_MAX 1024

struct log {
    struct log_roll roll;
    uint64_t run;
    struct log_group open, writing;
    uint64_t appended;                      /* the number of the open group */
    struct flush_wait *waits, **waits_tail; /* in the order of their groups */
    uint64_t position;                      /* of the next block */
    /* everything below this position is on stable storage; lies between two groups */
    uint64_t durable;
    /* when log_open() could begin no file: the first file has to take what was
     * read, up to here; else 0 */
    uint64_t replayed;
    /* an appender or the interval wants the open group to be flushed */
    bool flush_wanted;
    /* appenders that copy into the open group; the writer does not take it meanwhile */
    uint32_t copying;
    uint64_t failures;
    bool stopping, writer_runs;
    int failed; /* errno of the write or flush that failed; 0: it works */
    struct event work, progress, room;
    struct timer interval;
    bool interval_runs;
    struct log_stats stats;
    uint64_t trimmed_at; /* stats.appends at the last log_trim() */
    uint8_t head[LOG_BLOCK_HEADER];
    struct iovec slices[SLICES_MAX]; /* of the block at hand */
};

/* -- the writer -- */

/* Puts pieces of the group, at most max bytes, into l->slices behind the slice of the header.
 * Returns how many bytes they have. *ret_count: how many slices are used, with that of the
 * header. */
static size_t gather(struct log *l, struct log_reader *r, size_t max, unsigned *ret_count)
{
    size_t size = 0;
    unsigned n = 1;
    for (; size < max && n < SLICES_MAX - 1; n++) {
        l->slices[n] = log_reader_next(r, max - size);
        size += l->slices[n].iov_len;
        if (l->slices[n].iov_len == 0)
            break;
    }
    *ret_count = n;
    return size;
}

/* Writes l->slices[1..count) as one block of `size` bytes. */
static int write_block(struct log *l, size_t size, unsigned count, bool continued)
{
    static const uint8_t zeros[LOG_UNIT];
    const uint64_t at = l->position;
    const struct log_block b = {
        .position = at,
        .epoch = l->roll.options.epoch,
        .run = l->run,
        .durable = l->durable,
        .reactor = (uint16_t)l->roll.options.reactor,
        .size = (uint32_t)size,
        .flags = continued ? LOG_CONTINUED : 0,
    };
    const size_t extent = log_block_extent(b.size);
    log_block_head(&b, l->slices + 1, count - 1, l->head);
    l->slices[0] = (struct iovec){l->head, sizeof(l->head)};
    l->slices[count] = (struct iovec){(void *)(uintptr_t)zeros, extent - sizeof(l->head) - size};
    l->position += extent;
    return file_writev(l->roll.file, l->slices, count + 1, at - l->roll.file_start);
}

/* Goes on in the next file. The old file is flushed first: blocks in the new file will say that
 * the old one is durable. */
static int begin_next_file(struct log *l, uint64_t group_start)
{
    int rc = file_flush(l->roll.file);
    if (rc == 0)
        rc = log_roll_on(&l->roll);
    if (rc == 0)
        /* not l->position: a file may begin here after a failure, and must not begin inside a
         * group */
        l->durable = group_start;
    return rc;
}

/* Cuts the group into blocks and writes each. */
static int write_group(struct log *l, const struct log_group *g)
{
    struct log_reader reader = {.group = g, .added = g->first};
    const uint64_t start = l->position;
    size_t left = g->bytes;
    int rc = 0;
    do {
        if (l->position == l->roll.file_end)
            rc = begin_next_file(l, start);
        if (rc < 0)
            return rc;
        const uint64_t room = l->roll.file_end - l->position - LOG_BLOCK_HEADER;
        unsigned count;
        size_t n = gather(l, &reader, room < LOG_BLOCK_PAYLOAD_MAX ? room : LOG_BLOCK_PAYLOAD_MAX, &count);
        left -= n;
        rc = write_block(l, n, count, left > 0);
        fiber_checkpoint(); /* a group may have tens of MiB */
    } while (rc == 0 && left > 0);
    return rc;
}

/* Ends the waits for groups up to this number: they are flushed, or lost with errno rc. */
static void settle(struct log *l, uint64_t group, int rc)
{
    while (l->waits && l->waits->group <= group) {
        l->waits->rc = rc;
        l->waits = l->waits->next;
    }
    if (!l->waits)
        l->waits_tail = &l->waits;
    event_notify_all(&l->progress);
}

/* Gives up what was appended and not written, too. Appenders that wait for it get the error. The
 * rest was acknowledged without a flush. */
static void fail(struct log *l, int rc)
{
    l->failed = rc;
    l->failures++;
    log_group_clear(&l->open);
    l->flush_wanted = false;
    settle(l, l->appended, rc);
    log_roll_hold(&l->roll);
    log_error("reactor %u: the log in %s cannot be written: %s", l->roll.options.reactor, l->roll.dir, strerror(-rc));
    if (l->roll.options.on_failure)
        l->roll.options.on_failure(rc, l->roll.options.arg);
}

static int write_and_flush(struct log *l, bool flush)
{
    int rc = 0;
    if (l->writing.bytes)
        rc = write_group(l, &l->writing);
    l->stats.bytes += l->writing.bytes;
    log_roll_written_to(&l->roll, l->position);
    if (rc == 0 && flush) {
        rc = file_flush(l->roll.file);
        l->stats.flushes++;
    }
    if (rc == 0 && flush)
        l->durable = l->position;
    return rc;
}

/* Frees a buffer that one large append has made larger than later groups need. */
static void free_large(const struct log *l, struct buffer *b)
{
    struct buffer large = *b;
    if (b->capacity / 2 <= l->roll.options.pending_bytes)
        return;
    *b = (struct buffer){0};
    buffer_fini_slowly(&large, fiber_pause);
}

static void writer(void *arg)
{
    struct log *l = arg;
    for (;;) {
        while (l->copying || (!l->stopping && (l->failed || (l->open.bytes == 0 && !l->flush_wanted))))
            event_wait(&l->work);
        if (l->failed || (l->open.bytes == 0 && !l->flush_wanted))
            break;
        struct log_group taken = l->open;
        l->open = l->writing;
        l->writing = taken;
        uint64_t group = l->appended++;
        bool flush = l->flush_wanted || l->stopping;
        l->flush_wanted = false;
        int rc = write_and_flush(l, flush);
        log_group_clear(&l->writing);
        if (rc < 0)
            fail(l, rc);
        else if (flush)
            settle(l, group, 0);
        event_notify_all(&l->room);
        free_large(l, &l->writing.copied);
    }
    l->writer_runs = false;
    event_notify_all(&l->progress);
}

static void want_flush(struct log *l)
{
    l->flush_wanted = true;
    event_notify_one(&l->work);
}

static void interval_over(void *arg)
{
    struct log *l = arg;
    l->interval_runs = false;
    want_flush(l);
}

/* -- the interface -- */

/* A disk that takes no file now may take one later, and what was read can be served
 * meanwhile. A log with a known end cannot wait: the blocks behind that end are valid until
 * the new file is there. */
static bool can_begin_later(const struct log_options *options, int rc)
{
    return options->known_end == 0 && (rc == -ENOSPC || rc == -EDQUOT || rc == -EIO || rc == -EROFS);
}

int log_open(const struct log_options *options, struct log_end end, struct log **ret, struct error *error)
{
    struct log *l = calloc(1, sizeof(*l));
    if (!l)
        return error_set_errno(error, -ENOMEM, "opening the log");
    l->position = l->durable = end.position;
    l->run = clock_wall_ns() > end.run ? clock_wall_ns() : end.run + 1;
    l->appended = 1;
    l->waits_tail = &l->waits;
    int rc = log_roll_start(&l->roll, options);
    if (rc == 0)
        rc = log_roll_begin(&l->roll, end.durable, end.position);
    if (rc < 0 && can_begin_later(options, rc)) {
        l->durable = end.durable;
        l->replayed = end.position;
        fail(l, rc);
        rc = 0;
    }
    if (rc == 0) {
        rc = fiber_start(CLASS_WRITE, writer, l, "log writer");
        l->writer_runs = rc == 0;
    }
    if (rc < 0) {
        log_close(l);
        return error_set_errno(error, rc, "beginning a log file in %s", options->dir);
    }
    *ret = l;
    return 0;
}

/* Appends an empty block, which says that the last group was flushed. Without it, damage to the
 * last group looks like a torn write. */
static void write_end(struct log *l)
{
    if (l->failed || l->stats.bytes == 0 || l->durable != l->position)
        return;
    if (write_group(l, &(struct log_group){0}) == 0 && file_flush(l->roll.file) == 0)
        l->durable = l->position; /* if it fails, the mark keeps the older position */
}

/* A crash leaves an older mark, or none. */
static void write_mark(const struct log *l)
{
    if (l->failed || !l->roll.file)
        return;
    int rc = log_mark_write(&l->roll.options, l->durable);
    if (rc < 0)
        log_warn("reactor %u: the mark of the end of the log in %s could not be written (%s); damage to its last "
                 "writes would look like a power cut to the next start",
                 l->roll.options.reactor, l->roll.dir, strerror(-rc));
}

void log_close(struct log *l)
{
    if (!l->failed && l->writer_runs)
        /* a failure is logged by fail(), and no appender waits for these bytes */
        ignore_result(log_flush(l));
    l->stopping = true;
    timer_cancel(&l->interval);
    event_notify_all(&l->work);
    while (l->writer_runs)
        event_wait(&l->progress);
    write_end(l);
    write_mark(l);
    log_roll_stop(&l->roll);
    buffer_fini(&l->open.copied);
    buffer_fini(&l->writing.copied);
    free(l);
}

void log_settle(struct log *l)
{
    log_roll_settle(&l->roll);
    if (!l->failed)
        ignore_result(log_flush(l)); /* log_failed() has the errno */
}

int log_recover(struct log *l)
{
    if (!l->failed)
        return 0;
    uint64_t end = l->replayed ? l->replayed : l->durable;
    int rc = log_roll_begin(&l->roll, l->durable, end);
    if (rc < 0)
        return rc;
    l->position = l->durable = end;
    l->replayed = 0;
    l->run = clock_wall_ns() > l->run ? clock_wall_ns() : l->run + 1;
    l->failed = 0;
    event_notify_all(&l->work);
    return 0;
}

void log_save_space(struct log *l, bool save)
{
    log_roll_save_space(&l->roll, save);
}

/* Adds the slices to the open group, if they hold bytes, and waits until the group is flushed. */
static int wait_flushed(struct log *l, const struct iovec *slices, uint32_t count, size_t size)
{
    struct flush_wait wait = {.added = {.slices = slices, .count = count}, .group = l->appended, .rc = 1};
    if (size)
        log_group_add(&l->open, &wait.added, size);
    *l->waits_tail = &wait;
    l->waits_tail = &wait.next;
    want_flush(l);
    while (wait.rc > 0)
        event_wait(&l->progress);
    return wait.rc;
}

/* Copies with pauses, in which other appends may come behind this one. So the buffer may move. The
 * writer does not take it meanwhile, and only a failure of the log empties it. */
static int copy_in(struct log *l, const struct iovec *slices, uint32_t count, size_t size)
{
    const uint64_t failures = l->failures;
    size_t at, n;
    int rc = log_group_reserve(&l->open, size, &at);
    if (rc < 0)
        return rc;
    l->copying++;
    for (uint32_t i = 0; i < count; i++)
        for (size_t done = 0; done < slices[i].iov_len && l->failures == failures; done += n, at += n) {
            n = slices[i].iov_len - done < COPY_BYTES ? slices[i].iov_len - done : COPY_BYTES;
            memcpy(l->open.copied.bytes + at, (const uint8_t *)slices[i].iov_base + done, n);
            fiber_checkpoint();
        }
    if (--l->copying == 0)
        event_notify_one(&l->work);
    return l->failures == failures ? 0 : l->failed ? l->failed : -EIO;
}

int log_append(struct log *l, const struct iovec *slices, uint32_t count, enum durability durability)
{
    const size_t size = slices_size(slices, count);
    while (!l->failed && l->open.bytes > 0 && l->open.bytes + size > l->roll.options.pending_bytes)
        event_wait(&l->room);
    if (l->failed)
        return l->failed;
    l->stats.appends++;
    if (durability == DURABILITY_FLUSH)
        return wait_flushed(l, slices, count, size);
    int rc = copy_in(l, slices, count, size);
    if (rc < 0)
        return rc;
    if (durability == DURABILITY_INTERVAL && !l->interval_runs) {
        l->interval_runs = true;
        timer_start(&l->interval, clock_now_ns() + INTERVAL_NS, interval_over, l);
    }
    event_notify_one(&l->work);
    return 0;
}

int log_flush(struct log *l)
{
    return l->failed ? l->failed : wait_flushed(l, NULL, 0, 0);
}

int log_failed(const struct log *l)
{
    return l->failed;
}

uint64_t log_durable(const struct log *l)
{
    return l->durable;
}

uint64_t log_position(const struct log *l)
{
    return l->position;
}

void log_free_before(struct log *l, uint64_t position)
{
    log_roll_free_before(&l->roll, position);
}

void log_pin(struct log *l, uint64_t position)
{
    if (l->roll.reuse_from < position)
        l->roll.reuse_from = position;
}

uint64_t log_memory(const struct log *l)
{
    return sizeof(*l) + l->open.copied.capacity + l->writing.copied.capacity;
}

void log_set_pending(struct log *l, uint64_t bytes)
{
    l->roll.options.pending_bytes = bytes ? bytes : LOG_PENDING_BYTES;
    event_notify_all(&l->room);
}

void log_trim(struct log *l)
{
    const bool used = l->stats.appends != l->trimmed_at || l->copying || l->open.bytes || l->writing.bytes;
    l->trimmed_at = l->stats.appends;
    if (used)
        return;
    buffer_fini(&l->open.copied);
    buffer_fini(&l->writing.copied);
}

void log_stats_read(const struct log *l, struct log_stats *ret)
{
    *ret = l->stats;
}
