/* test_order.c -- the order of waiting prevents deadlocks: messages of a low order pass those of a
 * high one, an actor always has a fiber, and debug builds stop a fiber that waits against it. */
#include "reactor/fibers/sync.h"
#include "reactor/message.h"
#include "reactor/ring.h"
#include "world.h"
#include <signal.h>
#include <stdlib.h>

TestSuite(order, .timeout = 60);

enum { ACTOR_LOW = 1, ACTOR_HIGH = 2 };
enum { LOW = 2, HIGH = 5 };

static struct address low_at(unsigned reactor)
{
    return (struct address){(uint16_t)reactor, ACTOR_LOW, LOW};
}

static struct address high_at(unsigned reactor)
{
    return (struct address){(uint16_t)reactor, ACTOR_HIGH, HIGH};
}

static struct actor low[2], high[2];

static void answer(struct actor *a, struct message *m)
{
    message_reply(m, 0);
}

/* Like a write, which sends remote deletes to the other reactors before it is answered. */
static void ask_owner(struct actor *a, struct message *m)
{
    struct message notice = {0};
    message_reply(m, message_call(&notice, low_at(m->sender), 1, NULL));
}

static void start_actors(unsigned id)
{
    actor_start(&low[id], ACTOR_LOW, "low", CLASS_WRITE, 4, answer);
    actor_start(&high[id], ACTOR_HIGH, "high", CLASS_WRITE, 1024, ask_owner);
}

/* -- credits -- */

#define FLOOD 600 /* more than RING_CREDITS */

static void flood(void *arg)
{
    struct message *sent = calloc(FLOOD, sizeof(*sent));
    unsigned id = reactor_id();
    want(sent);
    start_actors(id);
    for (unsigned i = 0; i < FLOOD; i++)
        message_send(&sent[i], high_at(1 - id), 1, NULL);
    for (unsigned i = 0; i < FLOOD; i++)
        want_eq(message_await(&sent[i]), 0);
    free(sent);
}

/* With one pool of credits for all orders this is a deadlock: each reactor waits for a credit that
 * the requests of the other one hold. */
EVERYWHERE(order, requests_that_need_credits_the_other_way_end)
{
    cr_assert_gt(FLOOD, RING_CREDITS);
    cr_assert_eq(
        world_run(&(struct world){.backend = backend, .reactors = 2, .fibers_max = 4096, .seed = 1}, flood, NULL), 0);
}

/* -- fibers -- */

static struct event go;
static bool over;

static void client(void *arg)
{
    while (!over)
        event_wait(&go);
}

static void use_up_fibers(void *arg)
{
    struct message m = {0};
    unsigned clients = 0;
    start_actors(0);
    while (fiber_start_client(CLASS_WRITE, client, NULL, "client") == 0)
        clients++;
    want(clients > 8);
    want_eq(message_call(&m, high_at(0), 1, NULL), 0);
    /* of 64; the boot fiber is one */
    while (clients < 47 && fiber_start(CLASS_WRITE, client, NULL, "other") == 0)
        clients++;
    want_eq(message_call(&m, high_at(0), 1, NULL), 0); /* it takes a fiber of each of two actors */
    over = true;
    event_notify_all(&go);
}

EVERYWHERE(order, an_actor_finds_a_fiber_though_others_have_all_of_theirs)
{
    world_run_well(backend, 1, use_up_fibers, NULL);
}

/* -- checks, in debug builds -- */

#ifdef KITH_DEBUG

static void wait_in_order(void *arg)
{
    struct semaphore upper, lower;
    struct message m = {0};
    start_actors(0);
    semaphore_init(&upper, 1, HIGH);
    semaphore_init(&lower, 1, LOW + 1);
    for (unsigned i = 0; i < 2; i++) {
        semaphore_acquire(&upper, 1);
        semaphore_acquire(&lower, 1);
        want_eq(message_call(&m, low_at(0), 1, NULL), 0);
        semaphore_release(&lower, 1);
        semaphore_release(&upper, 1);
        want_eq(message_call(&m, high_at(0), 1, NULL), 0);
    }
}

Test(order, waiting_in_order_is_allowed)
{
    world_run_well(BACKEND_SIM, 1, wait_in_order, NULL);
}

static void send_upwards(void *arg)
{
    struct semaphore lock;
    struct message m = {0};
    start_actors(0);
    semaphore_init(&lock, 1, LOW);
    semaphore_acquire(&lock, 1);
    ignore_result(message_call(&m, high_at(0), 1, NULL));
}

Test(order, a_message_of_a_higher_order_than_a_lock_that_is_held_stops_the_process, .signal = SIGABRT)
{
    world_run_well(BACKEND_SIM, 1, send_upwards, NULL);
}

static void lock_upwards(void *arg)
{
    struct semaphore upper, lower;
    semaphore_init(&upper, 1, HIGH);
    semaphore_init(&lower, 1, LOW);
    semaphore_acquire(&lower, 1);
    semaphore_acquire(&upper, 1); /* it is free, but need not be the next time */
}

Test(order, a_lock_of_a_higher_order_than_one_that_is_held_stops_the_process, .signal = SIGABRT)
{
    world_run_well(BACKEND_SIM, 1, lock_upwards, NULL);
}

static void lock_level(void *arg)
{
    struct semaphore one, other;
    semaphore_init(&one, 1, LOW);
    semaphore_init(&other, 1, LOW);
    semaphore_acquire(&one, 1);
    semaphore_acquire(&other, 1); /* two fibers that take them in turn may wait for each other */
}

Test(order, a_lock_of_the_same_order_as_one_that_is_held_stops_the_process, .signal = SIGABRT)
{
    world_run_well(BACKEND_SIM, 1, lock_level, NULL);
}

static void ask_upwards(struct actor *a, struct message *m)
{
    struct message up = {0};
    message_reply(m, message_call(&up, high_at(0), 1, NULL));
}

static void serve_upwards(void *arg)
{
    struct message m = {0};
    actor_start(&low[0], ACTOR_LOW, "low", CLASS_WRITE, 4, ask_upwards);
    actor_start(&high[0], ACTOR_HIGH, "high", CLASS_WRITE, 4, answer);
    ignore_result(message_call(&m, low_at(0), 1, NULL));
}

Test(order, who_serves_a_message_and_waits_for_one_of_a_higher_order_stops_the_process, .signal = SIGABRT)
{
    world_run_well(BACKEND_SIM, 1, serve_upwards, NULL);
}

#endif
