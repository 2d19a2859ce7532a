/* test_message.c -- messages between reactors: nothing is lost, each returns to its sender,
 * actors keep their width. */
#include "reactor/fibers/sync.h"
#include "reactor/message.h"
#include "reactor/ring.h"
#include "world.h"
#include <stdlib.h>

TestSuite(message, .timeout = 60);

enum { ACTOR_ECHO = 3, ACTOR_LATE = 4, MSG_NUMBER = 7 };

struct number {
    struct message m;
    uint64_t is;
};

static void reply_square(struct actor *a, struct message *m)
{
    struct number *n = (struct number *)m;
    want_eq(m->type, MSG_NUMBER);
    want_eq(m->to.reactor, reactor_id());
    n->is *= n->is;
    message_reply(m, 0);
}

static struct actor echo[4];

static int square(struct number *n, unsigned reactor, uint64_t is)
{
    *n = (struct number){.is = is};
    return message_call(&n->m, (struct address){(uint16_t)reactor, ACTOR_ECHO, 0}, MSG_NUMBER, NULL);
}

/* -- there and back -- */

static void play_ping_pong(void *arg)
{
    unsigned rounds = *(unsigned *)arg;
    if (reactor_id() == 1) {
        actor_start(&echo[1], ACTOR_ECHO, "echo", CLASS_INTERACTIVE, 1, reply_square);
        return;
    }
    struct number n;
    for (unsigned i = 0; i < rounds; i++) {
        want_eq(square(&n, 1, i), 0);
        want_eq(n.is, (uint64_t)i * i);
    }
}

EVERYWHERE(message, goes_there_and_comes_back)
{
    unsigned rounds = 300;
    world_run_well(backend, 2, play_ping_pong, &rounds);
}

/* Both reactors sleep all the time, so one lost wake-up blocks the test. */
ON_REAL_BACKENDS(message, no_wake_up_is_lost_in_20000_round_trips)
{
    unsigned rounds = 20000;
    world_run_well(backend, 2, play_ping_pong, &rounds);
}

static void call_myself(void *arg)
{
    struct number n;
    actor_start(&echo[0], ACTOR_ECHO, "echo", CLASS_WRITE, 1, reply_square);
    want_eq(square(&n, 0, 12), 0);
    want_eq(n.is, 144);
}

EVERYWHERE(message, works_to_ones_own_reactor)
{
    world_run_well(backend, 1, call_myself, NULL);
}

/* -- more than a ring holds -- */

#define SENDERS    12
#define BATCH      100 /* so that 1200 are under way at once, more than RING_CREDITS (512) */
#define BATCHES    5
#define REACTORS_3 3

struct flood {
    struct gate gate[REACTORS_3];
    _Atomic uint64_t received, sum;
};

static struct flood flood;

static void receive_flood(struct actor *a, struct message *m)
{
    struct number *n = (struct number *)m;
    atomic_fetch_add(&flood.received, 1);
    atomic_fetch_add(&flood.sum, n->is);
    n->is++;
    message_reply(m, (int)(n->is % 5));
}

static void send_batches(void *arg)
{
    struct number *sent = calloc(BATCH, sizeof(*sent));
    want(sent);
    for (unsigned b = 0; b < BATCHES; b++) {
        for (uint64_t i = 0; i < BATCH; i++) {
            sent[i].is = i;
            message_send(&sent[i].m,
                         (struct address){(uint16_t)((reactor_id() + 1 + i % 2) % REACTORS_3), ACTOR_ECHO, 0},
                         MSG_NUMBER, NULL);
        }
        for (uint64_t i = 0; i < BATCH; i++) {
            want_eq(message_await(&sent[i].m), (i + 1) % 5);
            want_eq(sent[i].is, i + 1);
            want_eq(sent[i].m.in_flight, 0);
        }
    }
    free(sent);
    gate_leave(&flood.gate[reactor_id()]);
}

static void flood_each_other(void *arg)
{
    unsigned id = reactor_id();
    actor_start(&echo[id], ACTOR_ECHO, "flood", CLASS_INTERACTIVE, 2, receive_flood);
    for (unsigned i = 0; i < SENDERS; i++) {
        want_eq(gate_enter(&flood.gate[id]), 0);
        want_eq(fiber_start(i % 2 ? CLASS_INTERACTIVE : CLASS_WRITE, send_batches, NULL, "sender"), 0);
    }
    gate_close(&flood.gate[id]);
}

EVERYWHERE(message, nothing_is_lost_when_rings_are_full)
{
    cr_assert_gt(SENDERS * BATCH / 2, RING_CREDITS);
    world_run_well(backend, REACTORS_3, flood_each_other, NULL);
    cr_assert_eq(flood.received, REACTORS_3 * SENDERS * BATCH * BATCHES);
    cr_assert_eq(flood.sum, (uint64_t)REACTORS_3 * SENDERS * BATCHES * (BATCH * (BATCH - 1) / 2));
}

/* -- width -- */

static struct {
    unsigned inside, inside_max, done;
} room;

static void stay_a_while(struct actor *a, struct message *m)
{
    room.inside++;
    if (room.inside > room.inside_max)
        room.inside_max = room.inside;
    fiber_sleep_ns(200000);
    room.inside--;
    room.done++;
    message_reply(m, 0);
}

static void fill_the_room(void *arg)
{
    if (reactor_id() == 1) {
        actor_start(&echo[1], ACTOR_ECHO, "room", CLASS_INTERACTIVE, *(uint16_t *)arg, stay_a_while);
        return;
    }
    static struct number n[20];
    for (unsigned i = 0; i < 20; i++)
        message_send(&n[i].m, (struct address){1, ACTOR_ECHO, 0}, MSG_NUMBER, NULL);
    for (unsigned i = 0; i < 20; i++)
        want_eq(message_await(&n[i].m), 0);
}

