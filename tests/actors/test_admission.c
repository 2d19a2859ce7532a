/* test_admission.c -- who runs, who waits, who is told to come again. One core, whose requests are fibers that hold what they were given until the
 * test lets them end. */
#include "../reactor/world.h"
#include "actors/admission_lane.h"
#include "actors/core.h"

#include <stdlib.h>
#include <string.h>

TestSuite(admission, .timeout = 60);

#define LONG_NS  MILLIS(10) /* more than a short search is let to have */
#define SHORT_NS 100000

#define SESSIONS 64

struct scene {
    struct core *core;
    struct session sessions[SESSIONS];
    unsigned begun; /* how many were let in so far */
    unsigned over;
};

struct visitor {
    struct scene *scene;
    struct session *session;
    enum admission_class cls;
    uint64_t work_ns, bytes;
    uint32_t deadline_ms;
    struct request *rq;
    bool leave;
    struct event changed;
    /* what became of it */
    bool over;
    unsigned place; /* 1: the first that was let in */
    int rc;
    struct error error;
    uint64_t waited_ns;
};

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

/* Everybody who can go on has gone on. */
static void settle(void)
{
    fiber_sleep_ns(MILLIS(1));
}

static void enter(struct scene *s, struct visitor *v)
{
    v->scene = s;
    want_eq(fiber_start(CLASS_INTERACTIVE, visit, v, "visitor"), 0);
    settle();
}

static void let_go(struct visitor *v)
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
    struct scene *s = calloc(1, sizeof *s);
    want(s && (s->core = calloc(1, sizeof *s->core)));
    settings_init(&s->core->settings);
    byte_pool_init(&s->core->frames, (uint64_t)1 << 30);
    s->core->places.left = s->core->places.most = 10000; /* admission alone is tried here */
    admission_init(&s->core->admission, (uint64_t)64 << 20, s->core->metrics.admission);
    for (unsigned i = 0; i < SESSIONS; i++)
        session_init(&s->sessions[i], s->core);
    p->act(s);
    nothing_is_left(s);
    request_pool_fini(&s->core->requests);
    free(s->core);
    free(s);
}

#define ADMISSION_TEST(name)                                                                                           \
    static void name(struct scene *s);                                                                                 \
    Test(admission, name)                                                                                              \
    {                                                                                                                  \
        struct play p = {name};                                                                                        \
        struct world w = {.backend = BACKEND_SIM, .reactors = 1, .seed = 1, .fibers_max = 10000};                      \
        cr_assert_eq(world_run(&w, run, &p), 0);                                                                       \
    }                                                                                                                  \
    static void name(struct scene *s)

/* -- whose turn it is -- */

ADMISSION_TEST(what_fits_runs_at_once_and_the_rest_in_the_order_it_came)
{
    enum { N = 60 };
    struct visitor *v = calloc(N, sizeof *v);
    for (unsigned i = 0; i < N; i++) {
        v[i] = (struct visitor){.session = &s->sessions[0], .cls = ADMIT_SEARCH, .work_ns = SHORT_NS};
        enter(s, &v[i]);
    }
    unsigned first = s->begun;
    want(first >= 16 && first < N); /* 4 ms of work at once */
    for (unsigned i = 0; i < N; i++)
        let_go(&v[i]);
    for (unsigned i = 0; i < N; i++)
        want_eq(v[i].place, i + 1);
    want_eq(s->core->metrics.admission[ADMIT_SEARCH].admitted, N);
    want_eq(s->core->metrics.admission[ADMIT_SEARCH].queued, N - first);
    free(v);
}

ADMISSION_TEST(a_client_with_many_requests_does_not_keep_out_one_with_few)
{
    enum { N = 100 };
    struct visitor *many = calloc(N, sizeof *many),
                   few = {.session = &s->sessions[1], .cls = ADMIT_SEARCH, .work_ns = SHORT_NS};
    for (unsigned i = 0; i < N; i++) {
        many[i] = (struct visitor){.session = &s->sessions[0], .cls = ADMIT_SEARCH, .work_ns = SHORT_NS};
        enter(s, &many[i]);
    }
    unsigned running = s->begun;
    enter(s, &few);
    want_eq(few.place, 0);
    let_go(&many[0]);
    let_go(&many[1]);
    want(few.place > 0 && few.place <= running + 2);
    let_go(&few);
    for (unsigned i = 0; i < N; i++)
        let_go(&many[i]);
    want_eq(s->over, N + 1);
    free(many);
}

