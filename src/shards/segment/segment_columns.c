/* segment_columns.c -- appends to the columns of a segment, builds a column that it lacks, and says
 * how much memory that takes. */
#include "shards/segment/segment_columns.h"
#include "base/log.h"
#include "columns/payload_path.h"
#include "shards/segment/segment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_PER_PAUSE 8192 /* of payloads that are read without a pause: 25 us, or one payload */
#define ROW_BYTES       256  /* a row costs as much as so many bytes of payload, beside its own */

static struct segment_column *find_any(const struct segment *s, uint16_t field)
{
    struct segment_column *c = s->columns.first;
    while (c && c->column.field != field)
        c = c->next;
    return c;
}

struct segment_column *segment_column_find(const struct segment *s, uint16_t field)
{
    struct segment_column *c = find_any(s, field);
    return c && c->state == COLUMN_READY ? c : NULL;
}

bool segment_column_is_due(const struct segment *s, uint16_t field)
{
    const struct segment_column *c = find_any(s, field);
    return !c || c->state == COLUMN_LAGS;
}

static void destroy(struct segment_column *c)
{
    if (!c->borrowed)
        column_destroy(&c->column);
    free(c);
}

void segment_column_let_go(struct segment_column *c)
{
    check(c->users > 0);
    if (--c->users == 0 && c->dropped)
        event_notify_all(&c->let_go);
}

static void unlink_from(struct segment_column **link, struct segment_column *c)
{
    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
}

/* Takes the column out of the list, so that no later search reads it. If no search reads it and no
 * other reactor uses it, frees it; else the background does that later. */
static void drop(struct segment *s, struct segment_column *c)
{
    unlink_from(&s->columns.first, c);
    c->dropped = true;
    if (c->users == 0 && !c->told) {
        destroy(c);
        return;
    }
    c->next = s->columns.dropped;
    s->columns.dropped = c;
}

void segment_column_free_dropped(struct segment *s, struct segment_column *c)
{
    while (c->users)
        event_wait(&c->let_go);
    unlink_from(&s->columns.dropped, c);
    destroy(c);
}

static int add(struct segment *s, const struct column *column, const char *path, bool borrowed)
{
    struct segment_column *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->column = *column;
    c->borrowed = borrowed;
    strcpy(c->path, path);
    c->next = s->columns.first;
    s->columns.first = c;
    return 0;
}

int segment_column_add(struct segment *s, const struct column *column, const char *path)
{
    return add(s, column, path, false);
}

int segment_column_borrow(struct segment *s, const struct column *column, const char *path)
{
    return add(s, column, path, true);
}

static struct segment_column *find_state(struct segment_column *c, const struct column *column)
{
    while (c && c->column.state != column->state)
        c = c->next;
    return c;
}

void segment_column_return(struct segment *s, const struct column *column)
{
    struct segment_column *c = find_state(s->columns.first, column);
    if (c)
        drop(s, c);
    c = find_state(s->columns.dropped, column);
    if (c)
        segment_column_free_dropped(s, c);
}

void segment_columns_begin(struct segment *s, const struct schema *schema)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct field_spec *f = &schema->fields[i];
        const struct column_kind *kind = column_kind_of(f->kind);
        struct column column;
        if (!kind || column_create(kind, f->number, &column) < 0)
            continue;
        if (segment_column_add(s, &column, f->path) < 0)
            column_destroy(&column);
    }
}

/* -- appending -- */

struct appending {
    struct segment_column *columns[SCHEMA_FIELDS_MAX];
    struct payload_field fields[SCHEMA_FIELDS_MAX];
    size_t count;
};

static int append_field(void *arg, size_t i, const struct field_values *v)
{
    struct appending *a = arg;
    if (column_append(&a->columns[i]->column, v) == 0)
        a->columns[i] = NULL; /* appended */
    return 0;
}

