/* session.h -- the requests of one connection that are under way: their bounds, and
 * how they are cancelled.
 *
 * A session bounds how many requests, and how many bytes of them, are in memory. Answers that
 * the client has not read count too. The fiber that reads the connection waits here for room.
 * So a client that sends too fast, or does not read, is slowed down by TCP and does not fill
 * the memory. A frame of more than SESSION_SMALL bytes also needs memory from a pool that all
 * connections of the core share. Smaller frames, those of most searches among them, never
 * wait for that pool: a connection has one of them in its own buffer, and the number of
 * connections is bounded.
 *
 * All connections of a core share a number of places (struct session_places). The only
 * request of a connection needs none. Other requests get places in turns: a connection with
 * many requests gets one no more often than a connection with few. So many clients that send
 * without pause neither fill the memory nor delay other clients. The admission decides when
 * a request may start. */
#pragma once

#include "actors/router/request.h"
#include "reactor/fibers/sync.h"

#define SESSION_REQUESTS_MAX 256
#define SESSION_BYTES_MAX    ((uint64_t)512 << 20)

/* a frame of more bytes takes memory from the pool for frames (byte_pool.h) */
#define SESSION_SMALL ((uint64_t)8 << 10)

#define SESSION_PLACES_MIN 16
#define SESSION_PLACES_MAX 1024

/* The places of all connections of a core. Zero-initialised, there are none. */
struct session_places {
    int64_t left; /* negative after the number of places was made smaller */
    uint32_t most;
    struct session *head, *tail; /* sessions whose readers wait for a place, the earliest first */
};

struct session {
    struct core *core;
    struct request *requests; /* under way */
    uint32_t count;
    uint64_t bytes;
    /* memory of small requests beside their frames; the admission counts it */
    uint64_t small_bytes;
    struct admission_flow flows[ADMISSION_CLASSES];
    /* the client has left; no request begins any more */
    bool gone;
    struct session *next_waiting, *prev_waiting; /* the queue of sessions that wait for a place */
    bool waits, has_place;                       /* of its next request */
    struct event changed;
};

/* Sets the number of places to what `bytes` of memory for requests allow. */
void session_places_resize(struct session_places *p, uint64_t bytes);

void session_init(struct session *s, struct core *c);
/* Waits until there is room for a request with a frame of `bytes` bytes, then begins it.
 * The only request of a session always has room. NULL: no memory. When memory for the
 * frame did not come in time, the error of the request is set; the caller answers it
 * without reading its frame. */
struct request *session_begin(struct session *s, uint64_t request_id, uint32_t deadline_ms, enum admission_class cls,
                              uint64_t bytes);
/* Waits for memory before the frame of rq grows to `bytes` bytes. -ETIME, with the sentence in
 * rq->error: it did not come in time. */
MUST_USE int session_frame_grow(struct request *rq, uint64_t bytes);
/* True: other requests wait for the memory of rq's frame, and the frame arrives too slowly. */
bool session_frame_too_slow(struct request *rq);
/* Gives back the memory of rq's frame, of which nothing is needed any more. */
void session_frame_drop(struct request *rq);
/* Before an answer is sent, which may take long: gives back all memory of rq but that of the
 * answer in rq->arena and rq->answer. */
void session_keep_answer(struct request *rq);
void session_end(struct request *rq); /* the answer has been sent, or is not wanted any more */
void session_cancel(struct session *s, uint64_t request_id);
void session_cancel_all(struct session *s);
/* Waits until no request is under way. -ETIME: deadline_ns has passed; a deadline_ns of
 * 0 means no deadline. */
MUST_USE int session_wait_idle(struct session *s, uint64_t deadline_ns);
