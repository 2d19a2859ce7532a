/* connection.h -- inside libkith: a socket, the bytes waiting to go out, and the
 * frames that came in.
 *
 * The socket blocks; calls that must not wait say so each time (MSG_DONTWAIT). So a plain question
 * and answer costs two system calls. Whoever sends much also reads meanwhile, because a server
 * whose answers are not read stops reading. */
#pragma once

#include "arena.h"

#include <kith/kith.h>
#include <kith/protocol.h>
#include <protobuf-c/protobuf-c.h>

#define KITH_REPLY_BYTES_MAX (UINT64_C(1) << 30) /* a longer reply is taken for garbage */
#define KITH_ERROR_BYTES     512

/* What the library remembers of a request until its answer is there. */
struct request {
    int64_t id; /* 0: the slot is free */
    uint16_t op;
    bool with_vectors, with_payloads;
    uint32_t dim;
    size_t queries, ids; /* how many were sent */
};

struct frame {
    struct kith_frame_header header;
    const uint8_t *meta, *block;
};

struct byte_queue {
    uint8_t *bytes;
    size_t start, end, capacity;
};

#define KITH_CLIENT_ID_BYTES 16

struct kith {
    int fd;
    char *address;
    /* random: how the server knows this client when it connects again */
    uint8_t client_id[KITH_CLIENT_ID_BYTES];
    uint32_t connections; /* that were begun */
    /* a negative code: the connection is over; 0 while it works */
    int broken;
    struct byte_queue out, in;
    size_t lent; /* bytes at in.start that the last answer still points to */
    /* where they were, when in.bytes had to grow meanwhile; freed when the loan ends */
    uint8_t *retired;
    uint64_t received_ns; /* the last of in, by the kernel's clock; 0: nobody asked it */
    int64_t id_next;
    struct request *requests; /* in flight, at [id % capacity] */
    size_t requests_capacity, in_flight;
    struct reply_arena arena;   /* what the last answer lends */
    struct reply_arena scratch; /* what the request being sent needs */
    uint64_t frame_bytes_max;   /* the server's */
    uint32_t requests_max, reactors;
    char server[64];
    char error[KITH_ERROR_BYTES];
    uint32_t retry_after_ms; /* of the same failure; 0: the server did not say */
    uint32_t patience_ms;    /* how long a synchronous call waits for a server that starts */
    kith_wait_fn on_wait;
    void *on_wait_arg;
};

/* Keeps the sentence and returns -code. */
int kith_fail(struct kith *k, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int kith_break(struct kith *k, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* kith.c: sends a message and unpacks its answer into the arena. type NULL: the
 * answer says nothing. */
int kith_call(struct kith *k, uint16_t op, const ProtobufCMessage *meta, const ProtobufCMessageDescriptor *type,
              ProtobufCMessage **ret);
/* kith.c: borrows from c. */
struct Kith__Collection;
struct kith_collection collection_of(const struct Kith__Collection *c);
/* And its fields, in the arena. */
int fields_of(struct kith *k, const struct Kith__Collection *from, struct kith_collection *ret);
/* The other way, in the scratch memory, which is forgotten first; borrows from `from`. */
int fields_message(struct kith *k, const struct kith_collection *from, struct Kith__Collection *to);

/* socket_connect.c: 0 and k->fd connected, or a sentence and a negative code; *ret_refused:
 * nobody listens there. */
int socket_connect(struct kith *k, const char *address, bool *ret_refused);

/* connection.c: of the monotonic clock. */
int64_t kith_now_us(void);

/* -- sending -- */

/* Queues a frame; `block` is borrowed. wait: returns when everything has gone to the kernel;
 * otherwise what the kernel does not take at once is copied. Small frames that may not wait stay
 * queued until connection_flush(). */
int connection_send(struct kith *k, uint16_t op, uint64_t request_id, uint32_t word, const ProtobufCMessage *meta,
                    const void *block, size_t block_bytes, bool wait);
int connection_flush(struct kith *k, bool wait);

/* -- receiving -- */

/* Ends the loan of the last answer: called first in every public function. */
void connection_begin(struct kith *k);
/* 1 and the next whole frame, lent until connection_begin(); 0 at the timeout (-1: never; 0: does
 * not wait); or a code. */
int connection_receive(struct kith *k, int64_t timeout_us, struct frame *ret);

/* After a broken connection with one request in flight: if the server said why it closed, its
 * sentence becomes the error. */
void connection_last_words(struct kith *k);

/* -- requests in flight (requests.c) -- */
struct request *request_add(struct kith *k, uint16_t op);  /* with a new id; NULL: no memory */
struct request *request_find(struct kith *k, uint64_t id); /* NULL: nobody asked that */
void request_remove(struct kith *k, struct request *r);
void requests_forget(struct kith *k); /* all of them */

/* -- what answers say (reply.c) -- */

/* Unpacks meta as that message into the arena. A message that does not unpack
 * breaks the connection. */
int reply_unpack(struct kith *k, const struct frame *f, const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret);
/* 0, or the error that the frame carries. */
int reply_code(struct kith *k, const struct frame *f);
int reply_points(struct kith *k, const struct frame *f, const struct request *r, struct kith_result *ret);

/* -- encoding (request.c) -- */
/* Both ways between the upper half of an id and that of the 16 bytes which stand for it on the wire
 * (docs/protocol.md, point ids). */
static inline uint64_t id_upper_swap(uint64_t upper)
{
    return upper == 0 || upper == KITH_ID_PREFIX ? upper ^ KITH_ID_PREFIX : upper;
}
int send_search(struct kith *k, const struct kith_search *s, bool wait, int64_t *ret_id);
int send_upsert(struct kith *k, const char *collection, const struct kith_points *points, bool wait, int64_t *ret_id);
int send_delete(struct kith *k, const char *collection, const struct kith_id *ids, size_t count, bool wait,
                int64_t *ret_id);
int send_get(struct kith *k, const char *collection, const struct kith_id *ids, size_t count, bool with_vectors,
             bool with_payloads, uint32_t dim, int64_t *ret_id);
/* A request that is nothing but its message; waits until it is sent. */
int send_message(struct kith *k, uint16_t op, const ProtobufCMessage *meta, int64_t *ret_id);
