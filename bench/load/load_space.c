/* load_space.c -- measures the disk space of the data in relation to its content: vectors, codes,
 * links and payloads of existing points. It measures after an import, after a quarter was deleted
 * and compacted, and the maximum in between. Sizes of files come from the file system, and sizes of
 * contents from the server's figures about its segments. */
#include "load/load.h"

#include "clock.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define NAME    "space"
#define BATCH   200u
#define LOOK_NS 10000000
#define MIB     1048576.0

struct usage {
    double segments, all; /* bytes on the disk */
};

struct watcher {
    pthread_t thread;
    const char *folder;
    atomic_bool stop;
    double peak; /* of the segments */
};

struct rest {
    uint64_t points, segments;
    double content;
    struct usage disk;
};

/* Bytes of all files; a file that was removed since the listing is skipped. */
static double folder_bytes(const char *folder)
{
    double sum = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *d; dir && (d = readdir(dir));) {
        char path[512];
        struct stat st;
        snprintf(path, sizeof(path), "%s/%s", folder, d->d_name);
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 || lstat(path, &st) < 0)
            continue;
        sum += S_ISDIR(st.st_mode) ? folder_bytes(path) : (double)st.st_blocks * 512;
    }
    if (dir)
        closedir(dir);
    return sum;
}

static double segments_bytes(const char *folder)
{
    char path[256];
    snprintf(path, sizeof(path), "%.200s/segments", folder);
    return folder_bytes(path);
}

static void *watch(void *arg)
{
    struct watcher *w = arg;
    while (!atomic_load(&w->stop)) {
        double now = segments_bytes(w->folder);
        w->peak = now > w->peak ? now : w->peak;
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    }
    return NULL;
}

/* Imports points with a payload of about 60 bytes. */
static int fill(struct kith *k, const struct dataset *d, struct error *e)
{
    static char text[BATCH][80];
    const char *payloads[BATCH];
    struct kith_id ids[BATCH];
    uint32_t sizes[BATCH];
    struct progress p;
    int rc = 0;
    progress_start(&p, "importing rows", d->count);
    for (uint32_t at = 0; rc == 0 && at < d->count; at += BATCH) {
        uint32_t n = d->count - at < BATCH ? d->count - at : BATCH;
        for (uint32_t i = 0; i < n; i++) {
            ids[i] = (struct kith_id){0, at + i};
            sizes[i] = (uint32_t)snprintf(text[i], sizeof(text[i]),
                                          "{\"title\":\"the point of number %08u\",\"group\":%u}", at + i, at % 1000);
            payloads[i] = text[i];
        }
        struct kith_points points = {.count = n,
                                     .ids = ids,
                                     .vectors = d->base + (size_t)at * d->dim,
                                     .dim = d->dim,
                                     .payloads = payloads,
                                     .payload_sizes = sizes};
        rc = kith_upsert(k, NAME, &points);
        progress_at(&p, at);
    }
    progress_end(&p);
    return rc < 0 ? load_client_error(e, k, rc, "importing") : 0;
}

/* Reads the bytes of existing points; of a segment with deleted rows, the share of alive rows. */
static int rest_read(struct kith *k, const char *folder, struct rest *ret, struct error *e)
{
    struct kith_info info;
    const struct kith_segment *segments;
    size_t count;
    int rc = kith_segments_read(k, NAME, &info, &segments, &count);
    if (rc < 0)
        return load_client_error(e, k, rc, "looking at the segments");
    *ret = (struct rest){.points = info.points, .segments = count};
    for (size_t i = 0; i < count; i++) {
        const struct kith_segment *s = &segments[i];
        double live = s->rows ? (double)(s->rows - s->deleted_rows) / (double)s->rows : 0;
        ret->content += live * (double)(s->vector_bytes + s->payload_bytes + s->index_bytes);
    }
    ret->disk = (struct usage){segments_bytes(folder), folder_bytes(folder)};
    return 0;
}

static int delete_quarter(struct kith *k, const struct dataset *d, struct error *e)
{
    struct kith_id ids[BATCH];
    int rc = 0;
    for (uint32_t at = 0; rc == 0 && at < d->count; at += 4 * BATCH) {
        uint32_t n = 0;
        for (uint32_t row = at; n < BATCH && row < d->count; row += 4)
            ids[n++] = (struct kith_id){0, row};
        uint64_t deleted;
        rc = kith_delete(k, NAME, ids, n, &deleted);
    }
    return rc < 0 ? load_client_error(e, k, rc, "deleting") : 0;
}

