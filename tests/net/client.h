/* client.h -- a small client of the native protocol for tests that run inside a runtime: by fibers,
 * over src/reactor/socket.h, so that it works in the simulated network too. Written from
 * docs/protocol.md, not from src/net. */
#pragma once

#include "kith.pb-c.h"
#include "kith/protocol.h"
#include "reactor/socket.h"

struct client {
    struct connection *connection;
    uint64_t next_id;
    uint64_t timeout_ns;     /* of each send and receive; 0: a minute */
    unsigned fan_out;        /* of searches, */
    uint32_t ef;             /* likewise; 0: as the server is set */
    float recall;            /* in place of ef */
    Kith__Filter *filter;    /* of searches; NULL: none */
    char error[400];         /* of the last answer that was an error */
    uint32_t retry_after_ms; /* of the same one */
};

struct client_reply {
    struct kith_frame_header header;
    uint8_t *meta, *block; /* owned; client_reply_fini() */
};
void client_reply_fini(struct client_reply *r);

/* 0, or a negative errno when the connection fails, or -1000 - code when the server
 * answered with an error. */
#define CLIENT_REFUSED(code) (-1000 - (int)(code))

int client_open(struct client *c, uint16_t port); /* with the handshake */
/* The same for a client with a client_id of 16 bytes; `number` connections came before. */
int client_open_as(struct client *c, uint16_t port, const uint8_t *client_id, uint32_t number);
int client_connect(struct client *c, uint16_t port); /* without */
void client_close(struct client *c);

int client_send(struct client *c, uint16_t op, uint64_t id, uint32_t word, const ProtobufCMessage *meta,
                const void *block, uint64_t block_bytes);
int client_send_bytes(struct client *c, const void *bytes, size_t n);
int client_receive(struct client *c, struct client_reply *ret);
/* One request and its answer. ret may be NULL. */
int client_call(struct client *c, uint16_t op, const ProtobufCMessage *meta, const void *block, uint64_t block_bytes,
                struct client_reply *ret);

int client_ping(struct client *c);
int client_create(struct client *c, const char *name, uint32_t dim, Kith__Metric metric);
int client_drop(struct client *c, const char *name);
/* version: of the schema that is changed, 0: whatever it is.
 * ret_version (may be NULL): of the schema then. */
int client_add_field(struct client *c, const char *name, const char *path, const char *kind, uint64_t version,
                     uint64_t *ret_version);
int client_drop_field(struct client *c, const char *name, const char *path, uint64_t version, uint64_t *ret_version);
/* The collection with its fields; the caller frees it with kith__info__free_unpacked(). */
int client_info(struct client *c, const char *name, Kith__Info **ret);
int client_upsert(struct client *c, const char *name, const uint64_t *ids, uint32_t n, const float *vectors,
                  uint32_t dim);
int client_delete(struct client *c, const char *name, const uint64_t *ids, uint32_t n, uint64_t *ret_deleted);
int client_count(struct client *c, const char *name, uint64_t *ret);
/* Up to k hits of one query. */
int client_search(struct client *c, const char *name, const float *query, uint32_t dim, uint32_t k, bool exact,
                  uint64_t *ret_ids, float *ret_scores, uint32_t *ret_count);
/* Found points only, in the order asked for; vectors: n x dim. */
int client_get(struct client *c, const char *name, const uint64_t *ids, uint32_t n, uint32_t dim, uint64_t *ret_ids,
               float *ret_vectors, uint32_t *ret_count);