/* One asks for ten times the work of the other with each request: served alternately by work, not by number. */
ADMISSION_TEST(clients_get_equal_work_and_not_equal_numbers)
{
    enum { N = 120 };
    struct visitor *v = calloc(2 * N, sizeof *v), *heavy = v, *light = v + N;
    for (unsigned i = 0; i < N; i++) {
        heavy[i] = (struct visitor){.session = &s->sessions[0], .cls = ADMIT_SEARCH, .work_ns = 10 * SHORT_NS};
        enter(s, &heavy[i]);
    }
    for (unsigned i = 0; i < N; i++) {
        light[i] = (struct visitor){.session = &s->sessions[1], .cls = ADMIT_SEARCH, .work_ns = SHORT_NS};
        enter(s, &light[i]);
    }
    unsigned served_light = 0, served_heavy = 0;
    for (unsigned i = 0; i < 2 * N && !light[N - 1].place; i++)
        for (unsigned j = 0; j < 2 * N; j++)
            if (v[j].place == i + 1)
                let_go(&v[j]);
    for (unsigned i = 0; i < N; i++) {
        served_light += light[i].place > 0;
        served_heavy += heavy[i].place > 0;
    }
    want_eq(served_light, N);
    want(served_heavy < 16 + N / 10 + 16); /* those that had room before there was a queue, and its share */
    for (unsigned i = 0; i < 2 * N; i++)
        let_go(&v[i]);
    free(v);
}

ADMISSION_TEST(long_searches_do_not_stand_before_short_ones)
{
    struct visitor longs[5] = {0}, brief = {.session = &s->sessions[1], .cls = ADMIT_SEARCH, .work_ns = SHORT_NS};
    for (unsigned i = 0; i < ARRAY_LEN(longs); i++) {
        longs[i] = (struct visitor){.session = &s->sessions[i % 2], .cls = ADMIT_SEARCH, .work_ns = LONG_NS};
        enter(s, &longs[i]);
    }
    settle();
    want_eq(s->begun, 2);
    enter(s, &brief);
    want_eq(brief.place, 3);
    want_eq(s->core->metrics.admission[ADMIT_BATCH].queued, 3);
    let_go(&brief);
    for (unsigned i = 0; i < ARRAY_LEN(longs); i++)
        let_go(&longs[i]);
}

/* -- who is refused -- */

ADMISSION_TEST(a_queue_is_no_longer_than_a_request_may_wait)
{
    enum { N = 300 };
    struct visitor *v = calloc(N, sizeof *v);
    s->core->settings.admission_queue_ms = 1000;
    for (unsigned i = 0; i < N; i++) {
        v[i] = (struct visitor){.session = &s->sessions[i % 8], .cls = ADMIT_SEARCH, .work_ns = LONG_NS};
        enter(s, &v[i]);
    }
    unsigned refused = 0;
    for (unsigned i = 0; i < N; i++) {
        if (!v[i].over)
            continue;
        refused++;
        want_eq(v[i].rc, -ENOBUFS);
        want_eq(v[i].error.code, ERROR_RESOURCE_EXHAUSTED);
        want(v[i].error.retry_after_ms >= 900 && v[i].error.retry_after_ms <= 1200);
        want(strstr(v[i].error.text, "the server is busy"));
        want(v[i].waited_ns < MILLIS(1));
    }
    uint32_t waiting = s->core->admission.waiting;
    want(waiting > 90 && waiting < 110); /* a second of work, ten milliseconds each */
    want_eq(refused, N - waiting - 2);
    want_eq(s->core->metrics.admission[ADMIT_BATCH].refused[REFUSED_WAIT], refused);
    for (unsigned i = 0; i < N; i++)
        let_go(&v[i]);
    free(v);
}

ADMISSION_TEST(who_cannot_be_served_before_its_deadline_is_told_at_once)
{
    enum { N = 22 };
    struct visitor *v = calloc(N, sizeof *v), late = {.session = &s->sessions[1], .deadline_ms = 50},
                   early = {.session = &s->sessions[1], .deadline_ms = 1000};
    late.cls = early.cls = ADMIT_SEARCH;
    late.work_ns = early.work_ns = LONG_NS;
    for (unsigned i = 0; i < N; i++) {
        v[i] = (struct visitor){.session = &s->sessions[0], .cls = ADMIT_SEARCH, .work_ns = LONG_NS};
        enter(s, &v[i]);
    }
    enter(s, &late);
    enter(s, &early);
    /* Before it: two that run, and of the other client's one, as they take turns. */
    want(late.over && late.rc == -ENOBUFS && late.error.retry_after_ms > 0);
    want(!early.over);
    let_go(&v[0]);
    let_go(&v[1]);
    want(early.place > 0);
    let_go(&early);
    for (unsigned i = 0; i < N; i++)
        let_go(&v[i]);
    free(v);
}

