/* scatter.c -- sends one message to each of many reactors. Separate from message.c, because it
 * needs only the declarations in message.h. */
#include "reactor/message.h"
#include "reactor/runtime.h"

static struct message *message_of(const struct scatter *s, unsigned i)
{
    return (struct message *)((char *)s->messages + i * s->size);
}

static struct message *send_all(const struct scatter *s)
{
    struct message *own = NULL;
    struct address to = s->to;
    for (unsigned i = 0; i < s->count; i++) {
        struct message *m = message_of(s, i);
        to.reactor = (uint16_t)(s->first + i);
        m->status = 0;
        if (s->skip && s->skip(m))
            continue;
        if (s->here && to.reactor == reactor_id())
            own = m;
        else
            message_send(m, to, s->type, s->ctx);
    }
    return own;
}

int message_scatter(const struct scatter *s)
{
    struct message *own = send_all(s);
    int rc = 0;
    if (own)
        own->status = s->here(s->arg, own);
    for (unsigned i = 0; i < s->count; i++) {
        int one = message_await(message_of(s, i)); /* returns at once if none was sent */
        rc = rc < 0 ? rc : one;
    }
    return rc;
}
