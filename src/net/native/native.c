/* native.c -- reads frames from a connection.
 *
 * Small frames come through a buffer, so that one receive serves many frames of a client that
 * pipelines. Of a large frame, only the bytes that are in the buffer already are copied; the rest
 * is received into its final place. A client that stops in the middle of a frame, or does not say
 * hello, is disconnected. An idle client only costs a fiber and its buffer. */
#include "net/native/native.h"
#include "base/text/size.h"
#include "net/native/frame.h"
#include "net/native/operation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HELLO_TIMEOUT_NS ((uint64_t)10000000000) /* until the first frame is complete */
#define STALL_TIMEOUT_NS ((uint64_t)30000000000) /* between two pieces of a frame */
/* slowest rate for the rest of a refused frame, beside the stall timeout */
#define SKIP_BYTES_PER_MS 32
#define LOOK_NS           ((uint64_t)500000000) /* between two checks of how fast a frame comes */
#define RETRY_MS          1000
/* a client that sends little touches few pages of its buffer */
#define INPUT_PIECE_FIRST ((size_t)4 << 10)
#define INPUT_MIN         ((size_t)8 << 10)
#define INPUT_SHARE       128
#define CROWD_SHARE       8
#define CROWD_LINGERERS   64
#define LINGER_NS         ((uint64_t)200000000)
#define HELLO_META_MAX    4096
/* in one operation, because the kernel copies them without a pause */
#define RECEIVE_MAX ((size_t)1 << 20)

/* -- bytes -- */

static int receive_some(struct native *n, void *bytes, size_t capacity, uint64_t deadline_ns, size_t *ret)
{
    int64_t got = stream_read(&n->stream, bytes, capacity < RECEIVE_MAX ? capacity : RECEIVE_MAX, deadline_ns);
    if (got <= 0)
        return got == 0 ? -ECONNRESET : (int)got;
    n->core->metrics.bytes_received += (uint64_t)got;
    *ret = (size_t)got;
    return 0;
}

static int fill_input(struct native *n, uint64_t deadline_ns)
{
    if (n->input_from == n->input_to)
        n->input_from = n->input_to = 0;
    if (n->input_to == n->input_size) { /* a header lies across the end */
        memmove(n->input, n->input + n->input_from, n->input_to - n->input_from);
        n->input_to -= n->input_from;
        n->input_from = 0;
    }
    const size_t room = n->input_size - n->input_to, most = n->input_piece < room ? n->input_piece : room;
    size_t got = 0;
    int rc = receive_some(n, n->input + n->input_to, most, deadline_ns, &got);
    if (rc == 0)
        n->input_to += got;
    if (got == n->input_piece && n->input_piece < n->input_size)
        n->input_piece *= 2;
    return rc;
}

/* Takes some of the next `size` bytes. They go to `to`; if *ret_got is 0, they are now in the input
 * buffer. */
static int take_some(struct native *n, uint8_t *to, size_t size, uint64_t deadline_ns, size_t *ret_got)
{
    size_t got = n->input_to - n->input_from;
    *ret_got = 0;
    if (got == 0 && size < n->input_size / 2)
        return fill_input(n, deadline_ns);
    if (got == 0)
        return receive_some(n, to, size, deadline_ns, ret_got);
    *ret_got = got = got < size ? got : size;
    memcpy(to, n->input + n->input_from, got);
    n->input_from += got;
    return 0;
}

/* Like take_some() for the frame of r, which holds memory that others may wait for. Checks now and
 * then whether the frame comes too slowly; then -EAGAIN. */