ADMISSION_TEST(a_request_whose_work_would_end_after_its_deadline_is_not_begun)
{
    struct visitor v[2], late = {.session = &s->sessions[1], .cls = ADMIT_SEARCH, .work_ns = LONG_NS};
    late.deadline_ms = 200;
    for (unsigned i = 0; i < 2; i++) {
        v[i] = (struct visitor){.session = &s->sessions[0], .cls = ADMIT_SEARCH, .work_ns = LONG_NS};
        enter(s, &v[i]);
    }
    enter(s, &late);
    want(!late.over && late.place == 0);
    fiber_sleep_ns(MILLIS(194)); /* the deadline has not passed, but less time is left than the work takes */
    let_go(&v[0]);
    let_go(&v[1]);
    want_eq(late.place, 0);
    want_eq(late.rc, -ENOBUFS); /* busy: come again */
    let_go(&late);
}

ADMISSION_TEST(a_wrong_estimate_does_not_make_a_wait_longer)
{
    struct visitor v[4] = {0};
    s->core->settings.admission_queue_ms = 300;
    for (unsigned i = 0; i < ARRAY_LEN(v); i++) {
        v[i] = (struct visitor){.session = &s->sessions[0], .cls = ADMIT_SEARCH, .work_ns = LONG_NS};
        v[i].deadline_ms = i == 3 ? 200 : 0;
        enter(s, &v[i]);
    }
    want_eq(s->begun, 2);
    fiber_sleep_ns(MILLIS(250));
    want(v[3].over);
    want_eq(v[3].error.code, ERROR_DEADLINE_EXCEEDED);
    want(!v[2].over);
    fiber_sleep_ns(MILLIS(100));
    want(v[2].over);
    want_eq(v[2].error.code, ERROR_RESOURCE_EXHAUSTED);
    want(v[2].error.retry_after_ms > 0);
    want(v[2].waited_ns >= MILLIS(300) && v[2].waited_ns < MILLIS(350));
    let_go(&v[0]);
    let_go(&v[1]);
}

/* The estimates say a tenth of what the work takes; after some of it the queue is a tenth as long. */
ADMISSION_TEST(how_long_a_queue_is_is_measured)
{
    enum { N = 40 };
    struct visitor *v = calloc(N, sizeof *v), last = {.session = &s->sessions[1], .deadline_ms = 1500};
    s->core->settings.admission_queue_ms = 100000;
    for (unsigned i = 0; i < N; i++) {
        v[i] = (struct visitor){.session = &s->sessions[0], .cls = ADMIT_SEARCH, .work_ns = LONG_NS};
        enter(s, &v[i]);
    }
    for (unsigned i = 0; i < 20; i++) {
        fiber_sleep_ns(MILLIS(100));
        let_go(&v[i]);
    }
    double slowness = lane_slowness(&s->core->admission.lanes[ADMIT_BATCH]);
    want(slowness > 8 && slowness < 12);
    last.cls = ADMIT_SEARCH;
    last.work_ns = 40 * LONG_NS; /* 4 s, as it looks now */
    enter(s, &last);
    want_eq(last.rc, -ENOBUFS);
    for (unsigned i = 20; i < N; i++)
        let_go(&v[i]);
    want_eq(s->over, N + 1);
    free(v);
}

ADMISSION_TEST(loads_are_patient_but_not_without_bound)
{
    enum { N = 1024 + 8192 };
    struct visitor *v = calloc(N + 1, sizeof *v);
    for (unsigned i = 0; i <= N; i++) {
        v[i] = (struct visitor){.session = &s->sessions[i % SESSIONS], .cls = ADMIT_LOAD, .work_ns = SECONDS(1)};
        enter(s, &v[i]);
    }
    want_eq(s->begun, 1024);
    want_eq(s->over, 1);
    want_eq(v[N].rc, -ENOBUFS);
    want(strstr(v[N].error.text, "which is all that may"));
    for (unsigned i = 0; i < N; i++) {
        v[i].leave = true;
        event_notify_all(&v[i].changed);
    }
    fiber_sleep_ns(SECONDS(10)); /* and no time was too long */
    want_eq(s->begun, N);
    free(v);
}

