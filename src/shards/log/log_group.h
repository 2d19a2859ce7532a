/* log_group.h -- the appends that one flush makes durable, in their order. The group holds copies
 * of some. Others stay in the memory of their appenders, which wait for the flush. No I/O. */
#pragma once

#include "base/memory.h"
#include <sys/uio.h>

/* One append that is not copied. It lies in the appender's memory, and stays there until the group
 * is written or given up. */
struct log_slices {
    const struct iovec *slices;
    uint32_t count;
    size_t copied_before; /* bytes of the group's copies that come before this append */
    struct log_slices *next;
};

/* Zero-initialised is empty. */
struct log_group {
    struct buffer copied;
    struct log_slices *first, *last;
    size_t bytes; /* of copies and slices */
};

/* Bytes of all slices. */
size_t slices_size(const struct iovec *slices, uint32_t count);

/* Adds added->slices, which hold `size` bytes. Borrows until the group is cleared. */
void log_group_add(struct log_group *g, struct log_slices *added, size_t size);
/* Makes room for a copy of size bytes. The caller writes them to
 * g->copied.bytes + *ret_at. -ENOMEM. */
MUST_USE int log_group_reserve(struct log_group *g, size_t size, size_t *ret_at);
/* Forgets all appends and keeps the buffer. */
void log_group_clear(struct log_group *g);

/* The place of a reader in a group. Begins as {.group = g, .added = g->first}. */
struct log_reader {
    const struct log_group *group;
    const struct log_slices *added;
    uint32_t slice;
    size_t offset; /* in the slice */
    size_t copied; /* how many bytes of the copies were read */
};
/* The next piece, of at most max bytes; at the end, a piece of 0 bytes. Valid
 * until the group changes. */
struct iovec log_reader_next(struct log_reader *r, size_t max);
