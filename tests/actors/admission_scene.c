#include "admission_scene.h"

#include <stdlib.h>

static void visit(void *arg)
{
    struct visitor *v = arg;
    struct scene *s = v->scene;
    uint64_t began_ns = clock_now_ns();
    struct request *rq = session_begin(v->session, 1, v->deadline_ms, v->cls, 100);
    want(rq);
    v->rq = rq;
    v->rc = admission_enter(rq, v->cls, v->work_ns, v->bytes, "search");
    v->waited_ns = clock_now_ns() - began_ns;
    v->error = rq->error;
    if (v->rc == 0) {
        v->place = ++s->begun;
        while (!v->leave)
            event_wait(&v->changed);
        admission_leave(rq);
    }
    v->rq = NULL;
    session_end(rq);
    v->over = true;
    s->over++;
}

/* Waits until no fiber can go on. */
void settle(void)
{
    fiber_sleep_ns(MILLIS(1));
}

void enter(struct scene *s, struct visitor *v)
{
    v->scene = s;
    want_eq(fiber_start(CLASS_INTERACTIVE, visit, v, "visitor"), 0);
    settle();
}

void let_go(struct visitor *v)
{
    v->leave = true;
    event_notify_all(&v->changed);
    settle();
}

static void nothing_is_left(struct scene *s)
{
    struct core *c = s->core;
    want_eq(c->admission.bytes, 0);
    want_eq(c->admission.small_bytes, 0);
    want_eq(c->admission.waiting, 0);
    want_eq(c->places.left, c->places.most);
    for (unsigned i = 0; i < ADMISSION_CLASSES; i++) {
        const struct admission_lane *l = &c->admission.lanes[i];
        want_eq(l->running, 0);
        want_eq(l->running_ns, 0);
        want_eq(l->waiting_ns, 0);
        want(!l->head && !l->tail);
        want_eq(c->metrics.admission[i].waiting, 0);
    }
    for (unsigned i = 0; i < SESSIONS; i++)
        want_eq(s->sessions[i].bytes + s->sessions[i].small_bytes, 0);
}

struct play {
    void (*act)(struct scene *s);
};

static void run(void *arg)
{
    struct play *p = arg;
    struct scene *s = calloc(1, sizeof(*s));
    want(s && (s->core = calloc(1, sizeof(*s->core))));
    settings_init(&s->core->settings);
    byte_pool_init(&s->core->frames, (uint64_t)1 << 30);
    /* so that only the admission makes requests wait */
    s->core->places.left = s->core->places.most = 10000;
    admission_init(&s->core->admission, (uint64_t)64 << 20, s->core->metrics.admission);
    for (unsigned i = 0; i < SESSIONS; i++)
        session_init(&s->sessions[i], s->core);
    p->act(s);
    nothing_is_left(s);
    request_pool_fini(&s->core->requests);
    free(s->core);
    free(s);
}

void scene_run(void (*act)(struct scene *s))
{
    struct play p = {act};
    struct world w = {.backend = BACKEND_SIM, .reactors = 1, .seed = 1, .fibers_max = 10000};
    cr_assert_eq(world_run(&w, run, &p), 0);
}
