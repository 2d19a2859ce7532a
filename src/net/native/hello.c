/* hello.c -- the handshake. The client sends the range of versions that it speaks, and the server
 * answers with its own. The form of this first frame never changes, so that any two versions can
 * report a mismatch. */
#include "kith.pb-c.h"
#include "net/native/frame.h"
#include "net/native/meta/meta.h"
#include "net/native/native.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int versions_fit(const Kith__Hello *hello, struct error *error)
{
    if (hello->version_min <= KITH_PROTOCOL_VERSION && KITH_PROTOCOL_VERSION <= hello->version_max)
        return 0;
    return error_set(
        error, ERROR_VERSION,
        "this server (kithd %s) speaks version %d of the protocol, the client versions %u to %u; use a newer %s",
        server_version(), KITH_PROTOCOL_VERSION, hello->version_min, hello->version_max,
        hello->version_min > KITH_PROTOCOL_VERSION ? "server" : "client");
}

/* A client that sends its client_id replaces its earlier connections. */
static int client_take(struct native *n, const Kith__Hello *hello, struct error *error)
{
    if (hello->client_id.len == 0)
        return 0;
    if (hello->client_id.len != CLIENT_ID_BYTES)
        return error_set(error, ERROR_PROTOCOL, "the client_id of a hello has %d bytes or none, not %zu",
                         CLIENT_ID_BYTES, hello->client_id.len);
    struct client_connection client = {.number = hello->connection};
    memcpy(client.client_id, hello->client_id.data, CLIENT_ID_BYTES);
    return supersede_earlier(n, &client, error);
}

int hello_answer(struct native_request *r, struct error *error)
{
    Kith__Hello *hello = meta_unpack(r->rq, &kith__hello__descriptor, r->meta, r->header.meta_bytes);
    if (!hello && r->rq->error.code != ERROR_OK) {
        *error = r->rq->error;
        return -EPROTO;
    }
    if (!hello)
        return error_set(error, ERROR_PROTOCOL, "the meta of the hello is not a Hello message; use a client of Kith");
    int rc = versions_fit(hello, error);
    if (rc < 0)
        return rc;
    rc = client_take(r->native, hello, error);
    if (rc < 0)
        return rc;
    char server[64];
    snprintf(server, sizeof(server), "kithd %s", server_version());
    Kith__HelloReply reply = KITH__HELLO_REPLY__INIT;
    reply.version = KITH_PROTOCOL_VERSION;
    reply.server = server;
    reply.frame_bytes_max = FRAME_BYTES_MAX;
    reply.requests_max = SESSION_REQUESTS_MAX;
    reply.reactors = r->native->core->reactors;
    if (!native_reply_message(r, &reply.base, NULL, 0))
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, "too little memory for the connection; connect again later");
    r->native->core->metrics.requests[KITH_OP_HELLO]++;
    return 0;
}
