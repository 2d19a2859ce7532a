/* model.h -- what the client was told, and so what the server must hold.
 *
 * Each id has the version that was acknowledged last, and at most one write with an open outcome:
 * it was under way when the server died, or it was refused. That write may have happened or not;
 * everything else is certain. Vector and payload follow from id and version, so a wrong row cannot
 * look right. */
#pragma once

#include <kith/kith.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_IDS    4000
#define DIM          192
#define PAYLOAD_MAX  48
#define MODEL_FIELDS 3 /* the fields that the schema may have */

struct expectation {
    uint32_t version; /* acknowledged; 0: absent */
    uint32_t maybe;   /* with `open`: this version, or 0 for a delete */
    bool open;        /* the outcome of a write is open */
    bool busy;        /* a request under way names this id, so no other request may */
};

struct field_expectation {
    bool there; /* as the last acknowledged change left it */
    bool open;  /* the outcome of a change to the contrary is open */
};

struct model {
    struct expectation ids[MODEL_IDS];
    struct field_expectation fields[MODEL_FIELDS];
};

/* The path of a field. Payloads need not have it. */
const char *model_field(unsigned number);

void make_vector(uint32_t n, uint32_t version, float *ret);
uint32_t make_payload(uint32_t version, char *ret); /* returns its length */
/* Every third id is a UUID. A collection has ids of both kinds, a request only of one. */
bool is_uuid(uint32_t n);
struct kith_id make_id(uint32_t n);

/* What a server holds, as read: the version of each id. */
struct contents {
    uint32_t version[MODEL_IDS]; /* 0: absent */
    bool fields[MODEL_FIELDS];
};

/* Reads every point and the schema, and compares: each must be as acknowledged or as an open write
 * leaves it. The count must agree. Exact searches must find what brute force over the contents
 * finds, graph searches most of it. No other request may be under way. 0, or failed(). */
int model_check(const struct model *m, struct kith *k, const char *collection, struct contents *ret);
/* Takes the contents for certain: no outcome is open any more. Call it right after a restart. While
 * a server runs, a refused write may still show later. */
void model_settle(struct model *m, const struct contents *c);
uint64_t model_checked(void); /* the number of points compared so far */
