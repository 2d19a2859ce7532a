/* session.h -- the requests of one connection that are in flight: their bounds, and
 * how they are given up.
 *
 * A session bounds how many requests and how many bytes of them are in memory, unread answers among
 * them; whoever reads the connection waits here for room, so a client that sends faster than it is
 * answered, or does not read, is slowed down by TCP and not by our memory. Frames of more than
 * SESSION_SMALL bytes share a bound with those of all other connections of the core; smaller ones,
 * most searches among them, never wait for that: a connection has one of them in its own buffer,
 * and the number of connections is bounded.
 *
 * All connections of a core together have a number of places (struct session_places). A request of
 * a connection that has no other needs none; the others get them in turns, a connection with many
 * requests no more often than one with few. So many clients that send all they may neither fill the
 * memory nor stand in front of everybody else. When a request may start is the admission's
 * matter. */
#pragma once

#include "actors/router/request.h"
#include "reactor/fibers/sync.h"

#define SESSION_REQUESTS_MAX 256
#define SESSION_BYTES_MAX    ((uint64_t)512 << 20)

/* a frame of more bytes has its place in the memory for frames (byte_pool.h) */
#define SESSION_SMALL ((uint64_t)8 << 10)

#define SESSION_PLACES_MIN 16
#define SESSION_PLACES_MAX 1024

/* For requests of all connections of a core; zero-initialised there are none. */
struct session_places {
    int64_t left; /* negative: there are fewer than there were */
    uint32_t most;
    struct session *head, *tail; /* whose readers wait, in their order */
};

struct session {
    struct core *core;
    struct request *requests; /* in flight */
    uint32_t count;
    uint64_t bytes;
    uint64_t small_bytes; /* beside the frames, of small requests: the admission's */
    struct admission_flow flows[ADMISSION_CLASSES];
    bool gone;                                   /* the client left: nothing new is begun */
    struct session *next_waiting, *prev_waiting; /* for a place */
    bool waits, has_place;                       /* its next request */
    struct event changed;
};

/* So many as `bytes` of memory for requests allow. */
void session_places_resize(struct session_places *p, uint64_t bytes);

void session_init(struct session *s, struct core *c);
/* Waits until a request has room whose frame has so many bytes (one alone always has), then begins
 * it. NULL: no memory. Its error is set when there was no room in its time: then it is to be
 * answered without its frame. */
struct request *session_begin(struct session *s, uint64_t request_id, uint32_t deadline_ms, enum admission_class cls,
                              uint64_t bytes);
/* The frame of rq is about to have so many bytes: waits until there is memory for them. -ETIME,
 * with the sentence in rq->error: there was none in its time. */
MUST_USE int session_frame_grow(struct request *rq, uint64_t bytes);
/* Others wait for the memory that rq's frame holds, and it comes in too slowly. */
bool session_frame_too_slow(struct request *rq);
/* What came of the frame is not wanted any more: its memory is given back. */
void session_frame_drop(struct request *rq);
/* The answer of rq lies in rq->arena and rq->answer. All other memory of rq is given back before
 * the answer is sent, which may take long. */
void session_keep_answer(struct request *rq);
void session_end(struct request *rq); /* the answer has left, or nobody wants it */
void session_cancel(struct session *s, uint64_t request_id);
void session_cancel_all(struct session *s);
/* Waits until nothing is in flight; deadline_ns 0: however long it takes; -ETIME. */
MUST_USE int session_wait_idle(struct session *s, uint64_t deadline_ns);
