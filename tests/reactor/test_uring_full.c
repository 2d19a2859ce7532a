/* test_uring_full.c -- the kernel takes no submissions for a while, as it may when it lacks memory.
 * Meanwhile the back end forgets neither to cancel an operation nor to listen for wake-ups. */
#include "reactor/fibers/sync.h"
#include "reactor/file.h"
#include "reactor/message.h"
#include "reactor/socket.h"
#include "world.h"
#include <liburing.h>

TestSuite(uring_full, .timeout = 60);

#define FULL 600 /* operations: more than the submission queue holds */

static _Atomic bool refuses[2]; /* by reactor */

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring)
{
    return atomic_load(&refuses[reactor_id()]) ? -EBUSY : __real_io_uring_submit(ring);
}

int __real_io_uring_submit_and_get_events(struct io_uring *ring);
int __wrap_io_uring_submit_and_get_events(struct io_uring *ring);
int __wrap_io_uring_submit_and_get_events(struct io_uring *ring)
{
    return atomic_load(&refuses[reactor_id()]) ? io_uring_get_events(ring)
                                               : __real_io_uring_submit_and_get_events(ring);
}

/* -- fills the queue -- */

static struct gate fillers;

static void fill(void *arg)
{
    struct file *f;
    want_eq(file_open("/dev/null", FILE_READ, &f), 0);
    file_close(f);
    gate_leave(&fillers);
}

static void refuse_and_fill(void)
{
    atomic_store(&refuses[reactor_id()], true);
    for (unsigned i = 0; i < FULL; i++) {
        want_eq(gate_enter(&fillers), 0);
        want_eq(fiber_start(CLASS_INTERACTIVE, fill, NULL, "filler"), 0);
    }
}

/* -- a cancellation -- */

static void say_nothing(struct connection *c, void *arg)
{
    uint8_t byte;
    ignore_result(connection_receive(c, &byte, 1, 0)); /* until the other end closes */
    connection_close(c);
}

static struct event received;
static bool is_received;

static void receive(void *arg)
{
    uint8_t byte;
    want_eq(connection_receive(arg, &byte, 1, clock_now_ns() + MILLIS(30)), -ETIME);
    is_received = true;
    event_notify_all(&received);
}

static void give_up_while_full(void *arg)
{
    struct listener *l;
    struct connection *c;
    want_eq(listener_open("127.0.0.1", 0, say_nothing, NULL, &l), 0);
    want_eq(connection_open("127.0.0.1", listener_port(l), &c), 0);
    want_eq(fiber_start(CLASS_INTERACTIVE, receive, c, "receiver"), 0);
    fiber_sleep_ns(MILLIS(5)); /* the kernel has the receive */
    refuse_and_fill();
    fiber_sleep_ns(MILLIS(60)); /* the deadline passes */
    want(!is_received);
    atomic_store(&refuses[0], false);
    while (!is_received)
        event_wait(&received);
    gate_close(&fillers);
    connection_close(c);
    listener_close(l);
}

Test(uring_full, an_operation_is_given_up_when_the_kernel_listens_again)
{
    world_require(BACKEND_URING);
    const struct world w = {.backend = BACKEND_URING, .reactors = 1, .fibers_max = 4096};
    cr_assert_eq(world_run(&w, give_up_while_full, NULL), 0);
}

/* -- a wake-up -- */

enum { ACTOR_ECHO = 3 };

static struct actor echo;

static void answer(struct actor *a, struct message *m)
{
    if (m->type == 1)
        refuse_and_fill();
    message_reply(m, 0);
}

static void call_one_that_sleeps(void *arg)
{
    struct message m = {0};
    const struct address at = {1, ACTOR_ECHO, 0};
    if (reactor_id() == 1) {
        actor_start(&echo, ACTOR_ECHO, "echo", CLASS_INTERACTIVE, 1, answer);
        return;
    }
    fiber_sleep_ns(MILLIS(20));
    want_eq(message_call(&m, at, 1, NULL), 0); /* its queue is full now */
    fiber_sleep_ns(MILLIS(20));
    /* this wake-up is used up, and no other can be armed */
    want_eq(message_call(&m, at, 2, NULL), 0);
    fiber_sleep_ns(MILLIS(20));
    atomic_store(&refuses[1], false);
    fiber_sleep_ns(MILLIS(20));
    want_eq(message_call(&m, at, 2, NULL), 0);
}

Test(uring_full, a_reactor_that_could_not_arm_its_wake_up_is_woken_all_the_same)
{
    world_require(BACKEND_URING);
    const struct world w = {.backend = BACKEND_URING, .reactors = 2, .fibers_max = 4096};
    cr_assert_eq(world_run(&w, call_one_that_sleeps, NULL), 0);
}
