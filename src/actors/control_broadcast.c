#include "actors/addresses.h"
#include "actors/control_messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int control_broadcast(enum actor_id actor, uint32_t type, const void *first, size_t size, void **ret)
{
    unsigned n = reactor_count();
    char *messages = calloc(n, size);
    *ret = messages;
    if (!messages)
        return -ENOMEM;
    for (unsigned r = 0; r < n; r++) {
        memcpy(messages + r * size, first, size);
        message_send((struct message *)(messages + r * size), address_of(r, actor), type, NULL);
    }
    int rc = 0;
    for (unsigned r = 0; r < n; r++) {
        int one = message_await((struct message *)(messages + r * size));
        rc = rc < 0 ? rc : one;
    }
    return rc;
}
