/* message.c -- rings, credits, mailboxes.
 *
 * A message to another reactor is written into the ring at once. It becomes visible when the loop
 * publishes, with one release store for each peer and burst. The flag `pending` and the sleep state
 * are two uses of Dekker's algorithm, with sender S and receiver R:
 *
 *   S: tail := t; fence; pending set? then done: another sender wakes R
 *      else pending := 1; fence; R asleep? wake it
 *   R: pending := 0; fence; read the tails              (rings_receive)
 *   R: asleep := 1; fence; pending set? stay awake   (reactor_sleep_begin)
 *
 * Either S sees the flag cleared and sets it, or R reads the tails after S's store. Either R sees
 * the flag set, or S sees R asleep. So no wake-up is lost. A busy receiver costs a sender one fence
 * (5 ns) for each burst, not a system call (9 us). */
#include "reactor/reactor.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Messages taken from one peer before the next peer's turn. */
#define TAKE_MAX 64

uint16_t credits_of(const struct reactor *r, unsigned order)
{
    const uint16_t *given = r->rt->options.credits;
    return given ? given[order] : order ? RING_CREDITS / 2 / (ORDERS - 1) : RING_CREDITS / 2;
}

static void credits_init(const struct reactor *r, struct peer *p)
{
    unsigned sum = 0;
    for (unsigned order = 0; order < ORDERS; order++)
        sum += p->credits[order] = credits_of(r, order);
    check(sum <= RING_CREDITS);
}

