/* test_admission_refusal.c -- which requests are refused, and which give up. */
#include "admission_scene.h"

#include <stdlib.h>
#include <string.h>

ADMISSION_TEST(admission_refusal, a_queue_is_no_longer_than_a_request_may_wait)
{
    enum { N = 300 };
    struct visitor *v = calloc(N, sizeof(*v));
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

ADMISSION_TEST(admission_refusal, who_cannot_be_served_before_its_deadline_is_told_at_once)
{
    enum { N = 22 };
    struct visitor *v = calloc(N, sizeof(*v)), late = {.session = &s->sessions[1], .deadline_ms = 50},
                   early = {.session = &s->sessions[1], .deadline_ms = 1000};
    late.cls = early.cls = ADMIT_SEARCH;
    late.work_ns = early.work_ns = LONG_NS;
    for (unsigned i = 0; i < N; i++) {
        v[i] = (struct visitor){.session = &s->sessions[0], .cls = ADMIT_SEARCH, .work_ns = LONG_NS};
        enter(s, &v[i]);
    }
    enter(s, &late);
    enter(s, &early);
    /* Before it run two requests that are admitted, and one of the other client,
     * because clients take turns. */
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

ADMISSION_TEST(admission_refusal, a_request_whose_work_would_end_after_its_deadline_is_not_begun)
{
    struct visitor v[2], late = {.session = &s->sessions[1], .cls = ADMIT_SEARCH, .work_ns = LONG_NS};
    late.deadline_ms = 200;
    for (unsigned i = 0; i < 2; i++) {
        v[i] = (struct visitor){.session = &s->sessions[0], .cls = ADMIT_SEARCH, .work_ns = LONG_NS};
        enter(s, &v[i]);
    }
    enter(s, &late);
    want(!late.over && late.place == 0);
    /* the deadline has not passed, but less time is left than the work takes */
    fiber_sleep_ns(MILLIS(194));
    let_go(&v[0]);
    let_go(&v[1]);
    want_eq(late.place, 0);
    want_eq(late.rc, -ENOBUFS); /* busy: refused, with a time to repeat it */
    let_go(&late);
}

ADMISSION_TEST(admission_refusal, a_wrong_estimate_does_not_make_a_wait_longer)
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

/* The estimates are a tenth of the real work. After some of the work the queue is a
 * tenth as long as it was. */
ADMISSION_TEST(admission_refusal, how_long_a_queue_is_is_measured)
{
    enum { N = 40 };
    struct visitor *v = calloc(N, sizeof(*v)), last = {.session = &s->sessions[1], .deadline_ms = 1500};
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
    last.work_ns = 40 * LONG_NS; /* 4 s, by the estimate now */
    enter(s, &last);
    want_eq(last.rc, -ENOBUFS);
    for (unsigned i = 20; i < N; i++)
        let_go(&v[i]);
    want_eq(s->over, N + 1);
    free(v);
}

ADMISSION_TEST(admission_refusal, loads_are_patient_but_not_without_bound)
{
    enum { N = 1024 + 8192 };
    struct visitor *v = calloc(N + 1, sizeof(*v));
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
    fiber_sleep_ns(SECONDS(10)); /* no request waited too long */
    want_eq(s->begun, N);
    free(v);
}

ADMISSION_TEST(admission_refusal, one_that_is_given_up_leaves_the_queue)
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
