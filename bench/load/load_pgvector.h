/* load_pgvector.h -- a table of PostgreSQL with pgvector as the collection: id bigint primary key,
 * embedding vector(dim), and an HNSW index that is built after the rows are loaded. */
#pragma once

#include "load/load.h"

#include <libpq-fe.h>

#define PGVECTOR_TEXT 512 /* PostgreSQL's names have at most 63 bytes */

struct pgvector_link {
    struct link base;
    PGconn *c;
    int64_t last;     /* id of the last request */
    bool waiting;     /* for the answer to the last request */
    PGresult *result; /* its result, until the whole answer is here */
    bool prepared_search, prepared_upsert;
    char *value;   /* a vector in PostgreSQL's format */
    uint32_t dim;  /* dimension that `value` has room for */
    uint64_t *ids; /* of an answer */
    uint32_t ids_room, ids_count;
    char sentence[PGVECTOR_TEXT];
};

/* The binary form of a vector: dim and 0 as 16 bits, then floats, all big-endian. */
#define PGVECTOR_BYTES(dim) (4 + 4 * (size_t)(dim))
void pgvector_pack(char *to, const float *vector, uint32_t dim);
/* Writes a big-endian number. */
void pgvector_put(char *to, uint64_t value, unsigned bytes);
uint64_t pgvector_get(const char *from, unsigned bytes);

/* Sets the sentence from PostgreSQL's message and returns -EIO. */
int pgvector_fails(struct pgvector_link *x, const char *doing, const char *said);
/* Runs a statement without reading its result. */
MUST_USE int pgvector_run(struct pgvector_link *x, const char *statement);

/* load_pgvector_table.c: functions of the target that wait */
int pgvector_create(struct link *l, const struct load_options *o, const struct dataset *d);
int pgvector_fill(struct link *l, const struct load_options *o, const struct dataset *d, struct fill_watch *w);
int pgvector_settle(struct link *l, const char *collection, double seconds_max);
int64_t pgvector_backlog(struct link *l, const char *collection);
int pgvector_remove(struct link *l, const char *collection, const uint64_t *ids, uint32_t count);
int pgvector_compact(struct link *l, const char *collection);
int pgvector_snapshot(struct link *l, const char *collection);
int pgvector_drop(struct link *l, const char *collection);
/* The operator that orders by distance in the table that was created last. */
const char *pgvector_operator(void);
