/* connection.h -- the inside of libkith: a socket, the bytes that wait to be sent, and the frames
 * that were received.
 *
 * The socket is a blocking one. A call that must not wait passes MSG_DONTWAIT. So a small request
 * and its answer cost two system calls. A long send reads meanwhile, because a server whose answers
 * are not read stops reading. */
#pragma once

#include "arena.h"

#include <kith/kith.h>
#include <kith/protocol.h>
#include <protobuf-c/protobuf-c.h>

#define KITH_REPLY_BYTES_MAX (UINT64_C(1) << 30) /* a longer reply is an error */
#define KITH_ERROR_BYTES     512

/* What the library keeps of a request until its answer has arrived. */
struct request {
    int64_t id; /* 0: the slot is free */
    uint16_t op;
    bool with_vectors, with_payloads;
    uint32_t dim;
    size_t queries, ids; /* how many the request has */
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
    /* random bytes, by which the server knows this client when it connects again */
    uint8_t client_id[KITH_CLIENT_ID_BYTES];
    uint32_t connections; /* how many were begun */
    /* 0, or the negative code that ended the connection */
    int broken;
    struct byte_queue out, in;
    size_t lent; /* bytes at in.start to which the last answer points */
    /* the old memory of these bytes, if in.bytes had to grow meanwhile; freed by
     * connection_begin() */
    uint8_t *retired;
    /* when the kernel received the last bytes of in; 0: the socket has no SO_TIMESTAMPNS */
    uint64_t received_ns;
    int64_t id_next;
    struct request *requests; /* in flight, at [id % capacity] */
    size_t requests_capacity, in_flight;
    struct reply_arena arena;   /* the memory of the last answer */
    struct reply_arena scratch; /* the memory of the request that is being sent */
    uint64_t frame_bytes_max;   /* the longest frame that the server accepts */
    uint32_t requests_max, reactors;
    char server[64];
    char error[KITH_ERROR_BYTES];
    uint32_t retry_after_ms; /* of the same error; 0: the server did not say */
    uint32_t patience_ms;    /* how long a synchronous call waits for a server that starts */
    kith_wait_fn on_wait;
    void *on_wait_arg;
};

/* Sets the error's sentence and returns -code. kith_break() also ends the connection: every later
 * call fails with that code. */
int kith_fail(struct kith *k, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int kith_break(struct kith *k, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* kith.c: sends a message, waits, and unpacks the answer into the arena. type NULL: the answer is
 * not unpacked. */
int kith_call(struct kith *k, uint16_t op, const ProtobufCMessage *meta, const ProtobufCMessageDescriptor *type,
              ProtobufCMessage **ret);
/* kith.c: the collection without its fields; borrows from c as long as it is used. */
struct Kith__Collection;
struct kith_collection collection_of(const struct Kith__Collection *c);
/* schema.c: adds the fields, whose list is in the arena. */
int fields_of(struct kith *k, const struct Kith__Collection *from, struct kith_collection *ret);
/* schema.c: puts the fields into a message. Resets the scratch memory, and uses it; borrows from
 * `from` as long as the message is used. */
int fields_message(struct kith *k, const struct kith_collection *from, struct Kith__Collection *to);

/* socket_connect.c: returns 0 with k->fd connected, or a negative code. *ret_refused: whether the
 * host refused the connection, as it does when no server listens. */
int socket_connect(struct kith *k, const char *address, bool *ret_refused);

/* connection.c: the monotonic clock, in microseconds. */
int64_t kith_now_us(void);

/* -- sending -- */

/* Sends a frame; borrows meta and block. wait: returns when the kernel has accepted all bytes.
 * Without wait, bytes of a large block that the kernel does not accept at once are copied, and a
 * small frame stays queued until connection_flush() or until the queue is long enough. */
int connection_send(struct kith *k, uint16_t op, uint64_t request_id, uint32_t word, const ProtobufCMessage *meta,
                    const void *block, size_t block_bytes, bool wait);
int connection_flush(struct kith *k, bool wait);

/* -- receiving -- */

/* Takes back the memory that the last answer lent. Every synchronous call, kith_next() and
 * kith_reconnect() begin with it. */
void connection_begin(struct kith *k);
/* Returns 1 with the next whole frame, lent until connection_begin(); 0 at the timeout (-1: without
 * a limit; 0: does not wait); or a negative code. */
int connection_receive(struct kith *k, int64_t timeout_us, struct frame *ret);

/* Called after the connection broke with one request in flight. If the server had sent a reason
 * before it closed, that reason becomes the error's sentence. */
void connection_last_words(struct kith *k);

/* -- requests in flight (requests.c) -- */
struct request *request_add(struct kith *k, uint16_t op);  /* with a new id; NULL: no memory */
struct request *request_find(struct kith *k, uint64_t id); /* NULL: no such request is in flight */
void request_remove(struct kith *k, struct request *r);
void requests_forget(struct kith *k); /* removes all */

/* -- reading answers (reply.c) -- */

/* Unpacks meta into the arena as a message of that type. A message that does not unpack breaks the
 * connection. */
int reply_unpack(struct kith *k, const struct frame *f, const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret);
/* 0, or the code of the error that the frame carries; sets the error's sentence. */
int reply_code(struct kith *k, const struct frame *f);
/* Checks the answer to a search or a get, and fills *ret from it. A contradiction breaks the
 * connection. */
int reply_points(struct kith *k, const struct frame *f, const struct request *r, struct kith_result *ret);

/* -- making requests (request.c) -- */

/* Converts the upper half of a kith_id into the upper half of the 16 bytes on the wire, and back
 * (docs/protocol.md, "Point ids"): it exchanges 0 and KITH_ID_PREFIX. */
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
/* Sends a request that has no block, and waits until it is sent. */
int send_message(struct kith *k, uint16_t op, const ProtobufCMessage *meta, int64_t *ret_id);
