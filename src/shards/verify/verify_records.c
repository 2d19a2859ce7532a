/* verify_records.c -- the payload of a group is a stream of records over its blocks. A record is
 * checked as soon as it is whole, so at most one record is kept from block to block. */
#include "shards/verify/verify_records.h"
#include "shards/log/record.h"

#include <errno.h>
#include <string.h>

/* Whether the record at the start of the bytes is longer than they are, by its own size. */
static bool is_cut(const uint8_t *bytes, size_t size)
{
    uint32_t all;
    if (size < sizeof(all))
        return true;
    memcpy(&all, bytes, sizeof(all));
    return all > size;
}

static int check_record(const struct record *r, const struct manifest *m, struct error *error)
{
    const struct collection_config *c = manifest_find(m, r->collection);
    return c ? collection_check_record(c, r, error) : 0; /* else the collection was dropped */
}

/* Checks the records that are whole. *ret: how many bytes they take. */
static int read_records(const struct buffer *b, bool goes_on, const struct manifest *m, size_t *ret,
                        struct error *error)
{
    struct record_part parts[RECORD_PARTS_MAX];
    struct record r;
    size_t n;
    int rc = 0;
    for (*ret = 0; rc == 0 && *ret < b->size; *ret += rc == 0 ? n : 0) {
        const uint8_t *bytes = b->bytes + *ret;
        n = record_read(bytes, b->size - *ret, parts, &r);
        if (n == 0 && goes_on && is_cut(bytes, b->size - *ret))
            break;
        rc = n ? check_record(&r, m, error)
               : error_set(error, ERROR_CORRUPT, "the checksum is right, but a record here cannot be read");
    }
    return rc;
}

static int take(struct verify_records *r, const struct log_block *b, const struct manifest *m, struct error *error)
{
    size_t n;
    if (r->left.size == 0)
        r->began = b->position;
    int rc = buffer_append(&r->left, b->payload, b->size);
    if (rc < 0)
        return rc;
    rc = read_records(&r->left, r->in_group, m, &n, error);
    if (n > 0)
        r->began = b->position; /* earlier blocks had left the beginning of at most one record */
    r->left.size -= n;
    if (r->left.size > 0)
        memmove(r->left.bytes, r->left.bytes + n, r->left.size);
    return rc < 0 ? -EBADMSG : 0;
}

int verify_records_take(struct verify_records *r, const struct log_block *b, const struct manifest *m,
                        struct error *error)
{
    r->in_group = b->flags & LOG_CONTINUED;
    int rc = r->skips || b->format != LOG_FORMAT ? 0 : take(r, b, m, error);
    r->skips = (r->skips || rc < 0) && r->in_group;
    if (rc < 0 || !r->in_group)
        r->left.size = 0;
    return rc;
}

void verify_records_lose(struct verify_records *r)
{
    r->left.size = 0;
    r->skips = true;
    r->in_group = true;
}

void verify_records_fini(struct verify_records *r)
{
    buffer_fini(&r->left);
}