static int take_some_in_time(struct native *n, struct native_request *r, uint8_t *to, size_t size, size_t *ret_got)
{
    const uint64_t stalled_ns = clock_now_ns() + STALL_TIMEOUT_NS;
    const uint64_t give_up_ns = n->hello_until_ns ? n->hello_until_ns : stalled_ns;
    for (;;) {
        const uint64_t now = clock_now_ns(), look_ns = now + LOOK_NS;
        int rc = take_some(n, to, size, look_ns < give_up_ns ? look_ns : give_up_ns, ret_got);
        if (session_frame_too_slow(r->rq))
            return -EAGAIN;
        if (rc != -ETIME || clock_now_ns() >= give_up_ns)
            return rc;
    }
}

/* Reads the next `size` bytes of r's frame to `to`. */
static int read_bytes(struct native *n, struct native_request *r, uint8_t *to, size_t size)
{
    struct byte_claim *frame = &r->rq->frame;
    while (size > 0) {
        size_t got = 0, piece = size < RECEIVE_MAX ? size : RECEIVE_MAX;
        int rc = session_frame_grow(r->rq, frame->arrived + piece);
        if (rc == 0)
            rc = take_some_in_time(n, r, to, piece, &got);
        frame->arrived += got;
        r->body_left -= got;
        if (rc < 0)
            return rc;
        to += got;
        size -= got;
    }
    return 0;
}

/* Drops the next `size` bytes. until_ns 0: no limit as long as pieces come. */
static int skip_bytes(struct native *n, uint64_t size, uint64_t until_ns)
{
    while (size > 0) {
        size_t have = n->input_to - n->input_from;
        const uint64_t stalled_ns = clock_now_ns() + STALL_TIMEOUT_NS;
        int rc = have > 0 ? 0 : fill_input(n, until_ns && until_ns < stalled_ns ? until_ns : stalled_ns);
        if (rc < 0)
            return rc;
        have = n->input_to - n->input_from;
        have = have < size ? have : (size_t)size;
        n->input_from += have;
        size -= have;
    }
    return 0;
}

/* 0; -EPROTO and the like with the sentence; or the connection's error without a sentence. */
static int read_header(struct native *n, uint64_t first_deadline_ns, struct kith_frame_header *ret, struct error *error)
{
    for (;;) {
        size_t have = n->input_to - n->input_from;
        if (have > 0) {
            int rc = frame_parse(n->input + n->input_from, have, ret, error);
            if (rc < 0)
                return rc;
            if (rc > 0) {
                n->input_from += KITH_HEADER_BYTES;
                return 0;
            }
        }
        uint64_t deadline_ns = first_deadline_ns ? first_deadline_ns : have > 0 ? clock_now_ns() + STALL_TIMEOUT_NS : 0;
        int rc = fill_input(n, deadline_ns);
        if (rc < 0)
            return rc;
    }
}

/* -- requests -- */

static void request_run(void *arg)
{
    struct native_request *r = arg;
    if (r->rq->session->gone)
        session_end(r->rq);
    else {
        dispatch(r);
        native_reply(r);
    }
}

/* The lane of a frame of which only the header is known. */
static enum admission_class lane_of(uint16_t code)
{
    const struct operation *op = operation_find(code);
    return op ? op->lane : ADMIT_SEARCH;
}

static enum fiber_class class_of(uint16_t code)
{
    const struct operation *op = operation_find(code);
    return op ? operation_class(op) : CLASS_INTERACTIVE;
}

static int read_body(struct native *n, struct native_request *r)
{
    const uint32_t padding = frame_padding(r->header.meta_bytes, r->header.block_bytes);
    int rc = read_bytes(n, r, r->meta, r->header.meta_bytes);
    if (rc == 0)
        rc = skip_bytes(n, padding, 0);
    r->body_left -= rc == 0 ? padding : 0;
    if (rc == 0)
        rc = read_bytes(n, r, r->block, r->header.block_bytes);
    return rc;
}

/* Skips the rest of the frame without memory for it, and sends the error. If the rest does not
 * come in the time that a slow network needs, the error is sent all the same, and the connection
 * ends. */
