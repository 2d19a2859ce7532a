/* control_broadcast.c -- sends the same message to all reactors, from one array. */
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
    for (unsigned r = 0; r < n; r++)
        memcpy(messages + r * size, first, size);
    const struct scatter all = {
        .messages = messages, .size = size, .count = n, .to = address_of(0, actor), .type = type};
    return message_scatter(&all);
}
