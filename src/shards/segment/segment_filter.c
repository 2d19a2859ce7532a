/* segment_filter.c -- connects filters, which read columns, with segments, which have
 * columns and payloads. */
#include "shards/segment/segment_filter.h"

#define BYTES_PER_PAUSE ((size_t)64 << 10) /* of payloads: 200 us, or one payload */

static int let_others_run(void *arg)
{
    fiber_checkpoint();
    return 0;
}

/* Tests a predicate by the payload, because the segment has no column of the field. */
static bool test_payload(void *arg, const struct predicate *p, uint32_t row)
{
    struct segment_filter *f = arg;
    const struct payload_at at = segment_payload_at(f->segment, row);
    /* the callers pause after a number of rows, but payloads may be long */
    if (f->unpaused > BYTES_PER_PAUSE) {
        fiber_checkpoint();
        f->unpaused = 0;
    }
    f->unpaused += at.size;
    const int rc = payload_passes(&f->reader, p, at.bytes, at.size);
    if (rc < 0)
        f->failed = rc;
    return rc > 0;
}

void segment_filter_begin(struct segment_filter *f, struct segment *s, uint32_t rows, struct filter_counts *counts)
{
    static const struct pause pause = {.fn = let_others_run};
    *f = (struct segment_filter){.segment = s, .reader.pause = &pause};
    f->rows = (struct filter_rows){
        .rows = rows, .columns = f->columns, .test = test_payload, .arg = f, .failed = &f->failed, .counts = counts};
    unsigned n = 0;
    for (struct segment_column *c = s->columns.first; c && n < SCHEMA_FIELDS_MAX; c = c->next) {
        if (c->state != COLUMN_READY)
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