ADMISSION_TEST(one_that_is_given_up_leaves_the_queue)
{
    struct visitor v[4] = {0};
    for (unsigned i = 0; i < ARRAY_LEN(v); i++) {
        v[i] = (struct visitor){.session = &s->sessions[i / 2], .cls = ADMIT_SEARCH, .work_ns = LONG_NS};
        enter(s, &v[i]);
    }
    want_eq(s->begun, 2);
    session_cancel_all(&s->sessions[1]);
    settle();
    want(v[2].over && v[2].rc == -ECANCELED && v[2].error.code == ERROR_CANCELLED);
    want(v[3].over);
    let_go(&v[0]);
    let_go(&v[1]);
}

/* -- memory -- */

#define MIB ((uint64_t)1 << 20)

ADMISSION_TEST(a_client_that_fills_its_share_waits_and_others_do_not)
{
    struct visitor v[3] = {0}, other = {.session = &s->sessions[1], .cls = ADMIT_LOAD, .bytes = 15 * MIB},
                   little = {.session = &s->sessions[0], .cls = ADMIT_SEARCH, .work_ns = SHORT_NS};
    for (unsigned i = 0; i < ARRAY_LEN(v); i++) { /* of 64 MiB */
        v[i] = (struct visitor){.session = &s->sessions[0], .cls = ADMIT_LOAD, .bytes = 10 * MIB};
        enter(s, &v[i]);
    }
    want_eq(s->begun, 1);
    enter(s, &other);
    want_eq(other.place, 2);
    enter(s, &little); /* needs none */
    want_eq(little.place, 3);
    want_eq(s->core->admission.bytes, 25 * MIB);
    let_go(&v[0]);
    want_eq(s->begun, 4);
    let_go(&v[1]);
    let_go(&v[2]);
    let_go(&other);
    let_go(&little);
}

#define KIB ((uint64_t)1 << 10)

/* Five small answers of 60 KiB: four are let in without asking, the fifth asks for memory, and there is none. */
ADMISSION_TEST(a_client_with_many_small_answers_waits_for_memory_too)
{
    struct visitor holds = {.session = &s->sessions[1], .cls = ADMIT_LOAD, .bytes = 64 * MIB},
                   other = {.session = &s->sessions[2], .cls = ADMIT_SEARCH, .bytes = 60 * KIB}, v[5] = {0};
    enter(s, &holds);
    for (unsigned i = 0; i < ARRAY_LEN(v); i++) {
        v[i] = (struct visitor){.session = &s->sessions[0], .cls = ADMIT_SEARCH, .bytes = 60 * KIB};
        enter(s, &v[i]);
    }
    want_eq(s->begun, 5);
    want_eq(v[4].place, 0);
    enter(s, &other);
    want_eq(other.place, 6);
    want_eq(s->core->admission.small_bytes, 300 * KIB);
    want_eq(admission_grow(v[0].rq, 60 * KIB, "fetch"), -ENOBUFS);
    let_go(&v[0]);
    want_eq(v[4].place, 7);
    for (unsigned i = 1; i < ARRAY_LEN(v); i++)
        let_go(&v[i]);
    let_go(&other);
    let_go(&holds);
}

ADMISSION_TEST(memory_goes_to_the_more_urgent_first)
{
    struct visitor holds = {.session = &s->sessions[0], .cls = ADMIT_LOAD, .bytes = 60 * MIB},
                   load = {.session = &s->sessions[1], .cls = ADMIT_LOAD, .bytes = 10 * MIB},
                   search = {.session = &s->sessions[2], .cls = ADMIT_SEARCH, .bytes = 60 * MIB};
    enter(s, &holds);
    enter(s, &load);
    enter(s, &search);
    want_eq(s->begun, 1);
    let_go(&holds);
    want_eq(search.place, 2);
    want_eq(load.place, 0);
    let_go(&search);
    want_eq(load.place, 3);
    let_go(&load);
}

