/* load_pgvector.h -- a table of PostgreSQL with pgvector in the place of a collection: id bigint
 * primary key, embedding vector(dim), and an HNSW index, which is built after the rows are
 * there. */
#pragma once

#include "load/load.h"

#include <libpq-fe.h>

#define PGVECTOR_TEXT 512 /* names have at most 63 bytes there */

struct pgvector_link {
    struct link base;
    PGconn *c;
    int64_t last;     /* request */
    bool waiting;     /* for its answer */
    PGresult *result; /* of it, until all of the answer is here */
    bool prepared_search, prepared_upsert;
    char *value;   /* a vector as PostgreSQL takes it */
    uint32_t dim;  /* that it has room for */
    uint64_t *ids; /* of an answer */
    uint32_t ids_room, ids_count;
    char sentence[PGVECTOR_TEXT];
};

/* The vector's binary form: dim and 0 as 16 bits, then floats, all with the most
 * significant byte first. */
#define PGVECTOR_BYTES(dim) (4 + 4 * (size_t)(dim))
void pgvector_pack(char *to, const float *vector, uint32_t dim);
/* A number with the most significant byte first. */
void pgvector_put(char *to, uint64_t value, unsigned bytes);
uint64_t pgvector_get(const char *from, unsigned bytes);

/* Fills in the sentence from what PostgreSQL said and returns -EIO. */
int pgvector_fails(struct pgvector_link *x, const char *doing, const char *said);
/* Runs a statement, of which the result is not wanted. */
MUST_USE int pgvector_run(struct pgvector_link *x, const char *statement);

/* load_pgvector_table.c: the functions of the table that wait */
int pgvector_create(struct link *l, const struct load_options *o, const struct dataset *d);
int pgvector_fill(struct link *l, const struct load_options *o, const struct dataset *d, struct fill_watch *w);
int pgvector_settle(struct link *l, const char *collection, double seconds_max);
int64_t pgvector_backlog(struct link *l, const char *collection);
int pgvector_remove(struct link *l, const char *collection, const uint64_t *ids, uint32_t count);
int pgvector_compact(struct link *l, const char *collection);
int pgvector_snapshot(struct link *l, const char *collection);
int pgvector_drop(struct link *l, const char *collection);
/* The operator that orders by distance in the table that was made last. */
const char *pgvector_operator(void);
