/* maintain.c -- merges and compactions in the background, and seals and compactions
 * that a user asks for. */
#include "base/log.h"
#include "base/text/size.h"
#include "shards/folder/read_only.h"
#include "shards/memory.h"
#include "shards/merge/merge.h"

#include <errno.h>
#include <string.h>

/* Looks for disk space for the merge. If it lacks, chooses again what fits: dead rows take no space
 * in a new file, so deletions free space on a disk that has little. *ret_room: bytes that the new
 * segment may take. -ENOSPC: nothing fits. The store stays writable then, because merging can wait,
 * and writes need less space. */
static int find_room(struct shard *s, struct merge_choice *choice, uint64_t *ret_room)
{
    *ret_room = store_room(s->store);
    if (merge_bytes(choice) <= *ret_room)
        return 0;
    merge_choose(s, s->compacts_wanted != s->compacts_done, *ret_room, choice);
    return choice->count ? 0 : -ENOSPC;
}

/* Asks for memory for the merge. If there is none, chooses to rewrite one segment,
 * which may free some. */
static int begin(struct shard *s, struct merge_choice *choice, uint64_t room, struct memory_work *work)
{
    struct store *store = s->store;
    char needed[SIZE_TEXT_MAX];
    int rc = memory_work_begin(store, work, merge_memory(s, choice), choice->count == 1);
    if (rc == -ENOMEM && choice->count > 1) {
        const uint32_t percent = s->compacts_wanted != s->compacts_done ? 0 : store->options.compact_percent;
        merge_choose_rewrite(s, percent, room, choice);
        if (choice->count)
            rc = memory_work_begin(store, work, merge_memory(s, choice), true);
    }
    if (rc == -ENOMEM && !store->memory.put_off) {
        store->stats.memory_waits++;
        log_info("merging segments of '%s' waits for memory%s%s", s->config.name,
                 choice->count ? ": it needs about " : "",
                 choice->count ? size_format(merge_memory(s, choice), needed) : "");
    }
    store->memory.put_off = rc == -ENOMEM;
    return rc;
}

/* Does one merge, if one is chosen. 1: it did something. */
static int maintain(struct shard *s)
{
    uint64_t wanted = s->compacts_wanted;
    struct merge_choice choice;
    if (shard_damage(s))
        return 0;
    if (!shard_merges(s)) {
        s->compacts_done = wanted;
        return 0;
    }
    merge_choose(s, wanted != s->compacts_done, MERGE_ROOM_ANY, &choice);
    if (choice.count) {
        uint64_t room;
        int rc = find_room(s, &choice, &room);
        if (rc < 0)
            return rc;
        struct memory_work work;
        rc = begin(s, &choice, room, &work);
        /* the merge waits for memory, and a user's request waits with it up to MEMORY_NS */
        if (rc == -ENOMEM)
            return 0;
        if (rc < 0)
            return rc;
        uint64_t round = s->store->round;
        rc = merge_run(s, &choice);
        memory_work_end(s->store, &work);
        return rc == 0 || store_met_failure(s->store, rc, round) ? 1 : rc;
    }
    s->compacts_done = wanted;
    return 0;
}

int store_maintain(struct store *store)
{
    if (store->interrupted)
        return -ECANCELED;
    struct shard *s;
    for (uint32_t n = store->due[DUE_MERGE].count; n > 0 && (s = due_pop(store, DUE_MERGE)); n--) {
        if (s->dropped || gate_enter(&s->gate) < 0)
            continue;
        int rc = maintain(s);
        bool dropped = s->gate.closed || s->dropped;
        if (rc < 0 && !dropped && !store->interrupted) {
            store->failures++;
            store->maintain_failed = rc;
            log_warn("segments of '%s' could not be merged (%s); it will be tried again, searches and writes go on",
                     s->config.name, strerror(-rc));
        }
        if (rc != 0)
            shard_changed(s);
        else if (store->memory.put_off)
            due_add(s, DUE_MERGE);
        gate_leave(&s->gate);
        event_notify_all(&store->sealing_ended);
        if (dropped)
            return 1;
        if (rc != 0)
            return rc;
        fiber_checkpoint();
    }
    return 0;
}

