/* model.h -- what the client was told, and what the server therefore must hold.
 *
 * For each id: the version that was acknowledged last, and at most one write whose outcome is not
 * known, because it was under way when the server died or because it was refused. That one may have
 * happened or not; everything else is certain. A vector and its payload are made from the id and
 * the version, so a wrong row cannot look right. */
#pragma once

#include <kith/kith.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_IDS    4000
#define DIM          192
#define PAYLOAD_MAX  48
#define MODEL_FIELDS 3 /* that may be in the schema */

struct expectation {
    uint32_t version; /* acknowledged; 0: absent */
    uint32_t maybe;   /* with `open`: this version, or 0 for a delete */
    bool open;        /* there is a write whose outcome is not known */
    bool busy;        /* a request that is under way names this id: no other may */
};

struct field_expectation {
    bool there; /* acknowledged */
    bool open;  /* there is a change whose outcome is not known: to the contrary */
};

struct model {
    struct expectation ids[MODEL_IDS];
    struct field_expectation fields[MODEL_FIELDS];
};

/* Its path in the payloads, which need not have it. */
const char *model_field(unsigned number);

void make_vector(uint32_t n, uint32_t version, float *ret);
uint32_t make_payload(uint32_t version, char *ret); /* its length */
/* Every third id is a UUID: both kinds live in one collection, but not in one request. */
bool is_uuid(uint32_t n);
struct kith_id make_id(uint32_t n);

/* What a server was seen to hold: the version of each id. */
struct contents {
    uint32_t version[MODEL_IDS]; /* 0: absent */
    bool fields[MODEL_FIELDS];
};

/* Reads every point and compares: each is what was acknowledged or what is open, as are the fields
 * of the schema; the count agrees,
 * exact searches give what brute force over the contents gives, graph searches nearly so. Nothing
 * else may be under way. 0, or failed(). */
int model_check(const struct model *m, struct kith *k, const char *collection, struct contents *ret);
/* Takes what is there for certain. Right after a restart; on a server that still runs a refused
 * write may yet come to light. */
void model_settle(struct model *m, const struct contents *c);
uint64_t model_checked(void); /* points compared so far */
