/* load_target_pgvector.c -- one statement at a time on a link, as most programs use PostgreSQL. So
 * a load needs as many links as requests in flight. Statements are prepared; vectors and ids are
 * sent in binary form. */
#include "load/load_pgvector.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pgvector_link *of(struct link *l)
{
    return (struct pgvector_link *)l;
}

void pgvector_put(char *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (char)(value >> 8 * (bytes - 1 - i));
}

uint64_t pgvector_get(const char *from, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | (uint8_t)from[i];
    return value;
}

void pgvector_pack(char *to, const float *vector, uint32_t dim)
{
    pgvector_put(to, dim, 2);
    pgvector_put(to + 2, 0, 2);
    for (uint32_t i = 0; i < dim; i++) {
        uint32_t bits;
        memcpy(&bits, vector + i, sizeof(bits));
        pgvector_put(to + 4 + 4 * (size_t)i, bits, 4);
    }
}

/* Keeps the first line of PostgreSQL's message, which may have several. */
int pgvector_fails(struct pgvector_link *x, const char *doing, const char *said)
{
    snprintf(x->sentence, sizeof(x->sentence), "%.200s: %.*s", doing, (int)strcspn(said, "\n"), said);
    return -EIO;
}

int pgvector_run(struct pgvector_link *x, const char *statement)
{
    PGresult *r = PQexec(x->c, statement);
    ExecStatusType status = PQresultStatus(r);
    int rc = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK
                 ? 0
                 : pgvector_fails(x, statement, PQerrorMessage(x->c));
    PQclear(r);
    return rc;
}

/* -- a link -- */

static void link_close(struct link *l)
{
    PQclear(of(l)->result);
    PQfinish(of(l)->c);
    free(of(l)->value);
    free(of(l)->ids);
    free(l);
}

static int link_open(const char *address, struct link **ret, char *error, size_t error_size)
{
    struct pgvector_link *x = calloc(1, sizeof(*x));
    if (!x)
        return -ENOMEM;
    x->base.target = &target_pgvector;
    x->c = PQconnectdb(address ? address : "");
    if (PQstatus(x->c) != CONNECTION_OK || pgvector_run(x, "SET client_min_messages = warning") < 0) {
        const char *said = x->c ? PQerrorMessage(x->c) : "no memory";
        snprintf(error, error_size, "PostgreSQL at '%s': %.*s", address ? address : "", (int)strcspn(said, "\n"), said);
        link_close(&x->base);
        return -ECONNREFUSED;
    }
    *ret = &x->base;
    return 0;
}

static const char *link_error(const struct link *l)
{
    return ((const struct pgvector_link *)l)->sentence;
}

static uint32_t link_in_flight_max(const struct link *l)
{
    return 1;
}

static int link_fd(const struct link *l)
{
    return PQsocket(((const struct pgvector_link *)l)->c);
}

static bool usable(const char *address, char *why, size_t why_size)
{
    struct link *l = NULL;
    if (link_open(address, &l, why, why_size) < 0)
        return false;
    bool is = pgvector_run(of(l), "CREATE EXTENSION IF NOT EXISTS vector") == 0;
    if (!is)
        snprintf(why, why_size, "pgvector is not installed in that database: %s", of(l)->sentence);
    link_close(l);
    return is;
}

/* -- requests -- */

static int value_pack(struct pgvector_link *x, const float *vector, uint32_t dim)
{
    if (x->dim < dim) {
        free(x->value);
        x->value = malloc(PGVECTOR_BYTES(dim));
        x->dim = x->value ? dim : 0;
    }
    if (!x->value)
        return pgvector_fails(x, "a vector", "no memory");
    pgvector_pack(x->value, vector, dim);
    return 0;
}

static int prepare(struct pgvector_link *x, const char *name, const char *statement, bool *done)
{
    PGresult *r = *done ? NULL : PQprepare(x->c, name, statement, 0, NULL);
    int rc = *done || PQresultStatus(r) == PGRES_COMMAND_OK ? 0 : pgvector_fails(x, statement, PQerrorMessage(x->c));
    PQclear(r);
    *done |= rc == 0;
    return rc;
}

static int64_t sent(struct pgvector_link *x, const char *doing, int ok)
{
    if (!ok)
        return pgvector_fails(x, doing, PQerrorMessage(x->c));
    x->waiting = true;
    return ++x->last;
}

