/* message.h -- messages between reactors. Each message returns to its sender.
 *
 * A message is the first member of a larger struct that its sender owns, often on the stack of the
 * sender's fiber. Until the reply, only the receiver touches it, with the memory that it points to
 * as the protocol of its type says. message_reply() sends the same object back. The sender's
 * reactor takes it from the ring and resumes the waiting fiber. So no memory is freed on another
 * core, and no reference counts are needed.
 *
 * Each ordered pair of reactors has one single-producer, single-consumer ring with credits. A
 * sender without a credit waits (its fiber suspends). A reply always has room, because its request
 * reserved it. Each order of messages (order.h) has credits of its own, so a message waits only for
 * messages of its own order. Messages to the own reactor use the same calls, but neither ring nor
 * credits. */
#pragma once

#include "reactor/fibers/fiber.h"
#include "reactor/fibers/order.h"
#include <stddef.h>

struct actor;

struct address {
    uint16_t reactor;
    uint8_t actor, order; /* the order of all messages to that actor */
};

struct message {
    struct message *next; /* in the queue that holds the message now */
    struct fiber *waiter; /* for the sender's reactor: the fiber that waits for the reply */
    /* the sender's; a receiver may call context_check() on it; NULL: no deadline */
    struct context *ctx;
    uint32_t type;
    int32_t status;  /* set by message_reply(): 0 or a negative errno */
    uint16_t sender; /* the sender's reactor */
    struct address to;
    uint8_t in_flight; /* 1 from message_send() until the reply has reached the sender */
    uint8_t reply;     /* 1 once it is a reply */
};

/* Sends m to `to`; waits for a credit if there is none. m must stay valid until message_await()
 * returns. */
void message_send(struct message *m, struct address to, uint32_t type, struct context *ctx);

/* Makes sent messages visible to their receivers now instead of at the end of the turn. For a fiber
 * that sends and then computes for a long time. */
void message_publish(void);

/* Waits for the reply to m; returns m->status. A message is always awaited, also after its
 * deadline: the receiver checks the context and replies early. */
int message_await(struct message *m);

static inline int message_call(struct message *m, struct address to, uint32_t type, struct context *ctx)
{
    message_send(m, to, type, ctx);
    return message_await(m);
}

/* One message to each of several reactors, sent at the same time. */
struct scatter {
    void *messages;        /* the caller's array; each element begins with its struct message */
    size_t size;           /* of an element, in bytes */
    unsigned first, count; /* element i goes to reactor first + i */
    struct address to;     /* its reactor is ignored */
    uint32_t type;
    struct context *ctx;
    /* True: this reactor is not asked, and its status is 0. NULL: all reactors are asked. */
    bool (*skip)(const struct message *m);
    /* Does the work of the calling reactor directly, without a message, while the others work.
     * Returns the status. May wait. NULL: the calling reactor gets a message too. */
    int (*here)(void *arg, struct message *m);
    void *arg;
};

/* Sends all messages and waits for all replies. Returns the first failure in the order of reactors;
 * the status of each reactor is in its message. */
int message_scatter(const struct scatter *s);

/* Sends m back to its sender. The receiver must not touch it afterwards. Never waits, never
 * fails. */
void message_reply(struct message *m, int status);

/* An actor is state that one reactor owns, with a mailbox. Each message is received in a fiber of
 * the actor's class, and at most `width` messages at once (1: one message is finished before the
 * next begins). Other messages wait in the mailbox, which the senders' credits bound. receive()
 * must make sure that m gets its reply, at once or later. */
typedef void (*actor_fn)(struct actor *a, struct message *m);

#define ACTORS_MAX 32 /* per reactor; the ids are named in actors/addresses.h */

struct actor {
    const char *name;
    actor_fn receive;
    enum fiber_class cls;
    uint16_t id, width, active;
    uint32_t queued;
    struct message *head, **tail;
};

/* Registers a under {reactor_id(), id}. The caller owns the struct, which must live until
 * actor_stop(). Messages to an id without an actor wait for actor_start(). */
void actor_start(struct actor *a, uint16_t id, const char *name, enum fiber_class cls, uint16_t width,
                 actor_fn receive);
/* Waits until all queued and active messages are answered. Later messages return with
 * -ESHUTDOWN. */
void actor_stop(struct actor *a);
