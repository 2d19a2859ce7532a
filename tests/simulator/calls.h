/* calls.h -- the requests of simulated clients that tests/net/client.h lacks, for example with
 * payloads and durability. The calls wait for the answer and return the codes of client.h. */
#pragma once

#include "client.h"
#include "kinds.h"

int call_create(struct client *c, const char *name, uint32_t dim, Kith__Durability durability,
                const struct index_recipe *kind);

struct call_upsert {
    const char *name;
    const uint64_t *ids;
    const float *vectors; /* count x dim */
    const uint8_t *payloads;
    uint32_t *payload_sizes;
    uint32_t count, dim;
    uint64_t payload_bytes;
};
int call_upsert(struct client *c, const struct call_upsert *u);
/* Sends the upsert and does not wait for the answer. */
int call_upsert_send(struct client *c, const struct call_upsert *u);

/* The points that were found, in the order of the request. */
struct call_points {
    Kith__Points *meta; /* ids, payload sizes */
    float *vectors;
    uint8_t *block;
};
int call_get(struct client *c, const char *name, const uint64_t *ids, uint32_t n, uint32_t dim,
             struct call_points *ret);
void call_points_fini(struct call_points *p);

int call_seal(struct client *c, const char *name);
int call_compact(struct client *c, const char *name);
/* Verifies all files of the server. *ret_damages is the number of checksums that do not match, text
 * describes the first of them. */
int call_verify(struct client *c, uint64_t *ret_damages, char text[200]);

int call_snapshot_create(struct client *c, const char *name);
int call_snapshot_restore(struct client *c, const char *name);
int call_snapshot_delete(struct client *c, const char *name);
