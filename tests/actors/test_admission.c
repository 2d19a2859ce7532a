/* test_admission.c -- the order of requests, work in pieces, and random requests. */
#include "admission_scene.h"

#include <stdlib.h>
#include <string.h>

/* -- the order -- */

ADMISSION_TEST(admission, what_fits_runs_at_once_and_the_rest_in_the_order_it_came)
{
    enum { N = 60 };
    struct visitor *v = calloc(N, sizeof(*v));
    for (unsigned i = 0; i < N; i++) {
        v[i] = (struct visitor){.session = &s->sessions[0], .cls = ADMIT_SEARCH, .work_ns = SHORT_NS};
        enter(s, &v[i]);
    }
    unsigned first = s->begun;
    want(first >= 16 && first < N); /* the lane lets 4 ms of work run at once */
    for (unsigned i = 0; i < N; i++)
        let_go(&v[i]);
    for (unsigned i = 0; i < N; i++)
        want_eq(v[i].place, i + 1);
    want_eq(s->core->metrics.admission[ADMIT_SEARCH].admitted, N);
    want_eq(s->core->metrics.admission[ADMIT_SEARCH].queued, N - first);
    free(v);
}

ADMISSION_TEST(admission, a_client_with_many_requests_does_not_keep_out_one_with_few)
{
    enum { N = 100 };
    struct visitor *many = calloc(N, sizeof(*many)),
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

/* Each request of one client takes ten times the work of the other's. The clients are served
 * alternately by work, not by number. */
ADMISSION_TEST(admission, clients_get_equal_work_and_not_equal_numbers)
{
    enum { N = 120 };
    struct visitor *v = calloc(2 * N, sizeof(*v)), *heavy = v, *light = v + N;
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
    /* those that had room before there was a queue, and its share of the queue */
    want(served_heavy < 16 + N / 10 + 16);
    for (unsigned i = 0; i < 2 * N; i++)
        let_go(&v[i]);
    free(v);
}

ADMISSION_TEST(admission, long_searches_do_not_stand_before_short_ones)
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

/* Two clients that fill the lane with hours of work delay others for a piece or two at most. */
ADMISSION_TEST(admission, who_works_in_pieces_lets_others_in_between)
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

/* -- random requests -- */

ADMISSION_TEST(admission, whatever_comes_and_goes_everybody_is_answered)
{
    enum { N = 400 };
    struct visitor *v = calloc(N, sizeof(*v));
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