static int refuse_frame(struct native *n, struct native_request *r, const struct error *why)
{
    const struct error copy = *why;
    session_frame_drop(r->rq);
    const uint64_t patience_ns = STALL_TIMEOUT_NS + r->body_left * 1000000 / SKIP_BYTES_PER_MS;
    n->receiving = true;
    int rc = skip_bytes(n, r->body_left, clock_now_ns() + patience_ns);
    n->receiving = false;
    native_reply_error(r, &copy);
    native_reply(r);
    return rc;
}

static void frame_too_slow(struct native_request *r)
{
    const struct byte_claim *frame = &r->rq->frame;
    error_set(&r->rq->error, ERROR_RESOURCE_EXHAUSTED,
              "only %" PRIu64 " KiB of the %" PRIu64 " KiB of the request came in %" PRIu64
              " ms, and other requests wait for its memory; send it faster, or in smaller requests",
              frame->arrived >> 10, frame_body_bytes(&r->header) >> 10, (clock_now_ns() - frame->began_ns) / 1000000);
    r->rq->error.retry_after_ms = RETRY_MS;
}

/* Memory for the frame. If the frame is refused, rq->error says why. NULL: no memory even for the
 * request. */
static struct native_request *request_create(struct native *n, const struct kith_frame_header *h)
{
    struct error refusal = {0};
    const bool allowed = frame_check(h, &refusal) == 0;
    const uint64_t bytes = KITH_HEADER_BYTES + (allowed ? frame_body_bytes(h) : 0);
    struct request *rq = session_begin(&n->session, h->request_id, h->word, lane_of(h->op), bytes);
    struct native_request *r = rq ? arena_alloc(&rq->arena, sizeof(*r)) : NULL;
    if (!r) {
        if (rq)
            session_end(rq);
        return NULL;
    }
    *r = (struct native_request){
        .rq = rq, .native = n, .principal = n->principal, .header = *h, .body_left = frame_body_bytes(h)};
    if (!allowed)
        rq->error = refusal;
    if (rq->error.code != ERROR_OK)
        return r;
    /* a separate arena, so that the memory of a large refused frame is freed at once */
    struct arena *arena = bytes > SESSION_SMALL ? &rq->bulk : &rq->arena;
    if (bytes > SESSION_SMALL)
        /* reserved first, because a second block would be twice as large */
        arena_room(arena, bytes + 2 * CACHE_LINE);
    r->meta = arena_alloc(arena, h->meta_bytes + 1);
    r->block = h->block_bytes ? arena_alloc_aligned(arena, h->block_bytes) : NULL;
    return r;
}

static void frame_too_large(struct native_request *r)
{
    const uint64_t bytes = frame_body_bytes(&r->header), limit = r->rq->bulk.limit;
    char sent[SIZE_TEXT_MAX], allowed[SIZE_TEXT_MAX];
    if (bytes <= limit)
        (void)request_error(r->rq, -ENOMEM, "request");
    else
        error_set(&r->rq->error, ERROR_TOO_LARGE,
                  "the request has %s, but the limit is %s: send less at once, or give kithd more --memory",
                  size_format(bytes, sent), size_format(limit, allowed));
}

/* Receives the whole frame into memory. *ret is NULL if the frame was refused; then it was skipped
 * and its error sent. */
static int receive_request(struct native *n, const struct kith_frame_header *h, struct native_request **ret)
{
    *ret = NULL;
    struct native_request *r = request_create(n, h);
    if (!r)
        return -ENOMEM; /* too little memory even to send an error */
    if (!r->meta || (h->block_bytes && !r->block)) {
        if (r->rq->error.code == ERROR_OK)
            frame_too_large(r);
        return refuse_frame(n, r, &r->rq->error);
    }
    n->receiving = true;
    int rc = read_body(n, r);
    n->receiving = false;
    if (rc == -EAGAIN)
        frame_too_slow(r);
    if (rc < 0 && r->rq->error.code != ERROR_OK)
        return refuse_frame(n, r, &r->rq->error);
    if (rc < 0)
        session_end(r->rq);
    else
        *ret = r;
    return rc;
}