static int64_t search(struct link *l, const struct target_search *s)
{
    struct pgvector_link *x = of(l);
    char statement[PGVECTOR_TEXT];
    if (s->count != 1)
        return pgvector_fails(x, "a search", "pgvector is asked one query at a time");
    int rc = 0;
    if (!x->prepared_search) {
        snprintf(statement, sizeof(statement), "SET hnsw.ef_search = %u", s->ef < s->k ? s->k : s->ef);
        rc = pgvector_run(x, statement);
    }
    snprintf(statement, sizeof(statement), "SELECT id FROM \"%.63s\" ORDER BY embedding %s $1 LIMIT %u", s->collection,
             pgvector_operator(), s->k);
    if (rc == 0)
        rc = prepare(x, "search", statement, &x->prepared_search);
    if (rc == 0)
        rc = value_pack(x, s->queries, s->dim);
    if (rc < 0)
        return rc;
    return sent(x, "a search",
                PQsendQueryPrepared(x->c, "search", 1, (const char *const[]){x->value},
                                    (const int[]){(int)PGVECTOR_BYTES(s->dim)}, (const int[]){1}, 1));
}

static int64_t upsert(struct link *l, const struct target_points *p)
{
    struct pgvector_link *x = of(l);
    char statement[PGVECTOR_TEXT], id[8];
    if (p->count != 1)
        return pgvector_fails(x, "an upsert", "pgvector is given one point at a time");
    snprintf(statement, sizeof(statement),
             "INSERT INTO \"%.63s\" (id, embedding) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET embedding = "
             "EXCLUDED.embedding",
             p->collection);
    int rc = prepare(x, "upsert", statement, &x->prepared_upsert);
    if (rc == 0)
        rc = value_pack(x, p->vectors, p->dim);
    if (rc < 0)
        return rc;
    pgvector_put(id, p->ids[0], 8);
    return sent(x, "an upsert",
                PQsendQueryPrepared(x->c, "upsert", 2, (const char *const[]){id, x->value},
                                    (const int[]){8, (int)PGVECTOR_BYTES(p->dim)}, (const int[]){1, 1}, 1));
}

static int flush(struct link *l)
{
    int rc;
    while ((rc = PQflush(of(l)->c)) > 0)
        poll(&(struct pollfd){.fd = PQsocket(of(l)->c), .events = POLLOUT}, 1, -1);
    return rc == 0 ? 0 : pgvector_fails(of(l), "sending", PQerrorMessage(of(l)->c));
}

static int hits_take(struct pgvector_link *x)
{
    uint32_t n = (uint32_t)PQntuples(x->result);
    if (n > x->ids_room) {
        free(x->ids);
        x->ids = malloc(n * sizeof(*x->ids));
        x->ids_room = x->ids ? n : 0;
    }
    if (n && !x->ids)
        return pgvector_fails(x, "an answer", "no memory");
    for (uint32_t i = 0; i < n; i++)
        x->ids[i] = pgvector_get(PQgetvalue(x->result, (int)i, 0), 8);
    x->ids_count = n;
    return 0;
}

/* A failed request leaves the link usable; a lost link has no answers. */
static int answer_make(struct pgvector_link *x, struct target_reply *ret)
{
    ExecStatusType status = PQresultStatus(x->result);
    x->waiting = false;
    *ret = (struct target_reply){.request = x->last};
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        pgvector_fails(x, "PostgreSQL", x->result ? PQresultErrorMessage(x->result) : PQerrorMessage(x->c));
        ret->failure = x->sentence;
    } else if (status == PGRES_TUPLES_OK) {
        if (hits_take(x) < 0)
            return -ENOMEM;
        ret->queries = 1;
        ret->counts = &x->ids_count;
        ret->ids = x->ids;
    }
    PQclear(x->result);
    x->result = NULL;
    return PQstatus(x->c) == CONNECTION_OK ? 1 : -EIO;
}

static int next(struct link *l, struct target_reply *ret)
{
    struct pgvector_link *x = of(l);
    if (!x->waiting)
        return 0;
    if (!PQconsumeInput(x->c))
        return pgvector_fails(x, "an answer", PQerrorMessage(x->c));
    while (!PQisBusy(x->c)) {
        PGresult *r = PQgetResult(x->c);
        if (!r)
            return answer_make(x, ret);
        PQclear(x->result);
        x->result = r;
    }
    return 0;
}

const struct target target_pgvector = {.name = "pgvector",
                                       .usable = usable,
                                       .open = link_open,
                                       .close = link_close,
                                       .error = link_error,
                                       .in_flight_max = link_in_flight_max,
                                       .search = search,
                                       .upsert = upsert,
                                       .flush = flush,
                                       .next = next,
                                       .fd = link_fd,
                                       .create = pgvector_create,
                                       .fill = pgvector_fill,
                                       .settle = pgvector_settle,
                                       .backlog = pgvector_backlog,
                                       .remove = pgvector_remove,
                                       .compact = pgvector_compact,
                                       .snapshot = pgvector_snapshot,
                                       .drop = pgvector_drop};
