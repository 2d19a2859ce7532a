#include "dataset.h"

#include "cli/import/npy.h"
#include "cli/import/vector_file.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define ROWS_DEFAULT    100000
#define DIM_DEFAULT     768
#define QUERIES_DEFAULT 1000
#define SEED            20260101
#define PATH_BYTES      1024
#define READ_ROWS       4096 /* rows read at a time */

/* The word behind "Metric:" in the folder's README.md, if any. */
static enum metric folder_metric(const char *folder)
{
    char path[PATH_BYTES], line[1024];
    snprintf(path, sizeof(path), "%s/README.md", folder);
    FILE *f = fopen(path, "r");
    enum metric metric = METRIC_L2;
    for (bool found = false; f && !found && fgets(line, sizeof(line), f);) {
        const char *word = strcasestr(line, "metric:");
        if (!word)
            continue;
        found = true;
        word += strlen("metric:");
        while (isspace((unsigned char)*word) || *word == '*')
            word++;
        if (strncasecmp(word, "cosine", 6) == 0)
            metric = METRIC_COSINE;
        else if (strncasecmp(word, "ip", 2) == 0 || strncasecmp(word, "inner", 5) == 0)
            metric = METRIC_IP;
    }
    if (f)
        fclose(f);
    return metric;
}

/* The name of a folder is the last part of its path. */
static void folder_name(const char *folder, char *name, size_t room)
{
    size_t end = strlen(folder);
    while (end > 1 && folder[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && folder[start - 1] != '/')
        start--;
    snprintf(name, room, "%.*s", (int)(end - start), folder + start);
}

static bool path_find(const char *folder, const char *const *names, size_t count, char path[PATH_BYTES])
{
    for (size_t i = 0; i < count; i++) {
        snprintf(path, PATH_BYTES, "%s/%s", folder, names[i]);
        if (access(path, R_OK) == 0)
            return true;
    }
    return false;
}

/* Reads the rows of a file to the end, or `limit` of them. */
static int file_read(struct vector_file *f, const char *path, uint32_t limit, float **ret, uint32_t *ret_count,
                     struct error *e)
{
    uint32_t dim = vector_file_dim(f), count = 0, room = 0;
    float *rows = NULL;
    struct vector_batch batch;
    int rc = 0;
    while ((limit == 0 || count < limit) && (rc = vector_file_next(f, READ_ROWS, &batch, e)) > 0) {
        if (batch.reject_count > 0)
            rc = error_set(e, ERROR_INVALID_ARGUMENT, "%s: row %llu: %s", path,
                           (unsigned long long)batch.rejects[0].row, batch.rejects[0].reason);
        else if (batch.count > UINT32_MAX / 2 - count)
            rc = error_set(e, ERROR_INVALID_ARGUMENT, "%s: too many rows", path);
        if (rc < 0)
            break;
        if (count + batch.count > room) {
            room = 2 * room > count + batch.count ? 2 * room : count + (uint32_t)batch.count;
            float *more = realloc(rows, (size_t)room * dim * sizeof(float));
            if (!more) {
                rc = error_set_errno(e, -ENOMEM, "%s", path);
                break;
            }
            rows = more;
        }
        memcpy(rows + (size_t)count * dim, batch.vectors, batch.count * dim * sizeof(float));
        count += (uint32_t)batch.count;
    }
    if (rc >= 0 && count == 0)
        rc = error_set(e, ERROR_INVALID_ARGUMENT, "%s: no rows", path);
    if (rc < 0) {
        free(rows);
        return rc;
    }
    *ret = rows;
    *ret_count = limit && limit < count ? limit : count;
    return 0;
}

/* Reads the rows of the first existing file of the known formats. */
static int rows_read(const char *folder, const char *stem, uint32_t limit, float **ret, uint32_t *ret_count,
                     uint32_t *ret_dim, struct error *e)
{
    static const char *const ends[] = {".npy", ".npy.gz", ".fvecs", ".bvecs", ".fvecs.gz", ".bvecs.gz"};
    char names[ARRAY_LEN(ends)][32], path[PATH_BYTES];
    const char *pointers[ARRAY_LEN(ends)];
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(names[i], sizeof(names[i]), "%s%s", stem, ends[i]);
        pointers[i] = names[i];
    }
    if (!path_find(folder, pointers, ARRAY_LEN(ends), path))
        return error_set(e, ERROR_NOT_FOUND, "%s: there is no %s.npy, %s.fvecs or %s.bvecs (or .gz of them)", folder,
                         stem, stem, stem);
    struct vector_file *f;
    int rc = vector_file_open(path, NULL, 0, &f, e);
    if (rc < 0)
        return rc;
    *ret_dim = vector_file_dim(f);
    if (*ret_dim > DIM_MAX)
        rc = error_set(e, ERROR_INVALID_ARGUMENT, "%s: %u dimensions, and at most %u can be indexed", path, *ret_dim,
                       DIM_MAX);
    else
        rc = file_read(f, path, limit, ret, ret_count, e);
    vector_file_close(f);
    return rc;
}

