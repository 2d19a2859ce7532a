/* budget_share.c -- a reactor's side of the budget: asks when the store needs more, and reports
 * what is used, so that others can have the rest. */
#include "actors/admission/budget.h"
#include "actors/control_messages.h"
#include "actors/core.h"
#include "reactor/machine/memory_limit.h"

#include <errno.h>

#define REPORT_NS   ((uint64_t)250000000)
#define QUIET_LOOKS 4
#define SOON_NS     ((uint64_t)20000000)

uint64_t budget_bytes(const struct core *c)
{
    return c->settings.memory ? c->settings.memory : c->budget.default_bytes;
}

static uint64_t pooled_requests(const struct request_pool *p)
{
    uint64_t bytes = 0;
    for (const struct request *rq = p->free; rq; rq = rq->next)
        bytes += request_bytes(rq);
    return bytes;
}

void budget_use_read(const struct core *c, struct memory_use *ret)
{
    struct reactor_stats stats;
    *ret = (struct memory_use){0};
    reactor_stats_read(&stats);
    ret->bytes[MEMORY_FIBERS] = stats.stack_bytes;
    ret->bytes[MEMORY_REQUESTS] = pooled_requests(&c->requests);
    if (c->front && c->budget.front_bytes)
        ret->bytes[MEMORY_REQUESTS] += c->budget.front_bytes(c);
    if (c->store)
        store_memory_read(c->store, ret);
}

/* Answers may arrive in another order than they were given, so the newest one counts. */
static int ask(struct core *c, uint64_t wanted, bool frees, struct error *error)
{
    struct control_budget_message m = {.question = {.reactor = c->reactor, .wanted = wanted, .frees = frees}};
    budget_use_read(c, &m.question.use);
    m.question.needed = c->store ? store_memory_needed(c->store) : 0;
    int rc = message_call(&m.base, address_of(0, ACTOR_NOTICE), MSG_CONTROL_BUDGET, NULL);
    if (m.answer.turn > c->budget.turn) {
        c->budget.turn = m.answer.turn;
        c->budget.granted = m.answer.granted;
        c->budget.pressure = m.answer.pressure;
    }
    if (rc == -ENOMEM && error)
        *error = m.answer.error;
    return rc;
}

int budget_share_ask(struct core *c, uint64_t wanted, bool frees, uint64_t *ret, struct error *error)
{
    *ret = UINT64_MAX;
    if (budget_bytes(c) == 0)
        return 0;
    int rc = ask(c, wanted, frees, error);
    *ret = c->budget.granted;
    return rc;
}

/* True when no core had a request in the last four looks, about a second. */
static bool all_are_quiet(struct budget *b)
{
    bool quiet = true;
    for (unsigned r = 0; r < reactor_count(); r++)
        quiet &= runtime_load(r) == 0;
    b->quiet_looks = quiet ? b->quiet_looks + 1 : 0;
    return b->quiet_looks >= QUIET_LOOKS;
}

/* Small blocks that were freed, for instance of a dropped collection, still belong to the heap. */
static void see_process(struct budget *b)
{
    const uint64_t began_ns = clock_now_ns();
    if (began_ns >= b->looked_ns + REPORT_NS) {
        b->looked_ns = began_ns;
        budget_forget_taken(b);
    }
    budget_see_process(b, process_anonymous_bytes());
    const uint64_t lost = b->lost;
    const bool quiet = all_are_quiet(b);
    if (!budget_trim_is_due(b, began_ns, quiet))
        return;
    process_memory_trim();
    budget_see_process(b, process_anonymous_bytes());
    budget_trimmed(b, lost, began_ns, clock_now_ns());
}

/* While much memory is freed, looks come more often, so that each trim finds little. */
static uint64_t next_look_ns(const struct core *c)
{
    const struct budget *b = c->budget.budget;
    return clock_now_ns() + (b && b->grows ? SOON_NS : REPORT_NS);
}

static void report(struct core *c)
{
    fiber_stacks_trim(c->stacks_kept);
    request_pool_trim(&c->requests);
    if (c->store)
        store_memory_trim(c->store);
    if (c->budget.budget)
        see_process(c->budget.budget);
    if (c->store) { /* memory that the store does not need any more is for others */
        const uint64_t enough = store_memory_needed(c->store) + budget_ahead(budget_bytes(c), c->reactors);
        c->budget.granted = c->budget.granted < enough ? c->budget.granted : enough;
        store_memory_grant(c->store, c->budget.granted, c->budget.pressure);
    }
    /* never refused, because it asks for no more than is granted */
    ignore_result(ask(c, c->store ? c->budget.granted : 0, false, NULL));
    if (c->store)
        store_memory_grant(c->store, c->budget.granted, c->budget.pressure);
}

static void run(void *arg)
{
    struct core *c = arg;
    struct budget_share *share = &c->budget;
    while (!share->stopping && budget_bytes(c)) {
        report(c);
        if (!share->stopping)
            ignore_result(event_wait_until(&share->changed, next_look_ns(c)));
    }
    if (c->store && budget_bytes(c) == 0)
        store_memory_grant(c->store, UINT64_MAX, 0);
    share->running = false;
    event_notify_all(&share->changed);
}

int budget_share_start(struct core *c)
{
    c->budget.stopping = false;
    if (c->budget.running || budget_bytes(c) == 0)
        return 0;
    int rc = fiber_start(CLASS_WRITE, run, c, "budget");
    c->budget.running = rc == 0;
    return rc;
}

void budget_share_report(struct core *c)
{
    event_notify_all(&c->budget.changed);
}

void budget_share_stop(struct core *c)
{
    c->budget.stopping = true;
    event_notify_all(&c->budget.changed);
    while (c->budget.running)
        event_wait(&c->budget.changed);
}