void segment_columns_append(struct segment *s, const void *payload, uint32_t size)
{
    struct appending a = {.count = 0};
    struct payload_reader reader = {0};
    for (struct segment_column *c = s->columns.first; c; c = c->next) {
        if (c->state != COLUMN_READY)
            continue;
        if (size > PAYLOAD_AT_ONCE) {
            c->state = COLUMN_LAGS;
            continue;
        }
        a.fields[a.count] = (struct payload_field){c->path, c->column.kind->takes};
        a.columns[a.count++] = c;
    }
    if (a.count == 0)
        return;
    ignore_result(payload_read_all(&reader, a.fields, a.count, payload, size, append_field, &a));
    for (size_t i = 0; i < a.count; i++)
        if (a.columns[i])
            drop(s, a.columns[i]); /* there was no memory; the background builds the column again */
    payload_reader_fini(&reader);
}

int segment_column_copy_row(const struct segment *s, uint32_t row, const char *path, struct payload_reader *r,
                            struct column *to)
{
    const struct segment_column *from = segment_column_find(s, to->field);
    if (from && from->column.kind == to->kind)
        return column_append_row(to, &from->column, row);
    const struct payload_at p = segment_payload_at(s, row);
    const struct payload_field field = {path, to->kind->takes};
    struct field_values v;
    int rc = payload_read(r, &field, p.bytes, p.size, &v);
    return rc == 0 ? column_append(to, &v) : rc;
}

/* -- building -- */

/* Appends the values of all rows that the column lacks, also of rows that come meanwhile. */
static int read_payloads(struct segment *s, struct segment_column *c, const struct pause *pause)
{
    const struct payload_field field = {c->path, c->column.kind->takes};
    struct payload_reader reader = {.pause = pause};
    size_t bytes = 0;
    int rc = 0;
    while (rc == 0 && !c->dropped && c->column.rows < s->rows.count) {
        const struct payload_at p = segment_payload_at(s, c->column.rows);
        struct field_values v;
        bytes += p.size + ROW_BYTES;
        if (bytes > BYTES_PER_PAUSE) {
            rc = pause_here(pause);
            bytes = 0;
        }
        if (rc == 0)
            rc = payload_read(&reader, &field, p.bytes, p.size, &v);
        if (rc == 0)
            rc = column_append(&c->column, &v);
    }
    payload_reader_fini(&reader);
    return rc;
}

static struct segment_column *begin(struct segment *s, const struct field_spec *field, const struct column_kind *kind)
{
    struct column column;
    if (column_create(kind, field->number, &column) < 0)
        return NULL;
    if (segment_column_add(s, &column, field->path) < 0) {
        column_destroy(&column);
        return NULL;
    }
    s->columns.first->state = COLUMN_LAGS;
    return s->columns.first;
}

/* Keeps the column without values, so that it is not tried again. */
static int leave_out(struct segment_column *c)
{
    struct column empty;
    const int rc = column_create(c->column.kind, c->column.field, &empty);
    if (rc < 0)
        return rc;
    column_destroy(&c->column);
    c->column = empty;
    c->state = COLUMN_LEFT_OUT;
    return 0;
}

static int build(struct segment *s, struct segment_column *c, const struct pause *pause)
{
    int rc = read_payloads(s, c, pause);
    if (rc == -EOVERFLOW)
        return leave_out(c);
    if (rc == 0 && s->state != SEGMENT_GROWING)
        rc = column_sort(&c->column, pause); /* no more rows come */
    if (rc < 0 || c->dropped)
        return rc;
    /* there was no pause behind the last row, so none is missing */
    check(c->column.rows == s->rows.count);
    c->state = COLUMN_READY;
    return 1;
}

int segment_column_build(struct segment *s, const struct field_spec *field, const struct pause *pause)
{
    const struct column_kind *kind = column_kind_of(field->kind);
    if (!kind || !segment_column_is_due(s, field->number))
        return 0;
    struct segment_column *c = find_any(s, field->number);
    if (!c)
        c = begin(s, field, kind);
    if (!c)
        return -ENOMEM;
    segment_column_hold(c);
    const int rc = build(s, c, pause);
    segment_column_let_go(c);
    if (rc == -ENOMEM && !c->dropped)
        drop(s, c);
    return rc;
}

/* -- damage -- */

void segment_column_note_damage(struct segment *s, const char *file, const char *path, const char *what,
                                const char *why)
{
    s->columns.damaged++;
    log_warn("%s is damaged: its column of field '%s' %s (%s); the column is left out and built again from the "
             "payloads, which filters read until then. The file stays damaged until a merge replaces it: look at the "
             "disk",
             file, path, what, why);
}

