/* clean.c -- a collection is clean on a reactor when the log there holds nothing of it that its
 * segments lack. The manifest says so. A collection that is clean on all reactors is served before
 * the logs are read. So the manifest calls it dirty before the first record is appended, and clean
 * no earlier than in the commit of the segment that takes the last record.
 *
 * A commit that failed may be on the disk or not. After a failed change to dirty the collection
 * counts as clean here, so the next write commits again. After a failed change to clean it
 * counts as clean, too. */
#include "shards/folder/read_only.h"
#include "shards/shard.h"

#include <errno.h>

#define BATCH_MAX 64 /* shards in one commit */

static int commit(struct store *store, struct manifest_edit *edit)
{
    edit->epoch = store->epoch;
    edit->reactor = store->options.reactor;
    return store->options.hooks.commit(edit, store->options.hooks.arg);
}

static void change_to(struct shard *s, enum cleanness to)
{
    s->cleanness = to;
    event_notify_all(&s->cleanness_changed);
}

/* One of the writers that find the collection clean commits, and the others wait for that. */
int shard_make_dirty(struct shard *s)
{
    while (s->cleanness == CLEAN_CHANGING) {
        event_wait(&s->cleanness_changed);
        if (s->cleanness == CLEAN && s->dirty_failed)
            return s->dirty_failed;
    }
    if (s->cleanness == DIRTY)
        return 0;
    struct manifest_edit edit = {.dirtied = s->config.id};
    s->cleanness = CLEAN_CHANGING;
    s->dirty_failed = commit(s->store, &edit);
    int rc = s->dirty_failed;
    if (rc == -ENOENT)
        shard_note_dropped(s);
    change_to(s, rc == 0 ? DIRTY : CLEAN);
    return rc;
}

/* Whether no write is under way and all segments but `sealing` are sealed or empty. While the log
 * has failed it is false: records of failed appends are gone only when the log has recovered. */
static bool is_quiet(const struct shard *s, const struct segment *sealing)
{
    if (s->writes || s->unapplied || log_failed(s->store->log))
        return false;
    for (uint32_t i = 0; i < s->segment_count; i++) {
        const struct segment *g = s->segments[i];
        if (g && g != sealing && g->state != SEGMENT_SEALED && (g->rows.count || g->tombstones.count))
            return false;
    }
    return true;
}

bool clean_begin(struct shard *s, const struct segment *sealing)
{
    if (!is_quiet(s, sealing))
        return false;
    s->cleanness = CLEAN_CHANGING; /* writers wait from now on */
    s->dirty_failed = 0;
    return true;
}

void clean_end(struct shard *s)
{
    change_to(s, CLEAN);
}

bool store_clean(struct store *store)
{
    struct shard *shards[BATCH_MAX];
    uint64_t ids[BATCH_MAX];
    size_t count = 0;
    if (store->read_only)
        return false;
    struct shard *s;
    while (count < BATCH_MAX && (s = due_pop(store, DUE_CLEAN)))
        if (s->cleanness == DIRTY && !s->dropped && is_quiet(s, NULL) && gate_enter(&s->gate) == 0) {
            check(clean_begin(s, NULL));
            ids[count] = s->config.id;
            shards[count++] = s;
        }
    if (count == 0)
        return false;
    struct manifest_edit edit = {.cleaned = ids, .cleaned_count = count};
    /* if it fails, they may be dirty at the next start, which is no harm */
    ignore_result(commit(store, &edit));
    for (size_t i = 0; i < count; i++) {
        clean_end(shards[i]);
        gate_leave(&shards[i]->gate);
    }
    return true;
}
