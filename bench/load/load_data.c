#include "load/load.h"
#include "load/load_target.h"

#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH_BYTES (256 << 10) /* bytes of vectors in one request while importing */
#define IN_FLIGHT   8

int load_client_error(struct error *e, const struct kith *k, int code, const char *doing)
{
    return error_set(e, code <= -100 ? ERROR_UNAVAILABLE : (enum error_code) - code, "%s: %s", doing, kith_error(k));
}

int load_collection_create(struct kith *k, const struct load_options *o, const char *name, const struct dataset *d,
                           struct error *e)
{
    struct kith_collection c = {.name = name,
                                .dim = d->dim,
                                .metric = (enum kith_metric)d->metric,
                                .index = {.m = o->m, .ef_construct = o->ef_construct}};
    int rc = kith_create(k, &c);
    return rc < 0 ? load_client_error(e, k, rc, "creating the collection") : 0;
}

static int import_batch(struct kith *k, const char *name, const struct dataset *d, uint32_t first, uint32_t count,
                        struct kith_id *ids, struct error *e)
{
    for (uint32_t i = 0; i < count; i++)
        ids[i] = (struct kith_id){0, first + i};
    struct kith_points points = {
        .count = count, .ids = ids, .vectors = d->base + (size_t)first * d->dim, .dim = d->dim};
    int64_t request = kith_start_upsert(k, name, &points);
    return request < 0 ? load_client_error(e, k, (int)request, "importing") : 0;
}

int load_collection_import(struct kith *k, const char *name, const struct dataset *d, struct fill_watch *w,
                           struct error *e)
{
    uint32_t batch = (uint32_t)(BATCH_BYTES / (d->dim * sizeof(float)));
    batch = batch ? batch : 1;
    struct kith_id *ids = calloc(batch, sizeof(*ids));
    int rc = ids ? 0 : error_set_errno(e, -ENOMEM, "importing");
    struct progress p;
    progress_start(&p, "importing rows", d->count);
    uint64_t sent = 0, acknowledged = 0;
    fill_at(w, 0, d->count);
    while (rc == 0 && (sent < d->count || kith_in_flight(k) > 0)) {
        if (sent < d->count && kith_in_flight(k) < IN_FLIGHT) {
            uint32_t count = d->count - sent < batch ? (uint32_t)(d->count - sent) : batch;
            rc = import_batch(k, name, d, (uint32_t)sent, count, ids, e);
            sent += count;
            progress_at(&p, sent);
            continue;
        }
        struct kith_reply reply;
        int got = kith_next(k, -1, &reply);
        if (got < 0 || reply.code < 0)
            rc = load_client_error(e, k, got < 0 ? got : reply.code, "importing");
        acknowledged += batch; /* the last batch is smaller */
        fill_at(w, acknowledged < d->count ? acknowledged : d->count, d->count);
    }
    progress_end(&p);
    free(ids);
    return rc;
}

/* Waits until every row is in a graph and no segment is merged: two readings one second apart are
 * equal. */
static int index_wait(struct kith *k, const struct load_options *o, struct error *e)
{
    struct kith_info before = {0}, now;
    uint64_t start = clock_wall_ns();
    struct progress p = {0};
    for (bool settled = false; !settled;) {
        int rc = kith_info_read(k, o->collection, &now);
        if (rc < 0)
            return load_client_error(e, k, rc, "looking at the collection");
        if (p.what == NULL)
            progress_start(&p, "indexing rows", now.points);
        settled = now.growing_graphed >= now.growing_rows && now.sealed_segments == before.sealed_segments &&
                  now.growing_rows == before.growing_rows && now.sealed_rows == before.sealed_rows && before.points > 0;
        if (now.growing_rows == 0 && now.sealed_segments == 1)
            settled = true;
        uint64_t rows = now.growing_rows + now.sealed_rows, waiting = now.growing_rows - now.growing_graphed;
        p.total = rows;
        progress_at(&p, rows - waiting);
        if (!settled && (double)(clock_wall_ns() - start) / 1e9 > o->index_wait_s) {
            fprintf(stderr, "load: %llu rows are still not indexed; going on\n", (unsigned long long)waiting);
            settled = true;
        }
        before = now;
        if (!settled)
            nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    progress_end(&p);
    fprintf(stderr, "collection %s: %llu points, %llu growing rows, %llu sealed segments\n", o->collection,
            (unsigned long long)before.points, (unsigned long long)before.growing_rows,
            (unsigned long long)before.sealed_segments);
    return 0;
}

static int collection_ready(struct kith *k, const struct load_options *o, const struct dataset *d, bool *ret_comparable,
                            struct error *e)
{
    struct kith_info info;
    int rc = kith_info_read(k, o->collection, &info);
    if (rc == -KITH_NOT_FOUND) {
        rc = load_collection_create(k, o, o->collection, d, e);
        if (rc == 0)
            rc = load_collection_import(k, o->collection, d, NULL, e);
        *ret_comparable = true;
    } else if (rc < 0) {
        rc = load_client_error(e, k, rc, "looking for the collection");
    } else if (info.collection.dim != d->dim) {
        rc = error_set(e, ERROR_INVALID_ARGUMENT, "collection %s has %u dimensions, the data has %u", o->collection,
                       info.collection.dim, d->dim);
    } else {
        *ret_comparable = info.points == d->count && info.collection.metric == (enum kith_metric)d->metric;
        if (!*ret_comparable)
            fprintf(stderr, "load: collection %s holds %llu points, the data %u: recall cannot be told\n",
                    o->collection, (unsigned long long)info.points, d->count);
    }
    return rc < 0 ? rc : index_wait(k, o, e);
}

int load_collection_prepare(const struct load_options *o, const char *address, const struct dataset *d,
                            bool *ret_comparable, struct error *e)
{
    char text[ERROR_TEXT_MAX] = "";
    struct kith *k = NULL;
    if (kith_open(address, &k, text, sizeof(text)) < 0)
        return error_set(e, ERROR_UNAVAILABLE, "%s", text);
    int rc = collection_ready(k, o, d, ret_comparable, e);
    kith_close(k);
    return rc;
}

int load_segments_settle(struct kith *k, const char *name, struct error *e)
{
    uint64_t sum = 0, before = 1;
    struct progress p;
    progress_start(&p, "waiting until nothing is sealed or merged, segments", 0);
    while (sum != before) {
        struct kith_info info;
        const struct kith_segment *segments;
        size_t count;
        int rc = kith_segments_read(k, name, &info, &segments, &count);
        if (rc < 0)
            return load_client_error(e, k, rc, "looking at the segments");
        before = sum;
        sum = 0;
        bool busy = count == 0;
        for (size_t i = 0; i < count; i++) {
            busy |= segments[i].merging || segments[i].state != KITH_SEALED;
            sum += segments[i].id * 31 + segments[i].disk_bytes;
        }
        if (busy)
            before = sum + 1;
        p.total = count;
        progress_at(&p, count);
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    progress_end(&p);
    return 0;
}