void segment_column_drop_damaged(struct segment *s, uint16_t field, const char *file)
{
    for (struct segment_column *c = s->columns.first; c; c = c->next)
        if (c->column.field == field && c->column.in_file) {
            segment_column_note_damage(s, file, c->path, "has a wrong checksum", "found by a merge");
            drop(s, c);
            return;
        }
}

/* -- all -- */

void segment_columns_keep(struct segment *s, const struct schema *schema)
{
    for (struct segment_column *c = s->columns.first, *next; c; c = next) {
        next = c->next;
        if (!schema_field(schema, c->column.field))
            drop(s, c);
    }
}

uint64_t segment_columns_bytes(const struct segment *s)
{
    uint64_t bytes = 0;
    for (const struct segment_column *c = s->columns.first; c; c = c->next)
        bytes += sizeof(*c) + (c->borrowed ? 0 : column_memory(&c->column));
    return bytes;
}

/* -- memory that columns will need -- */

/* The values of a column that gets `rows` rows. */
static uint64_t values_with(const struct column *c, uint32_t rows)
{
    return column_values(c) + (rows - c->rows);
}

static uint64_t growth(const struct column *c, uint32_t rows, bool sorts)
{
    const uint64_t need = c->kind->need(rows, values_with(c, rows), sorts), has = column_memory(c);
    return need > has ? need - has : 0;
}

uint64_t segment_columns_growth(const struct segment *s, const struct schema *schema, uint32_t more)
{
    uint64_t bytes = 0;
    for (size_t i = 0; !s && i < schema->field_count; i++) {
        const struct column_kind *kind = column_kind_of(schema->fields[i].kind);
        bytes += kind ? sizeof(struct segment_column) + kind->need(more, more, false) : 0;
    }
    for (const struct segment_column *c = s ? s->columns.first : NULL; c; c = c->next)
        if (c->state == COLUMN_READY) /* else the background asks when it appends the rows */
            bytes += growth(&c->column, s->rows.count + more, false);
    return bytes;
}

uint64_t segment_column_build_bytes(const struct segment *s, const struct field_spec *field)
{
    const struct column_kind *kind = column_kind_of(field->kind);
    const struct segment_column *c = find_any(s, field->number);
    const bool sorts = s->state != SEGMENT_GROWING;
    if (c)
        return growth(&c->column, s->rows.count, sorts);
    return kind ? sizeof(*c) + kind->need(s->rows.count, s->rows.count, sorts) : 0;
}

static uint64_t values_in(const struct segment *s, uint16_t field, const struct column_kind *kind)
{
    const struct segment_column *c = find_any(s, field);
    return c && c->column.kind == kind ? values_with(&c->column, s->rows.count) : s->rows.count;
}

/* The values of `rows` of the rows of the segments, by the mean of all of them, rounded up. */
static uint64_t values_among(struct segment *const *from, uint32_t count, uint32_t rows, uint16_t field,
                             const struct column_kind *kind)
{
    uint64_t values = 0, all = 0;
    for (uint32_t i = 0; i < count; i++) {
        values += values_in(from[i], field, kind);
        all += from[i]->rows.count;
    }
    return all == 0 ? rows : rows == all ? values : (uint64_t)((double)values * rows / (double)all) + 1;
}

uint64_t segment_columns_write_bytes(const struct schema *schema, struct segment *const *from, uint32_t count,
                                     uint32_t rows)
{
    uint64_t most = 0;
    for (size_t i = 0; rows && i < schema->field_count; i++) {
        const struct field_spec *f = &schema->fields[i];
        const struct column_kind *kind = column_kind_of(f->kind);
        const uint64_t bytes = kind ? kind->need(rows, values_among(from, count, rows, f->number, kind), true) : 0;
        most = bytes > most ? bytes : most;
    }
    return most;
}

void segment_columns_fini(struct segment *s)
{
    struct segment_column *lists[] = {s->columns.first, s->columns.dropped};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (struct segment_column *c = lists[i], *next; c; c = next) {
            next = c->next;
            destroy(c); /* no other reactor uses the segment any more */
        }
    s->columns = (struct segment_columns){0};
}