EVERYWHERE(message, an_actor_works_on_as_many_as_its_width)
{
    uint16_t width = 3;
    world_run_well(backend, 2, fill_the_room, &width);
    cr_assert_eq(room.done, 20);
    cr_assert_eq(room.inside_max, 3);
}

EVERYWHERE(message, an_actor_of_width_one_finishes_before_it_begins)
{
    uint16_t width = 1;
    world_run_well(backend, 2, fill_the_room, &width);
    cr_assert_eq(room.done, 20);
    cr_assert_eq(room.inside_max, 1);
}

/* -- too early, too late -- */

static _Atomic bool late_started;

static void start_late(void *arg)
{
    if (reactor_id() == 1) {
        fiber_sleep_ns(MILLIS(5));
        late_started = true;
        actor_start(&echo[1], ACTOR_ECHO, "late", CLASS_INTERACTIVE, 1, reply_square);
        return;
    }
    struct number n;
    want_eq(square(&n, 1, 9), 0);
    want_eq(n.is, 81);
    want(late_started);
}

EVERYWHERE(message, waits_for_an_actor_that_is_not_started_yet)
{
    world_run_well(backend, 2, start_late, NULL);
}

static void stop_the_room(struct actor *a, struct message *m)
{
    /* the stop itself is done by a fiber outside the actor: it waits for this one */
    message_reply(m, 0);
}

static struct fiber *stopper;

static void stay_and_tell(struct actor *a, struct message *m)
{
    if (stopper)
        fiber_wake(stopper);
    stay_a_while(a, m);
}

static void stop_under_load(void *arg)
{
    static struct number n[12];
    if (reactor_id() == 1) {
        actor_start(&echo[1], ACTOR_ECHO, "room", CLASS_INTERACTIVE, 2, stay_and_tell);
        actor_start(&echo[2], ACTOR_LATE, "other", CLASS_INTERACTIVE, 1, stop_the_room);
        stopper = fiber_self();
        while (room.inside == 0)
            fiber_suspend();
        stopper = NULL;
        actor_stop(&echo[1]);
        want_eq(echo[1].queued, 0);
        want_eq(room.inside, 0);
        return;
    }
    unsigned served = 0;
    for (unsigned i = 0; i < 12; i++)
        message_send(&n[i].m, (struct address){1, ACTOR_ECHO, 0}, MSG_NUMBER, NULL);
    for (unsigned i = 0; i < 12; i++) {
        int rc = message_await(&n[i].m);
        want(rc == 0 || rc == -ESHUTDOWN);
        served += rc == 0;
    }
    want(served >= 1);
    want_eq(served, room.done);
    fiber_sleep_ns(MILLIS(5));
    struct number after;
    want_eq(square(&after, 1, 1), -ESHUTDOWN);
    want_eq(after.is, 1); /* no actor received it */
    after = (struct number){.is = 1};
    /* other messages are still answered */
    want_eq(message_call(&after.m, (struct address){1, ACTOR_LATE, 0}, MSG_NUMBER, NULL), 0);
}

EVERYWHERE(message, a_stopped_actor_finishes_and_refuses_later_ones)
{
    world_run_well(backend, 2, stop_under_load, NULL);
}

/* -- contexts -- */

static void work_until_told(struct actor *a, struct message *m)
{
    int rc;
    while ((rc = context_check(m->ctx)) == 0)
        fiber_sleep_ns(100000);
    message_reply(m, rc);
}

static void give_up(void *arg)
{
    if (reactor_id() == 1) {
        actor_start(&echo[1], ACTOR_ECHO, "worker", CLASS_BACKGROUND, 4, work_until_told);
        return;
    }
    want_eq(context_check(NULL), 0);
    struct number n = {0};
    struct context ctx = {.deadline_ns = clock_now_ns() + MILLIS(3)};
    want_eq(message_call(&n.m, (struct address){1, ACTOR_ECHO, 0}, MSG_NUMBER, &ctx), -ETIME);
    want(clock_now_ns() >= ctx.deadline_ns);

    struct context no_deadline = {0};
    message_send(&n.m, (struct address){1, ACTOR_ECHO, 0}, MSG_NUMBER, &no_deadline);
    fiber_sleep_ns(MILLIS(2));
    want_eq(n.m.in_flight, 1);
    context_cancel(&no_deadline);
    want_eq(message_await(&n.m), -ECANCELED);
}

EVERYWHERE(message, a_receiver_sees_deadline_and_cancellation)
{
    world_run_well(backend, 2, give_up, NULL);
}

/* -- the end -- */

static void stop_while_another_works(void *arg)
{
    if (reactor_id() != 1)
        return; /* reactor 0 asks for the stop at once; its actor still answers */
    struct number n;
    fiber_sleep_ns(MILLIS(5));
    want_eq(square(&n, 0, 5), 0);
    want_eq(n.is, 25);
    *(bool *)arg = true;
}

static void serve_past_the_stop(void *arg)
{
    if (reactor_id() == 0)
        actor_start(&echo[0], ACTOR_ECHO, "echo", CLASS_INTERACTIVE, 1, reply_square);
    stop_while_another_works(arg);
}

EVERYWHERE(message, stop_waits_for_fibers_and_serves_them_until_then)
{
    bool done = false;
    world_run_well(backend, 3, serve_past_the_stop, &done);
    cr_assert(done);
}
