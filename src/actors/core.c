/* core.c -- creates and destroys a reactor's part of the server, and lets
 * requests into collections. */
#include "actors/core.h"
#include "actors/control_messages.h"
#include "actors/server.h"
#include "reactor/machine/memory_limit.h"

#include <errno.h>
#include <stdlib.h>

/* How many messages an actor works on at once. More searches at once are not faster on one core,
 * but each may pause and let a shorter one pass. Many writes at once share one flush of the log. */
#define CONTROL_WIDTH  8
#define SERVER_WIDTH   4
#define NOTICE_WIDTH   32
#define STEP_WIDTH     64
#define ASK_WIDTH      16
#define SEARCH_WIDTH   256
#define WRITE_WIDTH    1024
#define MAINTAIN_WIDTH 128 /* shard_actor.c refuses requests at a lower number */
/* Where memory is scarce, fewer writes and searches run at once, and fewer stacks and
 * requests are kept for reuse. */
#define FIBER_BYTES   ((uint64_t)32 << 10)
#define WIDTH_MIN     16
#define STACKS_MIN    8
#define HEAP_SHARE    4 /* divisor of the sixteenth of memory that budget_of_many() shares out */
#define HEAP_MIN      ((uint64_t)128 << 10)
#define REQUESTS_KEPT 256 /* about as many requests as a busy core has under way */

/* The bytes for frames of large requests, and again for what those requests need beside them. */
static uint64_t request_bytes_of(uint64_t memory, unsigned reactors)
{
    const uint64_t share = LARGE_BYTES_MAX / reactors, large = share > LARGE_BYTES_MIN ? share : LARGE_BYTES_MIN;
    const uint64_t most = budget_of_requests(memory, reactors);
    return most && most < large ? most : large;
}

/* Each message under way has a fiber. Its stack is counted as FIBER_BYTES. */
static void tune_fibers(struct core *c, uint64_t memory)
{
    c->write.width = (uint16_t)budget_of_many(memory, c->reactors, FIBER_BYTES, WIDTH_MIN, WRITE_WIDTH);
    c->search.width = (uint16_t)budget_of_many(memory, c->reactors, FIBER_BYTES, WIDTH_MIN, SEARCH_WIDTH);
    c->stacks_kept = (uint32_t)budget_of_many(memory, c->reactors, FIBER_BYTES, STACKS_MIN, FIBER_STACKS_KEPT);
    c->requests.most = (uint32_t)budget_of_many(memory, c->reactors, FIBER_BYTES, STACKS_MIN, REQUESTS_KEPT);
}

void core_tune_requests(struct core *c)
{
    tune_fibers(c, budget_bytes(c));
    if (c->reactor == 0)
        process_memory_keep(budget_of_many(budget_bytes(c), c->reactors, HEAP_SHARE, HEAP_MIN, UINT64_MAX));
    c->request_bytes = request_bytes_of(budget_bytes(c), c->reactors);
    byte_pool_resize(&c->frames, c->request_bytes);
    session_places_resize(&c->places, c->request_bytes);
    c->admission.bytes_max = c->request_bytes;
}

