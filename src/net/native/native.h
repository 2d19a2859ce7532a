/* native.h -- a connection of the native protocol.
 *
 * One fiber reads frames, and each request runs in a fiber of its own. A fiber with an answer
 * becomes the writer if no other fiber writes. It sends all answers that are ready with one call.
 * So there is never more than one writer. Answers are sent in the order in which they are ready. */
#pragma once

#include "actors/session.h"
#include "kith/protocol.h"
#include "net/auth.h"
#include "net/front.h"
#include "net/stream.h"
#include <protobuf-c/protobuf-c.h>

/* The answer of a request, in the request's arenas. */
struct reply {
    struct native_request *next;
    uint8_t *head; /* header, meta, padding */
    size_t head_bytes;
    const void *block;
    size_t block_bytes;
};

#define NATIVE_ERROR_BYTES (KITH_HEADER_BYTES + ERROR_TEXT_MAX + 16)

/* A received frame and its answer. Lives in the arena of its request. */
struct native_request {
    struct request *rq;
    struct native *native;
    const struct principal *principal; /* on whose behalf the request is made */
    struct kith_frame_header header;
    uint8_t *meta, *block;
    uint64_t body_left; /* bytes of the frame that have not been received */
    struct reply reply;
    /* storage for an error, so that sending one needs no memory */
    uint8_t error_frame[NATIVE_ERROR_BYTES];
};

#define NATIVE_INPUT_BYTES ((size_t)32 << 10)

struct native {
    struct front *front;
    struct core *core;
    struct stream stream;
    const struct principal *principal; /* the principal of requests that are received from now on */
    struct session session;
    struct native *next, *prev; /* in the list of the front */
    struct native_request *replies_head, **replies_tail;
    bool writing, broken;
    bool receiving;  /* a frame is being received; its request counts in the session already */
    bool has_client; /* in a bucket of the front */
    struct client_connection client;
    struct native *next_client, *prev_client;
    uint8_t *input; /* received and not yet used: [input_from, input_to) */
    size_t input_from, input_to, input_size;
    size_t input_piece;      /* most bytes to receive at once; grows with use */
    uint64_t hello_until_ns; /* when all bytes of the hello must be there; 0: they are */
};

/* Whether no request is under way. A frame that is being received does not count. */
static inline bool native_is_idle(const struct native *n)
{
    return n->session.count <= n->receiving;
}

/* -- native_write.c -- */

/* Hands over r with its answer. Waits if this fiber becomes the writer. */
void native_reply(struct native_request *r);
/* native_reply_message() makes the answer of a request that succeeded. The block is not copied.
 * False: too little memory, or larger than a frame may be. native_reply_error() makes the answer of
 * one that failed, which always works. */
MUST_USE bool native_reply_message(struct native_request *r, const ProtobufCMessage *meta, const void *block,
                                   uint64_t block_bytes);
/* Like native_reply_message() for a meta of meta_bytes, which the caller writes to the returned
 * address. NULL: too little memory, or too large. */
MUST_USE uint8_t *native_reply_room(struct native_request *r, uint64_t meta_bytes, const void *block,
                                    uint64_t block_bytes);
/* Sets the sentence for an answer that is too large; returns the negative errno. */
int native_reply_too_large(struct native_request *r);
void native_reply_error(struct native_request *r, const struct error *error);
/* Sends an error frame that belongs to no request. Nothing is sent after it. */
void native_refuse(struct native *n, const struct kith_frame_header *request, const struct error *error);

/* Writes an error frame of at most NATIVE_ERROR_BYTES; returns its size. */
size_t native_error_frame(uint8_t *bytes, const struct kith_frame_header *request, const struct error *error);

/* -- hello.c -- */

/* Answers the first frame. Negative, with the sentence, when the connection must end. */
MUST_USE int hello_answer(struct native_request *r, struct error *error);

/* -- supersede.c -- */

/* Registers n as a connection of that client and ends the client's earlier ones. Waits until none
 * of their requests is under way, so that none can overtake requests of this connection. -EBUSY,
 * with the sentence: that took too long. */
MUST_USE int supersede_earlier(struct native *n, const struct client_connection *client, struct error *error);
/* Called before n ends. */
void supersede_forget(struct native *n);
/* For struct server_front. */
uint32_t supersede_here(struct core *c, const struct client_connection *newer);

/* -- dispatch.c -- */

/* Handles r, a complete frame, and makes its answer. Waits. */
void dispatch(struct native_request *r);
