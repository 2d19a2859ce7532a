/* message.h -- how cores talk. Every message comes home.
 *
 * A message is embedded first in a larger struct that its sender owns, often on the sender's fiber
 * stack. While it is away the receiver alone touches it, and whatever memory it points to and the
 * protocol of its type lends. message_reply() sends the same object back; the sender's reactor
 * takes it from the ring and resumes the waiting fiber. So nothing is freed on another core and
 * nothing is counted.
 *
 * Between each ordered pair of reactors runs one single-producer single-consumer ring with
 * credits: a sender without credit waits (its fiber suspends), and a reply always has room because
 * its request reserved it. Each order of messages (order.h) has credits of its own, so a message
 * waits for a credit no longer than messages of its own order take. To one's own reactor the same
 * calls work without a ring and without credits. */
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
    struct message *next; /* in whatever queue holds it now */
    struct fiber *waiter; /* home: who is resumed when it is back */
    struct context *ctx;  /* home's; receivers may context_check() it; NULL: no deadline */
    uint32_t type;
    int32_t status; /* set by message_reply(): 0 or a negative errno */
    uint16_t home;  /* the sender's reactor */
    struct address to;
    uint8_t away;  /* 1 while it is not home */
    uint8_t reply; /* 1 on its way back */
};

/* Sends m to `to`; waits for credit if there is none. m must stay until message_await()
 * returns. */
void message_send(struct message *m, struct address to, uint32_t type, struct context *ctx);

/* Makes what was sent visible to its receivers now, and not only when the loop comes by: for a
 * fiber that sends and then works for long itself. */
void message_publish(void);

/* Waits until m is home; returns m->status. A message is always awaited, whatever its context
 * says: the receiver looks at the context and answers early. */
int message_await(struct message *m);

static inline int message_call(struct message *m, struct address to, uint32_t type, struct context *ctx)
{
    message_send(m, to, type, ctx);
    return message_await(m);
}

/* Messages to many reactors at once, one each. */
struct scatter {
    void *messages;        /* the caller's array; each element begins with its struct message */
    size_t size;           /* of an element */
    unsigned first, count; /* element i goes to reactor first + i */
    struct address to;     /* of any reactor: the actor and the order count */
    uint32_t type;
    struct context *ctx;
    /* True: there is nothing to ask of that reactor, whose status is 0. NULL: all are asked. */
    bool (*skip)(const struct message *m);
    /* Does what the own reactor was asked, in place of a message to it, while the others work;
     * returns the status. May wait. NULL: the own reactor gets a message too. */
    int (*here)(void *arg, struct message *m);
    void *arg;
};

/* Sends all and waits until all are home. Returns the first failure in the order of reactors; each
 * message has its status. */
int message_scatter(const struct scatter *s);

/* Sends m home. The receiver must not touch it afterwards. Never waits, never fails. */
void message_reply(struct message *m, int status);

/* An actor: state that one reactor owns and a mailbox. Each message is received in a fiber of the
 * actor's class, at most `width` of them at once (1: one message is finished before the next is
 * begun); the others wait in the mailbox, which is bounded by the senders' credits. receive() must
 * see to it that m is replied to, at once or later. */
typedef void (*actor_fn)(struct actor *a, struct message *m);

#define ACTORS_MAX 32 /* per reactor; ids are named in actors/addresses.h */

struct actor {
    const char *name;
    actor_fn receive;
    enum fiber_class cls;
    uint16_t id, width, active;
    uint32_t queued;
    struct message *head, **tail;
};

/* Makes a known under {reactor_id(), id}. The struct is the caller's and lives until actor_stop().
 * Messages to an id that nobody has started yet wait for it. */
void actor_start(struct actor *a, uint16_t id, const char *name, enum fiber_class cls, uint16_t width,
                 actor_fn receive);
/* Waits until what is queued and active has been answered; later messages come home with
 * -ESHUTDOWN. */
void actor_stop(struct actor *a);