/* Reads the truth of the folder; -ENOENT when no file fits. */
static int truth_read(struct dataset *d, const char *folder, uint32_t k, struct error *e)
{
    char named[64], path[PATH_BYTES];
    snprintf(named, sizeof(named), "gt_%s_ids.npy",
             d->metric == METRIC_L2   ? "l2"
             : d->metric == METRIC_IP ? "ip"
                                      : "cos");
    if (!path_find(folder, (const char *const[]){named, "gt_ids.npy"}, 2, path))
        return -ENOENT;
    int32_t *ids = NULL;
    uint64_t rows = 0, columns = 0;
    int rc = npy_read_i32(path, &ids, &rows, &columns, e);
    if (rc < 0)
        return rc;
    if (rows < d->query_count || columns < k) {
        free(ids);
        return -ENOENT;
    }
    d->truth_k = (uint32_t)columns;
    d->truth = malloc((size_t)d->query_count * columns * sizeof(*d->truth));
    if (!d->truth)
        rc = error_set_errno(e, -ENOMEM, "%s", path);
    for (size_t i = 0; rc == 0 && i < (size_t)d->query_count * columns; i++) {
        if (ids[i] < 0 || (uint32_t)ids[i] >= d->count)
            rc = error_set(e, ERROR_INVALID_ARGUMENT, "%s: row %d is not among the %u of base", path, ids[i], d->count);
        d->truth[i] = (uint32_t)ids[i];
    }
    free(ids);
    return rc;
}

static int normalise(float *rows, uint32_t count, uint32_t dim, struct error *e)
{
    for (uint32_t row = 0; row < count; row++) {
        float *v = rows + (size_t)row * dim;
        double sum = 0;
        for (uint32_t i = 0; i < dim; i++)
            sum += (double)v[i] * v[i];
        if (!(sum > 0 && isfinite(sum)))
            return error_set(e, ERROR_INVALID_ARGUMENT, "row %u has no direction, which cosine needs", row);
        double scale = 1 / sqrt(sum);
        for (uint32_t i = 0; i < dim; i++)
            v[i] = (float)(v[i] * scale);
    }
    return 0;
}

static int folder_open(const struct dataset_options *o, struct dataset *d, struct error *e)
{
    folder_name(o->folder, d->name, sizeof(d->name));
    d->metric = o->metric ? o->metric : folder_metric(o->folder);
    uint32_t dim = 0;
    int rc = rows_read(o->folder, "base", o->count, &d->base, &d->count, &d->dim, e);
    if (rc < 0)
        return rc;
    rc = rows_read(o->folder, "queries", o->query_count, &d->queries, &d->query_count, &dim, e);
    if (rc < 0)
        return rc;
    if (dim != d->dim)
        return error_set(e, ERROR_INVALID_ARGUMENT, "%s: base has %u dimensions, queries have %u", o->folder, d->dim,
                         dim);
    if (d->metric == METRIC_COSINE) {
        rc = normalise(d->base, d->count, d->dim, e);
        if (rc == 0)
            rc = normalise(d->queries, d->query_count, d->dim, e);
        if (rc < 0)
            return rc;
    }
    rc = o->count ? -ENOENT : truth_read(d, o->folder, o->truth_k, e);
    return rc == -ENOENT ? dataset_find_truth(d, e) : rc;
}

static int synthetic_open(const struct dataset_options *o, struct dataset *d, struct error *e)
{
    d->metric = o->metric ? o->metric : METRIC_COSINE;
    d->count = o->count ? o->count : ROWS_DEFAULT;
    d->dim = o->dim ? o->dim : DIM_DEFAULT;
    d->query_count = o->query_count ? o->query_count : QUERIES_DEFAULT;
    snprintf(d->name, sizeof(d->name), "tanh%u-%u", d->dim, d->count);
    int rc = dataset_synthesise(d, SEED, e);
    return rc < 0 ? rc : dataset_find_truth(d, e);
}

int dataset_open(const struct dataset_options *o, struct dataset *ret, struct error *e)
{
    *ret = (struct dataset){.truth_k = o->truth_k};
    int rc = o->folder ? folder_open(o, ret, e) : synthetic_open(o, ret, e);
    if (rc < 0)
        dataset_fini(ret);
    return rc;
}

void dataset_fini(struct dataset *d)
{
    free(d->base);
    free(d->queries);
    free(d->truth);
    *d = (struct dataset){0};
}
