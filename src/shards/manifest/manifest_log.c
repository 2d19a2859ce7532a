/* manifest_log.c -- an append that failed may be on the disk as a whole, in part, or not
 * at all. Changes behind a torn block would not be found. So after a failure the whole
 * file is written anew. */
#include "shards/manifest/manifest_log.h"
#include "reactor/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 256 /* changes in one flush */
/* so many bytes of changes are kept, however short the state is */
#define CHANGES_MIN ((uint64_t)256 << 10)

void manifest_log_open(struct manifest_log *l, const char *dir, struct manifest *m)
{
    *l = (struct manifest_log){.dir = dir, .manifest = m};
    l->last = &l->first;
}

void manifest_log_reset(struct manifest_log *l)
{
    if (l->file)
        file_close(l->file);
    l->file = NULL;
}

void manifest_log_close(struct manifest_log *l)
{
    manifest_log_reset(l);
}

void manifest_log_add(struct manifest_log *l, struct manifest_waiter *w, const struct manifest_change *change)
{
    *w = (struct manifest_waiter){.change = change};
    *l->last = w;
    l->last = &w->next;
}

/* -- a batch -- */

struct batch {
    struct manifest_waiter *waiters[BATCH_MAX];
    const struct manifest_change *changes[BATCH_MAX];
    uint64_t collections[BATCH_MAX]; /* the collection of each change; 0: it has none */
    size_t count;
};

static uint64_t collection_of(const struct manifest_change *change)
{
    if (change->create)
        return change->create->id;
    if (change->drop)
        return change->drop;
    if (change->schema)
        return change->schema->collection;
    return change->edit->segment.id ? change->edit->segment.collection : change->edit->dirtied;
}

/* Whether the change may depend on another one of the batch. Then it waits for the next batch,
 * because changes are checked against the durable manifest. */
static bool depends(const struct batch *b, const struct manifest_change *change)
{
    const uint64_t collection = collection_of(change);
    if (change->edit && change->edit->removed_count)
        return b->count > 0;
    for (size_t i = 0; i < b->count; i++) {
        const struct manifest_change *other = b->changes[i];
        if (collection && b->collections[i] == collection)
            return true;
        if (change->create && other->create && strcmp(change->create->name, other->create->name) == 0)
            return true;
        if (other->edit && other->edit->removed_count)
            return true;
    }
    return false;
}

static struct manifest_waiter *pop(struct manifest_log *l)
{
    struct manifest_waiter *w = l->first;
    l->first = w->next;
    if (!l->first)
        l->last = &l->first;
    return w;
}

static void finish(struct manifest_waiter *w, int rc)
{
    w->rc = rc;
    w->done = true;
}

static void gather(struct manifest_log *l, struct batch *b)
{
    while (l->first && b->count < BATCH_MAX && !depends(b, l->first->change)) {
        struct manifest_waiter *w = pop(l);
        int rc = manifest_check(l->manifest, w->change);
        if (rc < 0) {
            finish(w, rc);
            continue;
        }
        b->waiters[b->count] = w;
        b->changes[b->count] = w->change;
        b->collections[b->count++] = collection_of(w->change);
    }
}

static bool is_long(const struct manifest_extent *e)
{
    const uint64_t changes = e->bytes - e->state_bytes;
    return changes > CHANGES_MIN && changes > e->state_bytes;
}

static int append(struct manifest_log *l, const struct batch *b)
{
    struct buffer buffer = {0};
    int rc = manifest_pack_changes(b->changes, b->count, l->extent.blocks + 1, &buffer);
    if (rc == 0)
        rc = file_write(l->file, buffer.bytes, buffer.size, l->extent.bytes);
    if (rc == 0)
        rc = file_flush(l->file);
    if (rc == 0) {
        l->extent.bytes += buffer.size;
        l->extent.blocks++;
    }
    buffer_fini(&buffer);
    return rc;
}

static int make_durable(struct manifest_log *l, const struct batch *b)
{
    int rc = manifest_reserve(l->manifest, b->count);
    if (rc == 0 && l->file && is_long(&l->extent))
        manifest_log_reset(l);
    if (rc == 0 && !l->file)
        rc = manifest_replace(l->dir, l->manifest, &l->file, &l->extent);
    if (rc < 0)
        return rc;
    rc = append(l, b);
    if (rc < 0)
        manifest_log_reset(l);
    return rc;
}

void manifest_log_write(struct manifest_log *l)
{
    struct batch *b = malloc(sizeof(*b));
    if (!b) {
        finish(pop(l), -ENOMEM);
        return;
    }
    b->count = 0;
    gather(l, b);
    int rc = b->count ? make_durable(l, b) : 0;
    for (size_t i = 0; i < b->count; i++) {
        if (rc == 0)
            manifest_make(l->manifest, b->changes[i]);
        finish(b->waiters[i], rc);
    }
    free(b);
}