int peers_init(struct reactor *r)
{
    r->peers = calloc(r->count, sizeof(*r->peers));
    r->dirty = calloc(r->count, sizeof(*r->dirty));
    if (!r->peers || !r->dirty)
        return -ENOMEM;
    if (r->count > 1) {
        /* Mapped, so that an unused ring takes one page instead of three. The first write below
         * places that page on the receiver's NUMA node. */
        r->ring_bytes = r->count * sizeof(struct ring);
        void *rings = mmap(NULL, r->ring_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (rings == MAP_FAILED)
            return -ENOMEM;
        r->rings = rings;
    }
    for (unsigned i = 0; i < r->count; i++) {
        credits_init(r, &r->peers[i]);
        if (i != r->id) {
            r->peers[i].in = (struct ring *)r->rings + i;
            atomic_store_explicit(&r->peers[i].in->tail, 0, memory_order_relaxed);
        }
    }
    for (unsigned i = 0; i < ACTORS_MAX; i++)
        r->early[i].tail = &r->early[i].head;
    return 0;
}

void peers_connect(struct reactor *r)
{
    for (unsigned i = 0; i < r->count; i++)
        if (i != r->id)
            r->peers[i].out = r->rt->reactors[i]->peers[r->id].in;
}

void peers_fini(struct reactor *r)
{
    if (r->rings)
        munmap(r->rings, r->ring_bytes);
    free(r->peers);
    free(r->dirty);
}

/* ---- actors ---- */

/* Empties the mailbox. One fiber takes message after message, so a busy actor does not pay for a
 * fiber for each. */
static void actor_work(void *arg)
{
    struct actor *a = arg;
    while (a->head) {
        struct message *m = a->head;
        a->head = m->next;
        if (!a->head)
            a->tail = &a->head;
        a->queued--;
        m->next = NULL;
        unsigned order = m->to.order;
        order_hold(order);
        a->receive(a, m);
        order_release(order);
        fiber_checkpoint();
    }
    a->active--;
    event_notify_all(&reactor_here()->actor_idle);
}

static void actor_serve(struct reactor *r, struct actor *a)
{
    if (a->active >= a->width || a->queued == 0)
        return;
    uint32_t limit = a->active ? r->pool.max_actors : r->pool.max;
    if (fiber_start_below(limit, a->cls, actor_work, a, a->name) < 0) {
        if (a->active == 0)
            /* actors_retry() tries again later; an actor with a working fiber needs no retry */
            r->actor_starved = true;
        return;
    }
    a->active++;
}

void actors_retry(struct reactor *r)
{
    r->actor_starved = false;
    for (unsigned i = 0; i < ACTORS_MAX; i++)
        if (r->actors[i])
            actor_serve(r, r->actors[i]);
}

static void actor_deliver(struct reactor *r, struct message *m)
{
    uint16_t id = m->to.actor;
    check(id < ACTORS_MAX);
    struct actor *a = r->actors[id];
    m->next = NULL;
    if (a) {
        *a->tail = m;
        a->tail = &m->next;
        a->queued++;
        actor_serve(r, a);
    } else if (r->actor_stopped[id]) {
        message_reply(m, -ESHUTDOWN);
    } else { /* not started yet */
        *r->early[id].tail = m;
        r->early[id].tail = &m->next;
        r->early[id].count++;
    }
}

void actor_start(struct actor *a, uint16_t id, const char *name, enum fiber_class cls, uint16_t width, actor_fn receive)
{
    struct reactor *r = reactor_here();
    check(id < ACTORS_MAX && !r->actors[id] && width > 0);
    *a = (struct actor){.name = name, .receive = receive, .cls = cls, .id = id, .width = width};
    a->tail = &a->head;
    r->actors[id] = a;
    r->actor_stopped[id] = false;

    struct message *m = r->early[id].head;
    r->early[id] = (struct mailbox_early){.tail = &r->early[id].head};
    while (m) {
        struct message *next = m->next;
        actor_deliver(r, m);
        m = next;
    }
}

void actor_stop(struct actor *a)
{
    struct reactor *r = reactor_here();
    check(r->actors[a->id] == a);
    r->actors[a->id] = NULL;
    r->actor_stopped[a->id] = true;
    while (a->queued || a->active) {
        actor_serve(r, a);
        if (a->active)
            event_wait(&r->actor_idle);
        else
            fiber_sleep_ns(1000000); /* no fiber is free for the queued messages */
    }
}

/* ---- sending ---- */

static void post(struct reactor *r, uint16_t to, struct message *m)
{
    struct peer *p = &r->peers[to];
    ring_put(p->out, &p->out_tail, m);
    if (!p->dirty) {
        p->dirty = true;
        r->dirty[r->dirty_count++] = to;
    }
}

/* Returns with the credit of a message whose reply came: see peer_receive(). */
__attribute__((noinline)) static void wait_for_credit(struct reactor *r, struct peer *p, const struct message *m)
{
    r->stats.sends_waiting++;
    fiber_waits_for(r, "a credit for a message", m);
    event_wait(&p->credited[m->to.order]);
    fiber_waits_no_more(r);
    r->stats.sends_waiting--;
}

void message_send(struct message *m, struct address to, uint32_t type, struct context *ctx)
{
    struct reactor *r = reactor_here();
    check(to.reactor < r->count && !m->in_flight);
    m->waiter = NULL;
    m->ctx = ctx;
    m->type = type;
    m->status = 0;
    m->sender = (uint16_t)r->id;
    m->to = to;
    m->in_flight = 1;
    m->reply = 0;
    r->stats.messages_sent++;
    order_check(to.order);
    if (to.reactor == r->id) {
        actor_deliver(r, m);
        return;
    }
    struct peer *p = &r->peers[to.reactor];
    if (LIKELY(p->credits[to.order] > 0)) /* then no fiber waits for one */
        p->credits[to.order]--;
    else
        wait_for_credit(r, p, m);
    post(r, to.reactor, m);
}

static void complete(struct message *m)
{
    m->in_flight = 0;
    if (m->waiter)
        fiber_wake(m->waiter);
}

__attribute__((noinline)) static void wait_for_answer(struct reactor *r, struct message *m)
{
    check(r->fiber);
    fiber_waits_for(r, "the answer to message", m);
    m->waiter = r->fiber;
    while (m->in_flight)
        fiber_suspend();
    m->waiter = NULL;
    fiber_waits_no_more(r);
}

int message_await(struct message *m)
{
    if (m->in_flight)
        wait_for_answer(reactor_here(), m);
    return m->status;
}

void message_reply(struct message *m, int status)
{
    struct reactor *r = reactor_here();
    m->status = status;
    m->reply = 1;
    if (m->sender == r->id)
        complete(m);
    else
        post(r, m->sender, m);
}

/* ---- the loop's part ---- */

static bool peer_receive(struct reactor *r, struct peer *p)
{
    for (unsigned taken = 0; taken < TAKE_MAX; taken++) {
        struct message *m = ring_take(p->in, &p->in_head);
        if (!m)
            return false;
        if (m->reply) {
            /* read now, because the waiter may free m as soon as it runs */
            unsigned order = m->to.order;
            complete(m);
            if (p->credited[order].head)
                event_notify_one(&p->credited[order]);
            else
                p->credits[order]++;
        } else {
            actor_deliver(r, m);
        }
    }
    return true; /* perhaps more are there */
}

void rings_receive(struct reactor *r)
{
    if (!atomic_load_explicit(&r->shared.pending, memory_order_relaxed))
        return;
    atomic_store_explicit(&r->shared.pending, 0, memory_order_relaxed);
    fence_store_load();
    bool more = false;
    for (unsigned i = 0; i < r->count; i++)
        if (i != r->id && (LIKELY(r->ops->late == NULL) || !r->ops->late(r->backend, i)))
            more |= peer_receive(r, &r->peers[i]);
    if (more)
        atomic_store_explicit(&r->shared.pending, 1, memory_order_relaxed);
}

bool reactor_wake(struct reactor *r)
{
    uint8_t asleep = SLEEPING;
    if (!atomic_compare_exchange_strong_explicit(&r->shared.sleep, &asleep, WAKING, memory_order_seq_cst,
                                                 memory_order_relaxed))
        return false;
    r->ops->wake(r->backend);
    return true;
}

void rings_publish(struct reactor *r)
{
    if (r->dirty_count == 0)
        return;
    for (uint32_t i = 0; i < r->dirty_count; i++) {
        struct peer *p = &r->peers[r->dirty[i]];
        ring_publish(p->out, p->out_tail);
        p->dirty = false;
    }
    fence_store_load(); /* one for the burst: pairs with the fence in each peer's rings_receive() */
    uint32_t raised = 0;
    for (uint32_t i = 0; i < r->dirty_count; i++) {
        struct reactor *to = r->rt->reactors[r->dirty[i]];
        if (atomic_load_explicit(&to->shared.pending, memory_order_relaxed))
            continue;
        atomic_store_explicit(&to->shared.pending, 1, memory_order_relaxed);
        r->dirty[raised++] = r->dirty[i];
    }
    r->stats.wakes_saved += r->dirty_count - raised;
    if (raised)
        fence_store_load(); /* pairs with the fence in reactor_sleep_begin() of each peer */
    for (uint32_t i = 0; i < raised; i++) {
        if (reactor_wake(r->rt->reactors[r->dirty[i]]))
            r->stats.wakes_sent++;
        else
            r->stats.wakes_saved++;
    }
    r->dirty_count = 0;
}

void message_publish(void)
{
    rings_publish(reactor_here());
}
