/* supersede.c -- a client that connects again ends its earlier connections. The client cannot know
 * what became of the requests on its broken connection. They may still wait in the server or in the
 * kernel's buffers. They must not be carried out after newer writes of the same ids. So the hello
 * of the new connection ends the earlier ones on all reactors, and is answered when they have no
 * requests left.
 *
 * Each connection of a client has a number, so a late hello cannot end a newer connection. Each
 * reactor remembers the newest number of the clients that connected again last. It refuses a late
 * hello and everything sent behind it. No message waits at its receiver; the asking fiber asks
 * again after a pause. */
#include "actors/control_messages.h"
#include "net/native/native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* shorter than clients wait for the answer to a hello */
#define WAIT_NS        ((uint64_t)8000000000)
#define PAUSE_FIRST_NS ((uint64_t)100000)
#define PAUSE_MOST_NS  ((uint64_t)50000000)
#define RETRY_MS       1000

static struct native **bucket_of(struct front *f, const struct client_connection *client)
{
    return &f->clients[client->client_id[0] % CLIENT_BUCKETS];
}

static void client_add(struct native *n, const struct client_connection *client)
{
    struct native **head = bucket_of(n->front, client);
    n->client = *client;
    n->has_client = true;
    n->next_client = *head;
    if (*head)
        (*head)->prev_client = n;
    *head = n;
}

void supersede_forget(struct native *n)
{
    if (!n->has_client)
        return;
    *(n->prev_client ? &n->prev_client->next_client : bucket_of(n->front, &n->client)) = n->next_client;
    if (n->next_client)
        n->next_client->prev_client = n->prev_client;
    n->has_client = false;
}

/* The remembered newest connection of that client, or a place for it, which replaces the oldest
 * one. */
static struct client_connection *newest_of(struct front *f, const struct client_connection *client)
{
    for (unsigned i = 0; i < CLIENTS_NOTED; i++)
        if (f->newest[i].number > 0 && memcmp(f->newest[i].client_id, client->client_id, CLIENT_ID_BYTES) == 0)
            return &f->newest[i];
    struct client_connection *oldest = &f->newest[f->newest_next++ % CLIENTS_NOTED];
    *oldest = (struct client_connection){0};
    return oldest;
}

static void note_newest(struct front *f, const struct client_connection *newer)
{
    struct client_connection *at = newest_of(f, newer);
    if (at->number < newer->number)
        *at = *newer;
}

/* Whether a later connection of the same client came before this hello. */
static bool is_too_late(const struct front *f, const struct client_connection *client)
{
    for (unsigned i = 0; i < CLIENTS_NOTED; i++)
        if (f->newest[i].number > client->number &&
            memcmp(f->newest[i].client_id, client->client_id, CLIENT_ID_BYTES) == 0)
            return true;
    return false;
}

uint32_t supersede_here(struct core *c, const struct client_connection *newer)
{
    uint32_t open = 0;
    note_newest(c->front, newer);
    for (struct native *n = *bucket_of(c->front, newer); n; n = n->next_client) {
        if (memcmp(n->client.client_id, newer->client_id, CLIENT_ID_BYTES) != 0 || n->client.number >= newer->number)
            continue;
        session_cancel_all(&n->session);
        stream_shutdown(&n->stream);
        open++;
    }
    return open;
}

/* Ends the earlier connections on all reactors. Returns how many were still open, or -ENOMEM. */
static int64_t ask_all(const struct client_connection *newer)
{
    struct control_supersede_message *all, first = {.newer = newer};
    int64_t open = 0;
    int rc = control_broadcast(ACTOR_NOTICE, MSG_CONTROL_SUPERSEDE, &first, sizeof(first), (void **)&all);
    for (unsigned r = 0; rc == 0 && r < reactor_count(); r++)
        open += all[r].open;
    free(all);
    return rc < 0 ? rc : open;
}

int supersede_earlier(struct native *n, const struct client_connection *client, struct error *error)
{
    const uint64_t until_ns = clock_now_ns() + WAIT_NS;
    if (is_too_late(n->front, client))
        return error_set(error, ERROR_CANCELLED,
                         "a later connection of this client came first, so this one is not served; use the later one");
    client_add(n, client);
    for (uint64_t pause_ns = PAUSE_FIRST_NS; client->number > 0; pause_ns *= 2) {
        int64_t open = ask_all(client);
        if (open == 0)
            return 0;
        if (open < 0 || n->session.gone || clock_now_ns() >= until_ns) {
            error_set(error, ERROR_RESOURCE_EXHAUSTED,
                      "requests of this client's earlier connection are still under way; connect again later");
            error->retry_after_ms = RETRY_MS;
            return -EBUSY;
        }
        fiber_sleep_ns(pause_ns < PAUSE_MOST_NS ? pause_ns : PAUSE_MOST_NS);
    }
    return 0;
}