static int serve_request(struct native *n, const struct kith_frame_header *h)
{
    struct native_request *r;
    int rc = receive_request(n, h, &r);
    if (rc == 0 && r && fiber_start_client(class_of(h->op), request_run, r, "request") < 0) {
        error_set(&r->rq->error, ERROR_RESOURCE_EXHAUSTED,
                  "too many requests are under way on this reactor; repeat the request later");
        native_reply_error(r, &r->rq->error);
        native_reply(r);
    }
    return rc;
}

static int serve_hello(struct native *n, struct kith_frame_header *h, struct error *error)
{
    n->hello_until_ns = clock_now_ns() + HELLO_TIMEOUT_NS;
    int rc = read_header(n, n->hello_until_ns, h, error);
    if (rc < 0)
        return rc;
    if (h->op != KITH_OP_HELLO)
        return error_set(error, ERROR_PROTOCOL, "the first frame of a connection is a hello (op 1), not op %u", h->op);
    if (h->meta_bytes > HELLO_META_MAX || h->block_bytes > 0)
        return error_set(error, ERROR_PROTOCOL, "a hello has at most %d bytes of meta and no block", HELLO_META_MAX);
    struct native_request *r;
    rc = receive_request(n, h, &r);
    n->hello_until_ns = 0;
    if (rc < 0 || !r)
        return rc < 0 ? rc : -ENOMEM;
    rc = hello_answer(r, error);
    if (rc < 0)
        session_end(r->rq);
    else
        native_reply(r);
    return rc;
}

/* Reads what still comes for a moment. Closing with unread bytes would reset the connection, and
 * the reset may overtake the error that was just sent. */
static void linger(struct native *n)
{
    uint64_t deadline_ns = clock_now_ns() + LINGER_NS;
    while (stream_read(&n->stream, n->input, INPUT_PIECE_FIRST, deadline_ns) > 0)
        ;
}

/* Refuses a connection when there are too many; the last few descriptors serve for that.
 * *ret_flood: so many that there is no time to wait for each. */
static int check_crowd(const struct native *n, bool *ret_flood, struct error *error)
{
    const struct connection_count count = connections_count();
    const uint64_t files = count.most - count.most / CROWD_SHARE, set = n->core->settings.connections;
    const uint64_t memory = budget_of_connections(budget_bytes(n->core), NATIVE_INPUT_BYTES);
    const uint64_t possible = memory && memory < files ? memory : files, most = set && set < possible ? set : possible;
    *ret_flood = count.open > most + CROWD_LINGERERS;
    if (count.open <= most)
        return 0;
    int rc =
        error_set(error, ERROR_RESOURCE_EXHAUSTED,
                  "the server has %" PRIu64 " connection%s, its limit; close some, or raise %s", most, plural(most),
                  most == set      ? "the setting connections"
                  : most == memory ? "--memory"
                                   : "its limit of open files (ulimit -n)");
    error->retry_after_ms = RETRY_MS;
    return rc;
}

static void read_frames(struct native *n)
{
    struct kith_frame_header h = {0};
    struct error error = {0};
    struct error garbage;
    bool flood;
    int rc = check_crowd(n, &flood, &error);
    if (rc < 0 && !flood) /* the answer carries the request id of the hello, if that comes soon */
        ignore_result(read_header(n, clock_now_ns() + LINGER_NS, &h, &garbage));
    if (rc == 0)
        rc = serve_hello(n, &h, &error);
    while (rc == 0) {
        /* an answer to bytes that are not a frame has request id 0 */
        h = (struct kith_frame_header){0};
        rc = read_header(n, 0, &h, &error);
        if (rc < 0)
            break;
        if (h.op != KITH_OP_CANCEL) {
            rc = serve_request(n, &h);
            continue;
        }
        session_cancel(&n->session, h.request_id);
        n->core->metrics.requests[KITH_OP_CANCEL]++;
        rc = skip_bytes(n, frame_body_bytes(&h), 0);
    }
    if (error.code != ERROR_OK) {
        native_refuse(n, &h, &error);
        if (!flood)
            linger(n);
    }
}

