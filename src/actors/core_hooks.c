/* core_hooks.c -- sends the calls of a reactor's store to other reactors and to the server, as
 * messages. The receiving side is core_notice.c. */
#include "actors/admission/budget.h"
#include "actors/catalog/catalog_messages.h"
#include "actors/control_messages.h"
#include "actors/core.h"

#include <stdlib.h>

static int hook_commit(const struct manifest_edit *edit, void *arg)
{
    struct catalog_commit_message m = {.edit = edit};
    return message_call(&m.base, address_of(0, ACTOR_COMMIT), MSG_CATALOG_COMMIT, NULL);
}

/* Only the caller waits, so without memory for all messages at once they may be sent
 * one after the other. */
static int call_one_by_one(const struct core *c, enum actor_id actor, const struct control_store_message *first)
{
    int rc = 0;
    for (unsigned r = 0; r < c->reactors; r++) {
        struct control_store_message m = *first;
        if (r == c->reactor)
            continue;
        int one = message_call(&m.base, address_of(r, actor), MSG_CONTROL_STORE, NULL);
        rc = rc < 0 ? rc : one;
    }
    return rc;
}

static int nothing_here(void *arg, struct message *m)
{
    return 0;
}

static int hook_call(unsigned reactor, enum store_call kind, store_call_fn fn, void *call, void *arg)
{
    const struct core *c = arg;
    const enum actor_id actor = kind == STORE_NOTICE ? ACTOR_NOTICE : ACTOR_STEP;
    struct control_store_message first = {.fn = fn, .call = call};
    if (reactor != STORE_ALL_OTHERS)
        return message_call(&first.base, address_of(reactor, actor), MSG_CONTROL_STORE, NULL);
    struct control_store_message *all = c->reactors > 2 ? malloc(c->reactors * sizeof(*all)) : NULL;
    if (!all)
        return call_one_by_one(c, actor, &first);
    for (unsigned r = 0; r < c->reactors; r++)
        all[r] = first;
    const struct scatter others = {.messages = all,
                                   .size = sizeof(*all),
                                   .count = c->reactors,
                                   .to = address_of(0, actor),
                                   .type = MSG_CONTROL_STORE,
                                   .here = nothing_here};
    int rc = message_scatter(&others);
    free(all);
    return rc;
}

static void hook_failed(int rc, uint64_t round, void *arg)
{
    struct core *c = arg;
    disk_reporter_take(&c->disk, rc, round);
}

static int hook_memory(uint64_t wanted, bool frees, uint64_t *ret, struct error *error, void *arg)
{
    return budget_share_ask(arg, wanted, frees, ret, error);
}

static int hook_oldest(uint64_t collection, unsigned owner, const uint64_t *but, uint32_t but_count, uint64_t *ret,
                       void *arg)
{
    struct catalog_oldest_message m = {.collection = collection, .but = but, .but_count = but_count, .owner = owner};
    int rc = message_call(&m.base, address_of(0, ACTOR_COMMIT), MSG_CATALOG_OLDEST, NULL);
    *ret = m.version;
    return rc;
}

struct store_hooks core_store_hooks(struct core *c)
{
    return (struct store_hooks){.commit = hook_commit,
                                .call = hook_call,
                                .oldest = hook_oldest,
                                .failed = hook_failed,
                                .memory = hook_memory,
                                .background_order = ORDER_BACKGROUND,
                                .arg = c};
}