static void report(const struct load_options *o, const char *when, const struct rest *r)
{
    double segments = r->disk.segments / r->content, all = r->disk.all / r->content;
    if (o->json)
        printf("{\"bench\":\"load\",\"scenario\":\"space\",\"when\":\"%s\",\"points\":%llu,\"segments\":%llu,\"content_"
               "mib\":%.1f,"
               "\"segments_mib\":%.1f,\"all_mib\":%.1f,\"segments_ratio\":%.3f,\"all_ratio\":%.3f}\n",
               when, (unsigned long long)r->points, (unsigned long long)r->segments, r->content / MIB,
               r->disk.segments / MIB, r->disk.all / MIB, segments, all);
    else
        printf("%-10s  %9llu  %8llu  %11.1f  %12.1f  %16.1f  %8.3f  %8.3f\n", when, (unsigned long long)r->points,
               (unsigned long long)r->segments, r->content / MIB, r->disk.segments / MIB,
               (r->disk.all - r->disk.segments) / MIB, segments, all);
}

static int stages_run(const struct load_options *o, struct kith *k, const char *folder, const struct dataset *d,
                      struct error *e)
{
    struct rest imported, compacted;
    struct watcher w = {.folder = folder};
    int rc = load_collection_create(k, o, NAME, d, e);
    if (rc == 0)
        rc = fill(k, d, e);
    if (rc == 0 && (rc = kith_seal(k, NAME)) < 0)
        rc = load_client_error(e, k, rc, "sealing");
    if (rc == 0)
        rc = load_segments_settle(k, NAME, e);
    if (rc == 0)
        rc = rest_read(k, folder, &imported, e);
    if (rc < 0)
        return rc;
    rc = -pthread_create(&w.thread, NULL, watch, &w);
    if (rc < 0)
        return error_set_errno(e, rc, "watching the folder");
    rc = delete_quarter(k, d, e);
    if (rc == 0 && (rc = kith_compact(k, NAME)) < 0)
        rc = load_client_error(e, k, rc, "compacting");
    if (rc == 0)
        rc = load_segments_settle(k, NAME, e);
    atomic_store(&w.stop, true);
    pthread_join(w.thread, NULL);
    if (rc == 0)
        rc = rest_read(k, folder, &compacted, e);
    if (rc < 0)
        return rc;
    if (!o->json)
        printf("MiB on the disk; content: vectors, codes, links and payloads of the points there\n"
               "%-10s  %9s  %8s  %11s  %12s  %16s  %8s  %8s\n",
               "at rest", "points", "segments", "content MiB", "segments MiB", "log and rest MiB", "segments", "all");
    report(o, "imported", &imported);
    report(o, "compacted", &compacted);
    double extra = w.peak - imported.disk.segments;
    if (o->json)
        printf("{\"bench\":\"load\",\"scenario\":\"space\",\"when\":\"compacting\",\"peak_mib\":%.1f,\"extra_mib\":%."
               "1f,\"inputs_"
               "mib\":%.1f,\"extra_ratio\":%.3f}\n",
               w.peak / MIB, extra / MIB, imported.disk.segments / MIB, extra / imported.disk.segments);
    else
        printf("while compacting, at most %.1f MiB of segments: %.1f more than before, %.2f times the inputs of %.1f\n",
               w.peak / MIB, extra / MIB, extra / imported.disk.segments, imported.disk.segments / MIB);
    return 0;
}

int load_space(const struct load_options *o, const struct dataset *d, struct error *e)
{
    char text[ERROR_TEXT_MAX] = "";
    struct server s;
    struct kith *k = NULL;
    int rc = server_start(o, NULL, &s, NULL, e);
    if (rc < 0)
        return rc;
    if (kith_open(s.address, &k, text, sizeof(text)) < 0)
        rc = error_set(e, ERROR_UNAVAILABLE, "%s", text);
    else
        rc = stages_run(o, k, s.folder, d, e);
    if (k)
        kith_close(k);
    return load_server_end(&s, rc, e);
}
