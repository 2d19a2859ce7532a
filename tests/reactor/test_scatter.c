/* test_scatter.c -- a message to each of many reactors: each reactor gets one or none, all answers
 * are awaited, the first failure is returned. */
#include "reactor/message.h"
#include "world.h"
#include <errno.h>

TestSuite(scatter, .timeout = 60);

enum { ACTOR_DOUBLE = 3, MSG_DOUBLE = 7, REACTORS = 4 };

struct number {
    struct message m;
    uint64_t is;
    int fails;
    bool spared;
};

static struct actor actors[REACTORS];
static unsigned here_calls;

static int double_it(struct number *n)
{
    n->is *= 2;
    return n->fails;
}

static void on_message(struct actor *a, struct message *m)
{
    want_eq(m->type, MSG_DOUBLE);
    fiber_sleep_ns(1000 * (REACTORS - reactor_id())); /* the last one answers first */
    message_reply(m, double_it((struct number *)m));
}

static int here(void *arg, struct message *m)
{
    *(unsigned *)arg += 1;
    return double_it((struct number *)m);
}

static bool is_spared(const struct message *m)
{
    return ((const struct number *)m)->spared;
}

static void fill(struct number *n, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        n[i] = (struct number){.is = 100 + i};
}

static struct scatter of(struct number *n, unsigned first, unsigned count)
{
    return (struct scatter){.messages = n,
                            .size = sizeof(*n),
                            .first = first,
                            .count = count,
                            .to = {0, ACTOR_DOUBLE, 0},
                            .type = MSG_DOUBLE};
}

static void everybody_is_asked(struct number *n)
{
    fill(n, REACTORS);
    struct scatter s = of(n, 0, REACTORS);
    want_eq(message_scatter(&s), 0);
    for (unsigned r = 0; r < REACTORS; r++)
        want_eq(n[r].is, 2 * (100 + r));
    fill(n, REACTORS);
    s.here = here;
    s.arg = &here_calls;
    here_calls = 0;
    want_eq(message_scatter(&s), 0);
    want_eq(here_calls, 1);
    for (unsigned r = 0; r < REACTORS; r++)
        want_eq(n[r].is, 2 * (100 + r));
}

static void the_first_failure_counts_and_all_are_awaited(struct number *n)
{
    fill(n, REACTORS);
    n[1].fails = -EIO;
    n[3].fails = -ENOMEM; /* home first */
    const struct scatter s = of(n, 0, REACTORS);
    want_eq(message_scatter(&s), -EIO);
    want_eq(n[0].m.status, 0);
    want_eq(n[1].m.status, -EIO);
    want_eq(n[3].m.status, -ENOMEM);
    for (unsigned r = 0; r < REACTORS; r++)
        want(!n[r].m.in_flight && n[r].is == 2 * (100 + r));
}

static void some_are_spared(struct number *n)
{
    fill(n, REACTORS);
    n[0].spared = n[2].spared = true;
    n[2].m.status = -EBUSY; /* of an earlier time */
    struct scatter s = of(n, 0, REACTORS);
    s.skip = is_spared;
    s.here = here;
    s.arg = &here_calls;
    here_calls = 0;
    want_eq(message_scatter(&s), 0);
    want_eq(here_calls, 0);
    want(n[0].is == 100 && n[1].is == 202 && n[2].is == 102 && n[3].is == 206);
}

static void a_stretch_of_reactors(struct number *n)
{
    fill(n, 2);
    const struct scatter s = of(n, 2, 2), none = of(n, 0, 0);
    want_eq(message_scatter(&s), 0);
    want(n[0].is == 200 && n[1].is == 202);
    want(n[0].m.to.reactor == 2 && n[1].m.to.reactor == 3);
    want_eq(message_scatter(&none), 0);
}

static void play(void *arg)
{
    static struct number n[REACTORS];
    actor_start(&actors[reactor_id()], ACTOR_DOUBLE, "double", CLASS_INTERACTIVE, 1, on_message);
    if (reactor_id() != 0)
        return;
    everybody_is_asked(n);
    the_first_failure_counts_and_all_are_awaited(n);
    some_are_spared(n);
    a_stretch_of_reactors(n);
}

EVERYWHERE(scatter, asks_many_and_waits_for_all)
{
    world_run_well(backend, REACTORS, play, NULL);
}
