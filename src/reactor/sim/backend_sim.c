/* backend_sim.c -- the simulator's clock and events, and its side of a back end.
 *
 * The simulated world advances by events. Each reactor takes turns while it has something to do.
 * When all sleep, the clock jumps to the next event or timer. The seed decides which reactor and
 * which fiber runs next, whether a checkpoint yields, and how long I/O takes. Code here must not
 * depend on anything that differs between two runs of one seed, like addresses or real time.
 * FoundationDB and TigerBeetle test whole servers this way. */
#include "base/log.h"
#include "reactor/fibers/fiber.h"
#include "reactor/reactor.h"
#include "reactor/sim/sim_world.h"
#include <errno.h>
#include <stdlib.h>

#define WALL_START_NS 1700000000000000000u
#define CLOCK_NS      20 /* added by each read of the clock, so that a loop until a deadline ends */

uint64_t sim_draw(struct sim_random *r)
{
    r->state += 0x9e3779b97f4a7c15u; /* splitmix64: Steele, Lea, Flood, OOPSLA 2014 */
    uint64_t z = r->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

bool sim_enter(struct sim *s)
{
    bool was = s->in_turn;
    s->in_turn = false;
    return was;
}

void sim_leave(struct sim *s, bool was)
{
    s->in_turn = was;
}

struct sim_backend *sim_of(struct backend *b)
{
    return CONTAINER_OF(b, struct sim_backend, base);
}

/* -- events -- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->seq < b->seq;
}

void sim_schedule(struct sim *s, uint64_t delay_ns, struct sim_event e)
{
    if (s->event_count == s->event_capacity) {
        s->event_capacity = s->event_capacity ? s->event_capacity * 2 : 64;
        s->events = realloc(s->events, s->event_capacity * sizeof(*s->events));
        check(s->events);
    }
    e.time_ns = s->now_ns + delay_ns;
    e.seq = s->seq++;
    size_t i = s->event_count++;
    for (; i > 0 && before(&e, &s->events[(i - 1) / 2]); i = (i - 1) / 2)
        s->events[i] = s->events[(i - 1) / 2];
    s->events[i] = e;
}

static struct sim_event event_pop(struct sim *s)
{
    struct sim_event first = s->events[0], last = s->events[--s->event_count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= s->event_count)
            break;
        if (child + 1 < s->event_count && before(&s->events[child + 1], &s->events[child]))
            child++;
        if (!before(&s->events[child], &last))
            break;
        s->events[i] = s->events[child];
        i = child;
    }
    s->events[i] = last;
    return first;
}

static void happen_complete(struct sim *s, struct sim_event *e)
{
    struct op *op = e->object;
    op->result = (int64_t)e->value;
    sim_trace_op(s, e->backend->id, "done", op, e->value);
    op_list_push(&e->backend->due, op);
}

void sim_complete(struct sim_backend *b, struct op *op, int64_t result, uint64_t delay_ns)
{
    sim_schedule(b->sim, delay_ns,
                 (struct sim_event){.happen = happen_complete, .backend = b, .object = op, .value = (uint64_t)result});
}

void sim_run_events(struct sim *s)
{
    while (s->event_count && s->events[0].time_ns <= s->now_ns) {
        struct sim_event e = event_pop(s);
        e.happen(s, &e);
    }
}

/* -- the interface of a back end -- */

static int sim_probe(struct error *error)
{
    return 0;
}

static int sim_open(struct reactor *r, struct sim *sim, struct backend **ret, struct error *error)
{
    struct sim_backend *b = calloc(1, sizeof(*b));
    if (!b)
        return error_set_errno(error, -ENOMEM, "no memory for a simulated reactor");
    b->base = (struct backend){.ops = &backend_sim, .reactor = r};
    b->sim = sim;
    b->id = reactor_id_of(r);
    sim->backends[b->id] = b;
    *ret = &b->base;
    return 0;
}

static void sim_close(struct backend *b)
{
    struct sim_backend *sb = sim_of(b);
    sb->sim->backends[sb->id] = NULL;
    free(sb);
}

static uint64_t sim_now(struct backend *b)
{
    return sim_of(b)->sim->now_ns += CLOCK_NS;
}

static uint64_t sim_wall(struct backend *b)
{
    return WALL_START_NS + sim_of(b)->sim->now_ns;
}

static uint64_t sim_random_u64(struct backend *b)
{
    return sim_draw(&sim_of(b)->sim->application);
}

static void sim_submit(struct backend *b, struct op *op)
{
    struct sim_backend *sb = sim_of(b);
    bool was = sim_enter(sb->sim);
    sim_trace_op(sb->sim, sb->id, "submit", op, op->size);
    bool net = op->kind >= OP_ACCEPT || (op->kind == OP_CLOSE && sim_net_owns(op->handle));
    if (net)
        sim_net_submit(sb, op);
    else
        sim_disk_submit(sb, op);
    sim_leave(sb->sim, was);
}

static void sim_cancel(struct backend *b, struct op *op)
{
    struct sim_backend *sb = sim_of(b);
    bool was = sim_enter(sb->sim);
    if (sim_net_cancel(sb, op))
        sim_complete(sb, op, -ECANCELED, 0);
    sim_leave(sb->sim, was);
}

static unsigned sim_poll(struct backend *b, uint64_t until_ns)
{
    struct sim_backend *sb = sim_of(b);
    struct op_list list = sb->due; /* what done() adds is handled by the next poll */
    struct op *op;
    unsigned calls = 0;
    sb->due = (struct op_list){0};
    while ((op = op_list_pop(&list))) {
        op->done(op);
        calls++;
    }
    return calls;
}

static bool sim_pending(struct backend *b)
{
    return sim_of(b)->due.head;
}

static void sim_wake(struct backend *b)
{
    sim_of(b)->woken = true;
}

static int sim_listen(struct backend *b, struct endpoint *at, handle_t *ret)
{
    struct sim_backend *sb = sim_of(b);
    bool was = sim_enter(sb->sim);
    int rc = sim_net_listen(sb, at, ret);
    sim_leave(sb->sim, was);
    return rc;
}

static void sim_shutdown(struct backend *b, handle_t connection)
{
    struct sim_backend *sb = sim_of(b);
    bool was = sim_enter(sb->sim);
    sim_net_shutdown(sb, connection);
    sim_leave(sb->sim, was);
}

/* A mapping is a copy. Only immutable files are mapped, so a real mapping would not change
 * either. */
static void sim_unmap(struct backend *b, const struct mapping *m)
{
    struct sim *s = sim_of(b)->sim;
    bool was = sim_enter(s);
    sim_disk_unmap(s, m->bytes);
    sim_leave(s, was);
}

static void sim_advise(struct backend *b, const struct mapping *m, size_t offset, size_t size,
                       enum mapping_advice advice)
{
}

const struct backend_ops backend_sim = {
    .name = "sim",
    .probe = sim_probe,
    .open = sim_open,
    .close = sim_close,
    .now_ns = sim_now,
    .wall_ns = sim_wall,
    .random = sim_random_u64,
    .submit = sim_submit,
    .cancel = sim_cancel,
    .poll = sim_poll,
    .pending = sim_pending,
    .wake = sim_wake,
    .listen = sim_listen,
    .shutdown = sim_shutdown,
    .unmap = sim_unmap,
    .advise = sim_advise,
    .pick = sim_pick,
    .should_yield = sim_should_yield,
    .late = sim_late,
};

/* -- the world -- */

int sim_create(uint64_t seed, struct sim **ret)
{
    struct sim *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    struct sim_random root = {seed};
    struct sim_random *const streams[] = {&s->scheduling, &s->disk_timing, &s->crash, &s->net_timing, &s->application};
    for (unsigned i = 0; i < ARRAY_LEN(streams); i++)
        streams[i]->state = sim_draw(&root);
    sim_faults_init(s, &root);
    s->schedule.random.state = sim_draw(&root);
    s->now_ns = 1000000000;
    s->trace_hash = 0xcbf29ce484222325u;
    s->disk = sim_disk_create();
    s->net = sim_net_create();
    if (!s->disk || !s->net) {
        sim_destroy(s);
        return -ENOMEM;
    }
    *ret = s;
    return 0;
}

void sim_destroy(struct sim *s)
{
    if (!s)
        return;
    sim_disk_destroy(s->disk);
    sim_net_destroy(s->net);
    free(s->events);
    free(s);
}
