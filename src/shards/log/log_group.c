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

void log_group_lend(struct log_group *g, struct log_lent *lent, size_t size)
{
    lent->copied_before = g->copied.size;
    lent->next = NULL;
    if (g->last)
        g->last->next = lent;
    else
        g->first = lent;
    g->last = lent;
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

static struct iovec take_lent(struct log_reader *r, size_t max)
{
    const struct iovec *slice = &r->lent->slices[r->slice];
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
    for (; r->lent; r->slice = 0, r->lent = r->lent->next) {
        if (r->copied < r->lent->copied_before)
            return take_copied(r, r->lent->copied_before, max);
        while (r->slice < r->lent->count) {
            struct iovec piece = take_lent(r, max);
            if (piece.iov_len)
                return piece;
        }
    }
    return take_copied(r, r->group->copied.size, max);
}
