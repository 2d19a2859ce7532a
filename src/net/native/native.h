/* native.h -- a connection of the native protocol.
 *
 * One fiber reads frames; each request runs in a fiber of its own; whoever has an answer while
 * nobody writes becomes the writer and sends all answers that are ready with one call, so there is
 * never more than one writer. Answers come in the order they are ready. */
#pragma once

#include "actors/session.h"
#include "kith/protocol.h"
#include "net/auth.h"
#include "net/front.h"
#include "net/stream.h"
#include <protobuf-c/protobuf-c.h>

/* The answer of a request, in its arenas. */
struct reply {
    struct native_request *next;
    uint8_t *head; /* header, meta, zeros */
    size_t head_bytes;
    const void *block;
    size_t block_bytes;
};

#define NATIVE_ERROR_BYTES (KITH_HEADER_BYTES + ERROR_TEXT_MAX + 16)

/* A frame that was received, and its answer. Lives in the arena of its request. */
struct native_request {
    struct request *rq;
    struct native *native;
    const struct principal *principal; /* who asks */
    struct kith_frame_header header;
    uint8_t *meta, *block;
    uint64_t body_left; /* bytes of the frame that have not been received */
    struct reply reply;
    uint8_t error_frame[NATIVE_ERROR_BYTES]; /* so that telling an error needs no memory */
};

#define NATIVE_INPUT_BYTES ((size_t)32 << 10)

struct native {
    struct front *front;
    struct core *core;
    struct stream stream;
    const struct principal *principal; /* of requests that are received from now on */
    struct session session;
    struct native *next, *prev; /* of the front */
    struct native_request *replies_head, **replies_tail;
    bool writing, broken;
    bool receiving;  /* the rest of a frame, whose request is one of the session's */
    bool has_client; /* and is in a bucket of the front */
    struct client_connection client;
    struct native *next_client, *prev_client;
    uint8_t *input; /* received and not yet taken: [input_from, input_to) */
    size_t input_from, input_to, input_size;
    size_t input_piece; /* received at once; grows with what is sent */
};

/* Nothing of it is being done. A frame of which a part has come is no reason to wait. */
static inline bool native_is_idle(const struct native *n)
{
    return n->session.count <= n->receiving;
}

/* -- native_write.c -- */

/* Hands over the answer of r, and r with it. Waits when this fiber becomes the writer. */
void native_reply(struct native_request *r);
/* Makes r's answer: one that succeeded, with its block, which stays where it is (false: no memory,
 * or larger than a frame may be); or one that failed, which always works. */
MUST_USE bool native_reply_message(struct native_request *r, const ProtobufCMessage *meta, const void *block,
                                   uint64_t block_bytes);
/* The same with a meta of so many bytes that the caller writes at the address returned; NULL: no
 * memory, or too large. */
MUST_USE uint8_t *native_reply_room(struct native_request *r, uint64_t meta_bytes, const void *block,
                                    uint64_t block_bytes);
/* The sentence for an answer that could not be made so; returns the negative errno. */
int native_reply_too_large(struct native_request *r);
void native_reply_error(struct native_request *r, const struct error *error);
/* Sends an error frame outside of any request; afterwards nothing is sent any more. */
void native_refuse(struct native *n, const struct kith_frame_header *request, const struct error *error);

/* The same as bytes, of at most NATIVE_ERROR_BYTES; returns how many. */
size_t native_error_frame(uint8_t *bytes, const struct kith_frame_header *request, const struct error *error);

/* -- hello.c -- */

/* The answer to a first frame; negative, with the sentence, when the connection cannot go on. */
MUST_USE int hello_answer(struct native_request *r, struct error *error);

/* -- supersede.c -- */

/* n is a connection of that client from now on, and its earlier ones end. Waits until none of their
 * requests is under way, so that none can overtake what this connection is going to ask. -EBUSY,
 * with the sentence: that takes too long. */
MUST_USE int supersede_earlier(struct native *n, const struct client_connection *client, struct error *error);
/* Before n ends. */
void supersede_forget(struct native *n);
/* For struct server_front. */
uint32_t supersede_here(struct core *c, const struct client_connection *newer);

/* -- dispatch.c -- */

/* Works on r, a complete frame, and makes its answer. Waits. */
void dispatch(struct native_request *r);
