/* load_pgvector_table.c -- operations on the whole table. Rows are loaded by COPY in a hundred
 * transactions. The index is built afterwards, so that searches run for a time without a graph, as
 * in any database that is loaded first. The memory for the index is raised: with the default, the
 * graph of a hundred thousand rows is built on the disk. */
#include "load/load_pgvector.h"

#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPIES 100

/* Facts about the one table of a run, for connections that did not create it. */
static struct {
    const char *operator, * operators;
    uint32_t m, ef_construct;
} made;

const char *pgvector_operator(void)
{
    return made.operator? made.operator: "<->";
}

static struct pgvector_link *of(struct link *l)
{
    return (struct pgvector_link *)l;
}

int pgvector_create(struct link *l, const struct load_options *o, const struct dataset *d)
{
    static const char *const operators[][2] = {[METRIC_L2] = {"<->", "vector_l2_ops"},
                                               [METRIC_IP] = {"<#>", "vector_ip_ops"},
                                               [METRIC_COSINE] = {"<=>", "vector_cosine_ops"}};
    char statement[PGVECTOR_TEXT];
    made.operator= operators[d->metric][0];
    made.operators = operators[d->metric][1];
    made.m = o->m ? o->m : 16;
    made.ef_construct = o->ef_construct ? o->ef_construct : 64;
    int rc = pgvector_drop(l, o->collection);
    snprintf(statement, sizeof(statement), "CREATE TABLE \"%.63s\" (id bigint PRIMARY KEY, embedding vector(%u))",
             o->collection, d->dim);
    return rc < 0 ? rc : pgvector_run(of(l), statement);
}