ADMISSION_TEST(more_memory_is_refused_when_there_is_none_and_one_alone_always_has_it)
{
    struct visitor a = {.session = &s->sessions[0], .cls = ADMIT_LOAD, .bytes = 30 * MIB},
                   b = {.session = &s->sessions[1], .cls = ADMIT_LOAD, .bytes = 30 * MIB};
    enter(s, &a);
    want_eq(admission_grow(a.rq, 100 * MIB, "fetch"), 0);
    let_go(&a);
    a.leave = false;
    enter(s, &a);
    enter(s, &b);
    want_eq(admission_grow(a.rq, 100 * MIB, "fetch"), -ENOBUFS);
    want(a.rq->error.retry_after_ms > 0);
    let_go(&a);
    let_go(&b);
}

/* A request whose frame is large: it waits before anything of it is read. */
struct frame {
    struct scene *scene;
    struct session *session;
    enum admission_class cls;
    uint32_t deadline_ms;
    unsigned place;
    enum error_code code;
    bool leave;
};

static void receive(void *arg)
{
    struct frame *f = arg;
    struct request *rq = session_begin(f->session, 1, f->deadline_ms, f->cls, 60 * MIB);
    want(rq);
    if (rq->error.code == ERROR_OK)
        want_eq(session_frame_grow(rq, 60 * MIB), rq->error.code == ERROR_OK ? 0 : -ETIME);
    f->code = rq->error.code;
    want(f->code != ERROR_RESOURCE_EXHAUSTED || rq->error.retry_after_ms > 0);
    if (f->code == ERROR_OK)
        f->place = ++f->scene->begun;
    while (f->code == ERROR_OK && !f->leave)
        fiber_sleep_ns(MILLIS(1));
    session_end(rq);
}

static void want_nothing_held(const struct byte_pool *p)
{
    for (unsigned r = 0; r < BYTE_RANKS; r++)
        want_eq(p->held[r], 0);
    want(p->oldest == NULL && p->waiting == 0);
}

ADMISSION_TEST(memory_for_frames_gets_larger_at_once_and_smaller_when_none_is_coming_in)
{
    struct byte_pool *p = &s->core->frames;
    struct byte_claim coming = {0}, whole = {0};
    byte_pool_resize(p, 64 * MIB);
    want_eq(p->bytes, 64 * MIB);
    want_eq(byte_pool_begin(p, &coming, BYTES_URGENT, 40 * MIB, 0), 0);
    byte_pool_resize(p, 8 * MIB);
    want_eq(p->bytes, 64 * MIB); /* it could not be finished otherwise */
    want_eq(byte_pool_grow(p, &coming, 40 * MIB, 0), 0);
    want_eq(byte_pool_begin(p, &whole, BYTES_URGENT, 1 * MIB, 0), 0);
    want_eq(byte_pool_grow(p, &whole, 1 * MIB, 0), 0);
    byte_pool_end(p, &whole);
    want_eq(p->bytes, 8 * MIB);
    byte_pool_end(p, &coming);
    want_eq(byte_pool_held(p), 0);
    byte_pool_resize(p, (uint64_t)1 << 30);
    want_eq(p->bytes, (uint64_t)1 << 30);
}

ADMISSION_TEST(large_frames_wait_for_memory_in_the_order_of_their_urgency)
{
    enum { N = 5 };
    struct frame f[N] = {{.cls = ADMIT_LOAD},
                         {.cls = ADMIT_BACKGROUND},
                         {.cls = ADMIT_LOAD},
                         {.cls = ADMIT_SEARCH},
                         {.cls = ADMIT_LOAD, .deadline_ms = 50}};
    static const unsigned places[N] = {1, 3, 4, 2, 0};
    s->core->request_bytes = s->core->frames.bytes = 100 * MIB;
    for (unsigned i = 0; i < N; i++) {
        f[i].scene = s;
        f[i].session = &s->sessions[i];
        want_eq(fiber_start(CLASS_INTERACTIVE, receive, &f[i], "frame"), 0);
        settle();
    }
    fiber_sleep_ns(MILLIS(100));
    want_eq(s->begun, 1);
    want_eq(f[4].code, ERROR_DEADLINE_EXCEEDED);
    for (unsigned place = 1; place < N; place++)
        for (unsigned i = 0; i < N; i++)
            if (f[i].place == place) {
                f[i].leave = true;
                fiber_sleep_ns(MILLIS(10));
                break;
            }
    for (unsigned i = 0; i < N; i++)
        want_eq(f[i].place, places[i]);
    want_nothing_held(&s->core->frames);
}

