/* rest.c -- a collection is at rest on a reactor when the log there holds nothing of it that its segments do not have. The manifest says so, and
 * one that is at rest everywhere is served before the logs are read. Hence the order: the manifest stops saying it before the first record is
 * appended, and says it again no earlier than in the commit of the segment that takes the last. A commit that failed may have reached the
 * disk, so afterwards the worse of the two is believed: the next write commits first. */
#include "shards/folder/read_only.h"
#include "shards/shard.h"

#include <errno.h>

#define BATCH_MAX 64 /* shards of one commit */

static int commit(struct store *store, struct manifest_edit *edit)
{
    edit->epoch = store->epoch;
    edit->reactor = store->options.reactor;
    return store->options.hooks.commit(edit, store->options.hooks.arg);
}

static void change_to(struct shard *s, enum rest rest)
{
    s->rest = rest;
    event_notify_all(&s->rest_changed);
}

/* One of the writers that find it at rest commits, the others wait for that. */
int shard_stir(struct shard *s)
{
    while (s->rest == REST_CHANGING) {
        event_wait(&s->rest_changed);
        if (s->rest == AT_REST && s->stir_failed)
            return s->stir_failed;
    }
    if (s->rest == STIRRED)
        return 0;
    struct manifest_edit edit = {.stirred = s->config.id};
    s->rest = REST_CHANGING;
    s->stir_failed = commit(s->store, &edit);
    int rc = s->stir_failed;
    if (rc == -ENOENT)
        shard_note_dropped(s);
    change_to(s, rc == 0 ? STIRRED : AT_REST);
    return rc;
}

/* What an append that failed has written is gone when the log has recovered, not before. */
static bool is_quiet(const struct shard *s, const struct segment *sealing)
{
    if (s->writes || s->unapplied || log_failed(s->store->log))
        return false;
    for (uint32_t i = 0; i < s->segment_count; i++) {
        const struct segment *g = s->segments[i];
        if (g && g != sealing && g->state != SEGMENT_SEALED && (g->rows || g->tombstone_count))
            return false;
    }
    return true;
}

bool rest_begin(struct shard *s, const struct segment *sealing)
{
    if (!is_quiet(s, sealing))
        return false;
    s->rest = REST_CHANGING; /* writers wait now */
    s->stir_failed = 0;
    return true;
}

void rest_end(struct shard *s)
{
    change_to(s, AT_REST);
}

bool store_rest(struct store *store)
{
    struct shard *shards[BATCH_MAX];
    uint64_t ids[BATCH_MAX];
    size_t count = 0;
    if (store->read_only)
        return false;
    struct shard *s;
    while (count < BATCH_MAX && (s = due_pop(store, DUE_REST)))
        if (s->rest == STIRRED && !s->dropped && is_quiet(s, NULL) && gate_enter(&s->gate) == 0) {
            check(rest_begin(s, NULL));
            ids[count] = s->config.id;
            shards[count++] = s;
        }
    if (count == 0)
        return false;
    struct manifest_edit edit = {.rested = ids, .rested_count = count};
    ignore_result(commit(store, &edit)); /* otherwise they are not at rest at the next start, which is no harm */
    for (size_t i = 0; i < count; i++) {
        rest_end(shards[i]);
        gate_leave(&shards[i]->gate);
    }
    return true;
}