/* Writes the head of the binary format, rows of two fields each, and the end. */
static int rows_put(struct pgvector_link *x, const struct dataset *d, uint32_t from, uint32_t to, char *row)
{
    static const char head[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
    size_t bytes = PGVECTOR_BYTES(d->dim);
    bool ok = PQputCopyData(x->c, head, sizeof(head)) == 1;
    for (uint32_t i = from; ok && i < to; i++) {
        pgvector_put(row, 2, 2);
        pgvector_put(row + 2, 8, 4);
        pgvector_put(row + 6, i, 8);
        pgvector_put(row + 14, bytes, 4);
        pgvector_pack(row + 18, d->base + (size_t)i * d->dim, d->dim);
        ok = PQputCopyData(x->c, row, (int)(18 + bytes)) == 1;
    }
    ok = ok && PQputCopyData(x->c, "\377\377", 2) == 1 && PQputCopyEnd(x->c, NULL) == 1;
    return ok ? 0 : pgvector_fails(x, "COPY", PQerrorMessage(x->c));
}

static int result_end(struct pgvector_link *x, const char *doing, ExecStatusType wanted)
{
    int rc = 0;
    PGresult *r;
    while ((r = PQgetResult(x->c))) {
        if (rc == 0 && PQresultStatus(r) != wanted)
            rc = pgvector_fails(x, doing, PQresultErrorMessage(r));
        PQclear(r);
    }
    return rc;
}

static int rows_copy(struct pgvector_link *x, const char *statement, const struct dataset *d, uint32_t from,
                     uint32_t to, char *row)
{
    PGresult *r = PQexec(x->c, statement);
    int rc = PQresultStatus(r) == PGRES_COPY_IN ? 0 : pgvector_fails(x, statement, PQerrorMessage(x->c));
    PQclear(r);
    if (rc == 0)
        rc = rows_put(x, d, from, to, row);
    return rc < 0 ? rc : result_end(x, "COPY", PGRES_COMMAND_OK);
}

int pgvector_fill(struct link *l, const struct load_options *o, const struct dataset *d, struct fill_watch *w)
{
    char statement[PGVECTOR_TEXT], *row = malloc(18 + PGVECTOR_BYTES(d->dim));
    int rc = row ? 0 : pgvector_fails(of(l), "COPY", "no memory");
    struct progress p;
    snprintf(statement, sizeof(statement), "COPY \"%.63s\" FROM STDIN (FORMAT binary)", o->collection);
    progress_start(&p, "importing rows", d->count);
    fill_at(w, 0, d->count);
    if (w)
        w->slowed_s = -1;
    for (uint64_t i = 0; rc == 0 && i < COPIES; i++) {
        uint32_t from = (uint32_t)(i * d->count / COPIES), to = (uint32_t)((i + 1) * d->count / COPIES);
        rc = rows_copy(of(l), statement, d, from, to, row);
        fill_at(w, to, d->count);
        progress_at(&p, to);
    }
    progress_end(&p);
    free(row);
    return rc;
}

int pgvector_settle(struct link *l, const char *collection, double seconds_max)
{
    char limits[96], statement[PGVECTOR_TEXT];
    snprintf(statement, sizeof(statement),
             "CREATE INDEX CONCURRENTLY IF NOT EXISTS \"%.63s_embedding\" ON \"%.63s\" USING hnsw (embedding %s) WITH "
             "(m = %u, ef_construction = %u)",
             collection, collection, made.operators, made.m, made.ef_construct);
    snprintf(limits, sizeof(limits), "SET maintenance_work_mem = '2GB'; SET statement_timeout = '%.0fs'", seconds_max);
    int rc = pgvector_run(of(l), limits);
    if (rc == 0)
        rc = pgvector_run(of(l), statement);
    return rc < 0 ? rc : pgvector_run(of(l), "SET statement_timeout = 0");
}

int64_t pgvector_backlog(struct link *l, const char *collection)
{
    char statement[PGVECTOR_TEXT];
    snprintf(
        statement, sizeof(statement),
        "SELECT CASE WHEN to_regclass('\"%.63s_embedding\"') IS NULL THEN (SELECT count(*) FROM \"%.63s\") ELSE 0 END",
        collection, collection);
    PGresult *r = PQexec(of(l)->c, statement);
    bool ok = PQresultStatus(r) == PGRES_TUPLES_OK;
    int64_t rows =
        ok ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : pgvector_fails(of(l), "counting rows", PQerrorMessage(of(l)->c));
    PQclear(r);
    return rows;
}

int pgvector_remove(struct link *l, const char *collection, const uint64_t *ids, uint32_t count)
{
    char statement[PGVECTOR_TEXT], *list = malloc((size_t)count * 21 + 3), *at = list;
    if (!list)
        return pgvector_fails(of(l), "deleting", "no memory");
    for (uint32_t i = 0; i < count; i++)
        at += sprintf(at, "%c%llu", i ? ',' : '{', (unsigned long long)ids[i]);
    memcpy(at, "}", 2);
    snprintf(statement, sizeof(statement), "DELETE FROM \"%.63s\" WHERE id = ANY ($1::bigint[])", collection);
    PGresult *r = PQexecParams(of(l)->c, statement, 1, NULL, (const char *const[]){list}, NULL, NULL, 0);
    int rc = PQresultStatus(r) == PGRES_COMMAND_OK ? 0 : pgvector_fails(of(l), "deleting", PQerrorMessage(of(l)->c));
    PQclear(r);
    free(list);
    return rc;
}

int pgvector_compact(struct link *l, const char *collection)
{
    char statement[PGVECTOR_TEXT];
    snprintf(statement, sizeof(statement), "VACUUM \"%.63s\"", collection);
    return pgvector_run(of(l), statement);
}

/* Reads everything in one transaction, like pg_dump, and keeps nothing. */
int pgvector_snapshot(struct link *l, const char *collection)
{
    struct pgvector_link *x = of(l);
    char statement[PGVECTOR_TEXT], *bytes;
    snprintf(statement, sizeof(statement), "COPY \"%.63s\" TO STDOUT (FORMAT binary)", collection);
    PGresult *r = PQexec(x->c, statement);
    int rc = PQresultStatus(r) == PGRES_COPY_OUT ? 0 : pgvector_fails(x, statement, PQerrorMessage(x->c));
    PQclear(r);
    if (rc < 0)
        return rc;
    while (PQgetCopyData(x->c, &bytes, 0) > 0)
        PQfreemem(bytes);
    return result_end(x, statement, PGRES_COMMAND_OK);
}

int pgvector_drop(struct link *l, const char *collection)
{
    char statement[PGVECTOR_TEXT];
    snprintf(statement, sizeof(statement), "DROP TABLE IF EXISTS \"%.63s\"", collection);
    return pgvector_run(of(l), statement);
}