ADMISSION_TEST(a_search_waits_for_the_memory_of_its_frame_as_long_as_for_its_turn)
{
    struct frame load = {.scene = s, .session = &s->sessions[0], .cls = ADMIT_LOAD},
                 search = {.scene = s, .session = &s->sessions[1], .cls = ADMIT_SEARCH};
    s->core->request_bytes = s->core->frames.bytes = 100 * MIB;
    s->core->settings.admission_queue_ms = 300;
    want_eq(fiber_start(CLASS_INTERACTIVE, receive, &load, "frame"), 0);
    settle();
    want_eq(fiber_start(CLASS_INTERACTIVE, receive, &search, "frame"), 0);
    fiber_sleep_ns(MILLIS(200));
    want_eq(search.code, ERROR_OK);
    fiber_sleep_ns(MILLIS(200));
    want_eq(search.code, ERROR_RESOURCE_EXHAUSTED);
    load.leave = true;
    fiber_sleep_ns(MILLIS(10));
    want_nothing_held(&s->core->frames);
}

/* -- work in pieces -- */

#define PIECES 40

struct long_work {
    struct scene *scene;
    struct session *session;
    unsigned done;
    int rc;
    bool over;
};

static void work_long(void *arg)
{
    struct long_work *w = arg;
    struct request *rq = session_begin(w->session, 1, 0, ADMIT_SEARCH, 100);
    want(rq);
    w->rc = admission_enter_pieces(rq, ADMIT_SEARCH, PIECES * LONG_NS, LONG_NS, 0, "search");
    while (w->rc == 0 && ++w->done < PIECES) {
        fiber_sleep_ns(LONG_NS);
        w->rc = admission_next_piece(rq, LONG_NS, "search");
    }
    session_end(rq);
    w->over = true;
}

/* Two that fill the lane with hours of work are in nobody's way for longer than a piece or two. */
ADMISSION_TEST(who_works_in_pieces_lets_others_in_between)
{
    struct long_work heavy[2] = {{.scene = s, .session = &s->sessions[0]}, {.scene = s, .session = &s->sessions[1]}};
    for (unsigned i = 0; i < 2; i++)
        want_eq(fiber_start(CLASS_INTERACTIVE, work_long, &heavy[i], "heavy"), 0);
    settle();
    for (unsigned i = 0; i < 5; i++) {
        struct visitor v = {.session = &s->sessions[2 + i], .cls = ADMIT_SEARCH, .work_ns = LONG_NS, .leave = true};
        const unsigned before = heavy[0].done + heavy[1].done;
        enter(s, &v);
        while (!v.over)
            fiber_sleep_ns(MILLIS(1));
        want_eq(v.rc, 0);
        want(heavy[0].done + heavy[1].done <= before + 4);
        want(!heavy[0].over && !heavy[1].over);
    }
    session_cancel_all(&s->sessions[1]);
    while (!heavy[0].over || !heavy[1].over)
        fiber_sleep_ns(MILLIS(1));
    want_eq(heavy[0].done, PIECES);
    for (unsigned i = 0; i < ADMISSION_CLASSES; i++)
        want(s->core->admission.lanes[i].running == 0 && s->core->admission.lanes[i].running_ns == 0);
}

/* -- anything -- */

ADMISSION_TEST(whatever_comes_and_goes_everybody_is_answered)
{
    enum { N = 400 };
    struct visitor *v = calloc(N, sizeof *v);
    s->core->settings.admission_queue_ms = 200;
    for (unsigned i = 0; i < N; i++) {
        v[i] = (struct visitor){
            .session = &s->sessions[random_u64() % 8],
            .cls = (enum admission_class)(random_u64() % ADMISSION_CLASSES),
            .work_ns = random_u64() % (random_u64() % 2 ? SHORT_NS : LONG_NS),
            .bytes = random_u64() % 3 ? 0 : random_u64() % (40 * MIB),
            .deadline_ms = random_u64() % 3 ? 0 : 1 + (uint32_t)(random_u64() % 300),
        };
        enter(s, &v[i]);
        struct visitor *other = &v[random_u64() % (i + 1)];
        if (random_u64() % 16 == 0 && other->rq)
            session_cancel_all(other->session);
        other->leave = true;
        event_notify_all(&other->changed);
        if (random_u64() % 4 == 0)
            fiber_sleep_ns(random_u64() % MILLIS(5));
    }
    for (unsigned i = 0; i < N; i++) {
        v[i].leave = true;
        event_notify_all(&v[i].changed);
    }
    fiber_sleep_ns(SECONDS(1));
    want_eq(s->over, N);
    free(v);
}
