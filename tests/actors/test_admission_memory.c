/* test_admission_memory.c -- memory of requests, of their frames, and of small answers. */
#include "admission_scene.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

ADMISSION_TEST(admission_memory, a_client_that_fills_its_share_waits_and_others_do_not)
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
    enter(s, &little); /* a small request needs no memory */
    want_eq(little.place, 3);
    want_eq(s->core->admission.bytes, 25 * MIB);
    let_go(&v[0]);
    want_eq(s->begun, 4);
    let_go(&v[1]);
    let_go(&v[2]);
    let_go(&other);
    let_go(&little);
}

/* The pieces of a disk check enter again and again. */
ADMISSION_TEST(admission_memory, a_request_that_enters_again_keeps_what_it_has)
{
    struct admission *a = &s->core->admission;
    struct request *rq = request_acquire(s->core, 0);
    want(rq != NULL);
    want_eq(admission_enter(rq, ADMIT_LOAD, 0, 10 * MIB, "check"), 0);
    admission_leave(rq);
    want_eq(admission_enter(rq, ADMIT_BACKGROUND, 0, 5 * MIB, "check"), 0);
    want_eq(a->bytes, 15 * MIB);
    admission_leave(rq);
    admission_forget(rq);
    request_release(rq);
    want_eq(a->bytes, 0);
    want_eq(a->own[ADMIT_LOAD].bytes + a->own[ADMIT_BACKGROUND].bytes, 0);
}

/* Five small answers of 60 KiB. Four are admitted without asking for memory. The fifth
 * asks, and there is none. */
ADMISSION_TEST(admission_memory, a_client_with_many_small_answers_waits_for_memory_too)
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

ADMISSION_TEST(admission_memory, memory_goes_to_the_more_urgent_first)
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

ADMISSION_TEST(admission_memory, more_memory_is_refused_when_there_is_none_and_one_alone_always_has_it)
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

static void want_sentence(const struct request *rq, enum error_code code, const char *text)
{
    want_eq(rq->error.code, code);
    want_eq(rq->error.retry_after_ms, 0);
    want(strstr(rq->error.text, text));
}

ADMISSION_TEST(admission_memory, what_one_request_may_have_is_said_where_it_needs_more)
{
    struct visitor v = {.session = &s->sessions[0], .cls = ADMIT_LOAD, .bytes = 6 * MIB};
    enter(s, &v);
    v.rq->bulk.limit = 4 * MIB;
    want_eq(request_error_memory(v.rq, 1000, "points", "upsert", ""), -EMSGSIZE);
    want_sentence(v.rq, ERROR_TOO_LARGE,
                  "the upsert needs 6.0 MiB, and one request may have 4.0 MiB here: send at most 666 points at once");
    want_eq(request_error_memory(v.rq, 1, "points", "upsert", ""), -EMSGSIZE);
    want_sentence(v.rq, ERROR_TOO_LARGE,
                  "the upsert needs 6.0 MiB for each of its points, and one request may have 4.0 MiB here");
    want_eq(request_error_memory(v.rq, 1, "queries", "search", "ask for a smaller k, or "), -EMSGSIZE);
    want_sentence(v.rq, ERROR_TOO_LARGE, "4.0 MiB here: ask for a smaller k, or give kithd more --memory");
    v.rq->bulk.limit = 8 * MIB; /* the system has no memory */
    want_eq(request_error_memory(v.rq, 1000, "points", "upsert", ""), -ENOBUFS);
    want_sentence(v.rq, ERROR_RESOURCE_EXHAUSTED, "not enough memory for the upsert");
    let_go(&v);
}

/* A request with a large frame: it waits before its frame is read. */
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

ADMISSION_TEST(admission_memory, memory_for_frames_gets_larger_at_once_and_smaller_when_none_is_coming_in)
{
    struct byte_pool *p = &s->core->frames;
    struct byte_claim coming = {0}, whole = {0};
    byte_pool_resize(p, 64 * MIB);
    want_eq(p->bytes, 64 * MIB);
    want_eq(byte_pool_begin(p, &coming, BYTES_URGENT, 40 * MIB, 0), 0);
    byte_pool_resize(p, 8 * MIB);
    want_eq(p->bytes, 64 * MIB); /* a frame that arrives could not be finished in a smaller pool */
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

ADMISSION_TEST(admission_memory, large_frames_wait_for_memory_in_the_order_of_their_urgency)
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

ADMISSION_TEST(admission_memory, a_search_waits_for_the_memory_of_its_frame_as_long_as_for_its_turn)
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
