/* segment_filter.c -- connects filters, which read columns, with segments, which have
 * columns and payloads. */
#include "shards/segment/segment_filter.h"

#include <string.h>

#define HITS_PER_PAUSE 256

/* Tests a predicate by the payload, because the segment has no column of the field. */
static bool test_payload(void *arg, const struct predicate *p, uint32_t row)
{
    struct segment_filter *f = arg;
    const struct payload_at at = segment_payload_at(f->segment, row);
    struct field_values v;
    const int rc = payload_read(&f->reader, p->path, at.bytes, at.size, &v);
    if (rc < 0)
        f->failed = rc;
    return rc == 0 && p->kind->passes(p, &v);
}

void segment_filter_begin(struct segment_filter *f, const struct filter *filter, struct segment *s, uint32_t rows)
{
    *f = (struct segment_filter){.filter = filter, .segment = s};
    f->rows = (struct filter_rows){.rows = rows, .columns = f->columns, .test = test_payload, .arg = f};
    unsigned n = 0;
    for (struct segment_column *c = s->columns.first; c && n < SCHEMA_FIELDS_MAX; c = c->next) {
        if (c->column.rows < rows)
            continue;
        segment_column_hold(c);
        f->held[n] = c;
        f->columns[n++] = &c->column;
    }
    f->rows.column_count = n;
}

void segment_filter_end(struct segment_filter *f)
{
    for (unsigned i = 0; i < f->rows.column_count; i++)
        segment_column_let_go(f->held[i]);
    payload_reader_fini(&f->reader);
}

static bool has_columns(const struct segment_filter *f, const struct filter *clause)
{
    if (clause->op == FILTER_TEST)
        return filter_column(&f->rows, clause->test.field) != NULL;
    for (uint32_t i = 0; i < clause->count; i++)
        if (!has_columns(f, &clause->children[i]))
            return false;
    return true;
}

struct plan segment_filter_plan(const struct segment_filter *f, uint32_t k, uint32_t ef, bool exact)
{
    const struct plan_facts facts = {
        .rows = f->rows.rows, .k = k, .ef = ef, .exact = exact, .has_columns = has_columns(f, f->filter)};
    const struct cardinality c = filter_estimate(f->filter, &f->rows);
    return plan_choose(&facts, &c);
}

int segment_filter_select(struct segment_filter *f, uint64_t *bits, const struct pause *pause)
{
    struct row_set set = {bits, f->rows.rows};
    row_set_clear(&set);
    const int rc = filter_select(f->filter, &f->rows, &set, pause);
    return rc == 0 ? f->failed : rc;
}

int segment_filter_hits(struct segment_filter *f, struct hit *hits, uint32_t count, uint32_t k,
                        const struct pause *pause)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count && kept < k; i++) {
        if (filter_test(f->filter, &f->rows, hits[i].row))
            hits[kept++] = hits[i];
        const int rc = i % HITS_PER_PAUSE == HITS_PER_PAUSE - 1 ? pause_here(pause) : 0;
        if (rc != 0)
            return rc;
    }
    return f->failed ? f->failed : (int)kept;
}
