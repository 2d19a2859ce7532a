/* log_group.h -- what one flush makes durable: appends in their order, some of them copied here,
 * others lent by who waits for them. No I/O. */
#pragma once

#include "base/memory.h"
#include <sys/uio.h>

/* One append that is not copied. It lies in the appender's memory, which stays until the group is
 * written or given up. */
struct log_lent {
    const struct iovec *slices;
    uint32_t count;
    size_t copied_before; /* bytes of the group's copies that come before it */
    struct log_lent *next;
};

/* Zero-initialised is empty. */
struct log_group {
    struct buffer copied;
    struct log_lent *first, *last;
    size_t bytes; /* of both kinds */
};

/* Bytes of all slices. */
size_t slices_size(const struct iovec *slices, uint32_t count);

/* Appends what lent->slices hold, `size` bytes. */
void log_group_lend(struct log_group *g, struct log_lent *lent, size_t size);
/* Makes room for a copy of so many bytes, which the caller fills in at
 * g->copied.bytes + *ret_at. -ENOMEM. */
MUST_USE int log_group_reserve(struct log_group *g, size_t size, size_t *ret_at);
/* Forgets all appends and keeps the buffer. */
void log_group_clear(struct log_group *g);

/* Where a reader of a group is. Begins as {.group = g, .lent = g->first}. */
struct log_reader {
    const struct log_group *group;
    const struct log_lent *lent;
    uint32_t slice;
    size_t offset; /* in that slice */
    size_t copied; /* bytes of the copies that were read */
};
/* The next piece of at most max bytes; one without bytes at the end. Valid as long as the group. */
struct iovec log_reader_next(struct log_reader *r, size_t max);
