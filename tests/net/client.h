/* client.h -- a small client of the native protocol, for tests that run in fibers of a runtime. It
 * uses src/reactor/socket.h, so it also works in the simulated network. It was written from
 * docs/protocol.md, not from src/net, so that it tests both. */
#pragma once

#include "kith.pb-c.h"
#include "kith/protocol.h"
#include "reactor/socket.h"

struct client {
    struct connection *connection;
    uint64_t next_id;
    uint64_t timeout_ns;     /* of each send and receive; 0: a minute */
    unsigned fan_out;        /* of searches, as Kith__Search has it */
    uint32_t ef;             /* of searches; 0: the server's setting */
    float recall;            /* of searches, instead of ef */
    Kith__Filter *filter;    /* of searches; NULL: none */
    char error[400];         /* the text of the last answer that was an error */
    uint32_t retry_after_ms; /* of that answer */
};

struct client_reply {
    struct kith_frame_header header;
    uint8_t *meta, *block; /* owned; client_reply_fini() frees them */
};
void client_reply_fini(struct client_reply *r);

/* All calls return 0, a negative errno if the connection fails, or -1000 - code if the server
 * answers with an error. */
#define CLIENT_REFUSED(code) (-1000 - (int)(code))

int client_open(struct client *c, uint16_t port); /* connects and says hello */
/* The same with a client_id of 16 bytes. The client had `number` connections before. */
int client_open_as(struct client *c, uint16_t port, const uint8_t *client_id, uint32_t number);
int client_connect(struct client *c, uint16_t port); /* connects without a hello */
void client_close(struct client *c);

int client_send(struct client *c, uint16_t op, uint64_t id, uint32_t word, const ProtobufCMessage *meta,
                const void *block, uint64_t block_bytes);
int client_send_bytes(struct client *c, const void *bytes, size_t n);
int client_receive(struct client *c, struct client_reply *ret);
/* Sends one request and receives its answer. ret may be NULL. */
int client_call(struct client *c, uint16_t op, const ProtobufCMessage *meta, const void *block, uint64_t block_bytes,
                struct client_reply *ret);

int client_ping(struct client *c);
int client_create(struct client *c, const char *name, uint32_t dim, Kith__Metric metric);
int client_drop(struct client *c, const char *name);
/* version: that of the schema before the change; 0: any. ret_version: that of the schema after the
 * change; may be NULL. */
int client_add_field(struct client *c, const char *name, const char *path, const char *kind, uint64_t version,
                     uint64_t *ret_version);
int client_drop_field(struct client *c, const char *name, const char *path, uint64_t version, uint64_t *ret_version);
/* The collection with its fields; the caller frees it with kith__info__free_unpacked(). */
int client_info(struct client *c, const char *name, Kith__Info **ret);
int client_upsert(struct client *c, const char *name, const uint64_t *ids, uint32_t n, const float *vectors,
                  uint32_t dim);
int client_delete(struct client *c, const char *name, const uint64_t *ids, uint32_t n, uint64_t *ret_deleted);
int client_count(struct client *c, const char *name, uint64_t *ret);
/* Searches with one query. ret arrays have room for k hits. */
int client_search(struct client *c, const char *name, const float *query, uint32_t dim, uint32_t k, bool exact,
                  uint64_t *ret_ids, float *ret_scores, uint32_t *ret_count);
/* Returns the points that exist, in the order of the request. vectors: n x dim. */
int client_get(struct client *c, const char *name, const uint64_t *ids, uint32_t n, uint32_t dim, uint64_t *ret_ids,
               float *ret_vectors, uint32_t *ret_count);