int core_create(struct server *server, struct core **ret)
{
    struct core *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->server = server;
    c->reactor = reactor_id();
    c->reactors = reactor_count();
    c->budget = (struct budget_share){.budget = c->reactor == 0 ? &server->budget : NULL,
                                      .default_bytes = server->options.memory_default,
                                      .front_bytes = server->options.front ? server->options.front->memory : NULL};
    settings_init(&c->settings);
    for (unsigned i = 0; i < SEARCH_KINDS; i++)
        histogram_init(&c->search_times[i]);
    /* other settings follow with core_tune_requests() */
    const struct server_options *o = &server->options;
    const uint64_t memory = o->settings.memory ? o->settings.memory : o->memory_default;
    c->request_bytes = request_bytes_of(memory, c->reactors);
    byte_pool_init(&c->frames, c->request_bytes);
    session_places_resize(&c->places, c->request_bytes);
    admission_init(&c->admission, c->request_bytes, c->metrics.admission);
    actor_start(&c->control, ACTOR_CONTROL, "control", CLASS_WRITE, CONTROL_WIDTH, core_on_control);
    actor_start(&c->life, ACTOR_SERVER, "server", CLASS_WRITE, SERVER_WIDTH, core_on_server);
    actor_start(&c->notice, ACTOR_NOTICE, "notice", CLASS_WRITE, NOTICE_WIDTH, core_on_notice);
    actor_start(&c->step, ACTOR_STEP, "step", CLASS_WRITE, STEP_WIDTH, core_on_step);
    actor_start(&c->ask, ACTOR_ASK, "ask", CLASS_WRITE, ASK_WIDTH, core_on_ask);
    actor_start(&c->search, ACTOR_SEARCH, "search", CLASS_INTERACTIVE, SEARCH_WIDTH, core_on_search);
    actor_start(&c->write, ACTOR_WRITE, "write", CLASS_WRITE, WRITE_WIDTH, core_on_write);
    actor_start(&c->maintain, ACTOR_MAINTAIN, "maintain", CLASS_WRITE, MAINTAIN_WIDTH, core_on_maintain);
    tune_fibers(c, memory);
    workers_start(&c->workers, &c->help);
    *ret = c;
    return 0;
}

void core_destroy(struct core *c)
{
    replica_fini(&c->collections);
    request_pool_fini(&c->requests);
    free(c);
}

int core_announce_damage(struct core *c, const struct collection_entry *e)
{
    const struct error damage = *shard_damage(e->shard);
    uint64_t collection = e->config.id;
    int rc = 0;
    for (unsigned r = 0; r < c->reactors; r++) {
        struct control_damage_message m = {.collection = collection, .damage = &damage};
        int one = message_call(&m.base, address_of(r, ACTOR_NOTICE), MSG_CONTROL_DAMAGE, NULL);
        rc = rc < 0 ? rc : one;
    }
    return rc;
}

const struct error *core_ask_damage(struct core *c, uint64_t collection)
{
    for (unsigned r = 0; r < c->reactors; r++) {
        struct collection_entry *e = replica_find_id(&c->collections, collection);
        if (!e || e->damage.code != ERROR_OK)
            return e ? &e->damage : NULL;
        struct control_ask_damage_message m = {.collection = collection};
        int rc = message_call(&m.base, address_of(r, ACTOR_NOTICE), MSG_CONTROL_ASK_DAMAGE, NULL);
        e = replica_find_id(&c->collections, collection);
        if (rc == 0 && e && m.damage.code != ERROR_OK)
            core_note_damage(e, &m.damage);
    }
    const struct collection_entry *e = replica_find_id(&c->collections, collection);
    return e && e->damage.code != ERROR_OK ? &e->damage : NULL;
}

void core_note_damage(struct collection_entry *e, const struct error *damage)
{
    if (e->damage.code != ERROR_OK)
        return;
    e->damage = *damage;
    shard_set_damage(e->shard, damage);
}

int core_enter(struct core *c, uint64_t collection, struct collection_entry **ret)
{
    struct collection_entry *e = replica_find_id(&c->collections, collection);
    if (!e || gate_enter(&e->gate) < 0)
        return -ENOENT;
    order_hold(ORDER_COLLECTION);
    /* a merge that read all rows may have found damage just now */
    if (shard_damage(e->shard) && e->damage.code == ERROR_OK)
        ignore_result(core_announce_damage(c, e));
    if (e->damage.code != ERROR_OK) {
        core_leave(e);
        return -EBADMSG;
    }
    *ret = e;
    return 0;
}

void core_leave(struct collection_entry *e)
{
    order_release(ORDER_COLLECTION);
    gate_leave(&e->gate);
}