/* -- by request -- */

#define ASK_NS ((uint64_t)100000000) /* between two calls of a request's pause */
/* how long a request waits for memory that a merge needs */
#define MEMORY_NS ((uint64_t)10000000000)

/* Whether merges have waited for memory for MEMORY_NS. *since_ns: when that began;
 * 0: they do not wait. */
static bool lacks_memory(const struct store *store, uint64_t *since_ns)
{
    const uint64_t now_ns = clock_now_ns();
    if (!store->memory.put_off)
        *since_ns = 0;
    else if (*since_ns == 0)
        *since_ns = now_ns;
    return *since_ns && now_ns - *since_ns >= MEMORY_NS;
}

/* What a user's request waits for. */
struct wait {
    const char *what;
    bool (*goes_on)(const struct shard *s, uint64_t arg);
    uint64_t arg;
    const int *failed; /* errno of the last failure of the work */
    bool may_lack_memory;
};

static int wait_while(struct shard *s, const struct wait *w, const struct pause *pause, struct error *error)
{
    struct store *store = s->store;
    uint64_t failures = store->failures, lacking_since_ns = 0;
    order_check(store->options.hooks.background_order);
    shard_changed(s);
    while (w->goes_on(s, w->arg)) {
        if (s->gate.closed || s->dropped || store->interrupted)
            return error_set(error, ERROR_CANCELLED, "%s of '%s' was given up: it was dropped, or the server stops",
                             w->what, s->config.name);
        if (shard_damage(s))
            return error_set(error, s->damage.code, "%s", s->damage.text);
        if (store->failures != failures)
            return error_set_errno(error, *w->failed,
                                   "%s of '%s' goes on by itself when the cause is mended: free disk "
                                   "space, or see the server's log",
                                   w->what, s->config.name);
        if (w->may_lack_memory && lacks_memory(store, &lacking_since_ns))
            return error_set(error, ERROR_RESOURCE_EXHAUSTED,
                             "%s of '%s' waits for memory and goes on by itself when there is some: delete points, "
                             "drop collections, or give kithd more --memory",
                             w->what, s->config.name);
        int rc = pause ? pause->fn(pause->arg) : 0;
        if (rc < 0)
            return rc;
        if (event_wait_until(&store->sealing_ended, clock_now_ns() + ASK_NS) < 0)
            continue; /* time is over: the pause is called again */
    }
    return 0;
}

static bool is_unsealed(const struct shard *s, uint64_t birth)
{
    for (uint32_t i = 0; i < s->segment_count; i++) {
        const struct segment *g = s->segments[i];
        if (g && g->birth <= birth &&
            (g->state != SEGMENT_SEALED || (g->searched && !g->sharing.remote && !g->sharing.everywhere)))
            return true;
    }
    return false;
}

static int seal_now(struct shard *s, const struct pause *pause, struct error *error)
{
    uint64_t birth = s->births;
    shard_freeze(s);
    if (s->growing)
        birth = s->growing->birth - 1; /* the growing segment is empty, and is not sealed */
    const struct wait wait = {"sealing", is_unsealed, birth, &s->store->work_failed, false};
    return wait_while(s, &wait, pause, error);
}

int shard_seal(struct shard *s, const struct pause *pause, struct error *error)
{
    if (gate_enter(&s->gate) < 0)
        return error_set(error, ERROR_NOT_FOUND, "the collection '%s' was dropped", s->config.name);
    int rc = seal_now(s, pause, error);
    gate_leave(&s->gate);
    return rc;
}

static bool is_uncompacted(const struct shard *s, uint64_t ticket)
{
    return s->compacts_done < ticket;
}

int shard_compact(struct shard *s, const struct pause *pause, struct error *error)
{
    if (gate_enter(&s->gate) < 0)
        return error_set(error, ERROR_NOT_FOUND, "the collection '%s' was dropped", s->config.name);
    int rc = seal_now(s, pause, error);
    if (rc == 0) {
        const struct wait wait = {"merging", is_uncompacted, ++s->compacts_wanted, &s->store->maintain_failed, true};
        rc = wait_while(s, &wait, pause, error);
    }
    gate_leave(&s->gate);
    return rc;
}
