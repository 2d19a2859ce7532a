/* log_group.c -- appends are added to a group in the order in which they come, and are read back in
 * that order, piece by piece. */
#include "shards/log/log_group.h"

size_t slices_size(const struct iovec *slices, uint32_t count)
{
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++)
        size += slices[i].iov_len;
    return size;
}

void log_group_add(struct log_group *g, struct log_slices *added, size_t size)
{
    added->copied_before = g->copied.size;
    added->next = NULL;
    if (g->last)
        g->last->next = added;
    else
        g->first = added;
    g->last = added;
    g->bytes += size;
}

int log_group_reserve(struct log_group *g, size_t size, size_t *ret_at)
{
    int rc = buffer_reserve(&g->copied, size);
    if (rc < 0)
        return rc;
    *ret_at = g->copied.size;
    g->copied.size += size;
    g->bytes += size;
    return 0;
}

void log_group_clear(struct log_group *g)
{
    *g = (struct log_group){.copied = g->copied};
    g->copied.size = 0;
}

static struct iovec take_copied(struct log_reader *r, size_t end, size_t max)
{
    const size_t left = end - r->copied, n = left < max ? left : max;
    struct iovec piece = {r->group->copied.bytes + r->copied, n};
    r->copied += n;
    return piece;
}

static struct iovec take_added(struct log_reader *r, size_t max)
{
    const struct iovec *slice = &r->added->slices[r->slice];
    const size_t left = slice->iov_len - r->offset, n = left < max ? left : max;
    struct iovec piece = {(uint8_t *)slice->iov_base + r->offset, n};
    r->offset += n;
    if (r->offset == slice->iov_len) {
        r->slice++;
        r->offset = 0;
    }
    return piece;
}

struct iovec log_reader_next(struct log_reader *r, size_t max)
{
    for (; r->added; r->slice = 0, r->added = r->added->next) {
        if (r->copied < r->added->copied_before)
            return take_copied(r, r->added->copied_before, max);
        while (r->slice < r->added->count) {
            struct iovec piece = take_added(r, max);
            if (piece.iov_len)
                return piece;
        }
    }
    return take_copied(r, r->group->copied.size, max);
}