/* -- the connection -- */

static void connection_add(struct front *f, struct native *n)
{
    n->next = f->natives;
    if (n->next)
        n->next->prev = n;
    f->natives = n;
    n->core->metrics.connections_total++;
    n->core->metrics.connections_open++;
}

static void connection_remove(struct front *f, struct native *n)
{
    if (n->prev)
        n->prev->next = n->next;
    else
        f->natives = n->next;
    if (n->next)
        n->next->prev = n->prev;
    n->core->metrics.connections_open--;
    event_notify_all(&f->changed);
}

/* Smaller where large requests have little memory. */
static size_t input_bytes(const struct core *c)
{
    const uint64_t share = c->request_bytes / INPUT_SHARE;
    return share > NATIVE_INPUT_BYTES ? NATIVE_INPUT_BYTES : share < INPUT_MIN ? INPUT_MIN : (size_t)share;
}

static void native_serve(struct front_listener *l, struct stream *stream)
{
    struct front *f = l->front;
    struct native *n = calloc(1, sizeof(*n));
    const size_t input_size = input_bytes(f->core);
    uint8_t *input = malloc(input_size);
    if (!n || !input || f->draining) {
        free(n);
        free(input);
        stream_close(stream);
        return;
    }
    n->front = f;
    n->core = f->core;
    n->principal = l->principal;
    n->stream = *stream;
    n->input = input;
    n->input_size = input_size;
    n->input_piece = INPUT_PIECE_FIRST;
    n->replies_tail = &n->replies_head;
    session_init(&n->session, f->core);
    connection_add(f, n);
    read_frames(n);
    session_cancel_all(&n->session);
    while (session_wait_idle(&n->session, 0) < 0 || n->writing)
        event_wait(&n->session.changed);
    stream_close(&n->stream);
    supersede_forget(n);
    connection_remove(f, n);
    free(input);
    free(n);
}

/* -- all of them -- */

static size_t native_farewell(uint8_t *to, size_t room)
{
    const struct kith_frame_header none = {0};
    struct error error = {0};
    static_assert(NATIVE_ERROR_BYTES <= FAREWELL_BYTES, "a frame with any sentence fits");
    error_set(&error, ERROR_RESOURCE_EXHAUSTED,
              "the server has no room for more connections: its limit of open files (ulimit -n) or its memory is used "
              "up; close some, or come again");
    error.retry_after_ms = RETRY_MS;
    return native_error_frame(to, &none, &error);
}

static void native_drain(struct front *f, uint64_t deadline_ns)
{
    for (struct native *n = f->natives; n; n = n->next)
        if (native_is_idle(n))
            stream_shutdown(&n->stream);
    while (f->natives && event_wait_until(&f->changed, deadline_ns) == 0)
        ;
    for (struct native *n = f->natives; n; n = n->next) {
        session_cancel_all(&n->session);
        stream_shutdown(&n->stream);
    }
    while (f->natives)
        event_wait(&f->changed);
}

static uint64_t native_memory(const struct front *f)
{
    uint64_t bytes = 0;
    for (const struct native *n = f->natives; n; n = n->next) {
        bytes += sizeof(*n) + n->input_piece;
        for (const struct request *rq = n->session.requests; rq; rq = rq->next)
            bytes += request_bytes(rq);
    }
    return bytes;
}

const struct protocol protocol_native = {.option = "--listen",
                                         .serve = native_serve,
                                         .farewell = native_farewell,
                                         .drain = native_drain,
                                         .memory = native_memory};
