/* command_import.c -- import: puts a file of vectors into a collection. */
#include "cli/command.h"
#include "cli/import/importer.h"
#include "cli/output.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BATCH_ROWS        1000
#define IN_FLIGHT         8
#define PAYLOAD_BYTES     (8u << 20) /* a request ends with the row whose payload exceeds this */
#define REJECTS_SHOWN_MAX 1000       /* further rejected rows are only counted */

struct import_view {
    const struct cli *cli;
    struct progress progress;
    uint64_t shown;
};

static void on_progress(struct importer *im, double fraction)
{
    struct import_view *v = im->arg;
    progress_show(&v->progress, im->points + im->rejected, fraction);
}

static void line_clear(const struct import_view *v)
{
    if (v->progress.tty)
        fputs("\r\x1b[K", stderr);
}

static void on_reject(struct importer *im, const struct vector_reject *x)
{
    struct import_view *v = im->arg;
    if (v->shown++ >= REJECTS_SHOWN_MAX)
        return;
    if (v->cli->json) {
        json_t *j = json_pack("{s:I, s:s}", "rejected_row", (json_int_t)x->row, "reason", x->reason);
        if (x->line)
            json_object_set_new(j, "line", json_integer((json_int_t)x->line));
        cli_print_json(j);
        return;
    }
    line_clear(v);
    if (x->line)
        sentence_print("rejected row %llu (line %llu): %s", (unsigned long long)x->row, (unsigned long long)x->line,
                       x->reason);
    else
        sentence_print("rejected row %llu: %s", (unsigned long long)x->row, x->reason);
}

static void on_trouble(struct importer *im, const char *sentence)
{
    line_clear(im->arg);
    fprintf(stderr, "kith: %s\n", sentence);
}

static int summary_print(const struct cli *c, const struct importer *im, double seconds, const struct error *failure)
{
    if (c->json) {
        json_t *j = json_pack("{s:s, s:I, s:I, s:I, s:I, s:f}", "collection", im->collection, "rows",
                              (json_int_t)im->rows_read, "points", (json_int_t)im->points, "rejected",
                              (json_int_t)im->rejected, "reconnects", (json_int_t)im->reconnects, "seconds", seconds);
        if (failure)
            json_object_set_new(j, "error", json_string(failure->text));
        cli_print_json(j);
    } else if (!failure || im->points > 0) {
        printf("imported %s row%s into %s in %.1f s (%s rows/s)\n", number_text(im->points), plural(im->points),
               im->collection, seconds, number_text((uint64_t)(seconds > 0 ? (double)im->points / seconds : 0)));
    }
    if (!c->json && im->rejected > 0)
        printf("rejected %s of %s row%s%s\n", number_text(im->rejected), number_text(im->rows_read),
               plural(im->rows_read), im->rejected > REJECTS_SHOWN_MAX ? "; the first 1 000 are named above" : "");
    if (failure)
        return cli_fail("%s", failure->text);
    return im->rejected > 0;
}

/* The parsed arguments. */
struct import_job {
    const char *collection, *path, *format, *metric;
    bool create;
    uint64_t batch, in_flight, limit, start_id;
};

/* Rows for the importer, and their collection. The collection is created with its first row, so
 * that an unreadable file creates none. */
struct import_feed {
    struct cli *cli;
    const struct import_job *job;
    struct vector_file *file;
    bool missing; /* the collection is still to be created */
};

/* The number of rows to import. False: it is known only at the end of the file. */
static bool rows_wanted(const struct import_job *job, const struct vector_file *file, uint64_t *ret)
{
    bool known = vector_file_rows(file, ret);
    if (job->limit && (!known || job->limit < *ret))
        *ret = job->limit;
    return known || job->limit;
}

/* Returns 1 after printing an error when the last row's id would be 2^64 or more. (If the number of
 * rows is unknown, the importer stops before the first such row.) */
static int start_id_check(const struct import_job *job, const struct vector_file *file)
{
    uint64_t rows;
    if (job->start_id && vector_file_has_ids(file))
        return cli_fail("%s has ids of its own: --start-id is for files without", job->path);
    if (!rows_wanted(job, file, &rows) || rows == 0 || rows - 1 <= UINT64_MAX - job->start_id)
        return 0;
    return cli_fail("%llu row%s from --start-id %llu on would have ids beyond 2^64 - 1: use %llu or less",
                    (unsigned long long)rows, plural(rows), (unsigned long long)job->start_id,
                    (unsigned long long)(UINT64_MAX - (rows - 1)));
}

/* Checks that the existing collection equals the one that --create describes. */
static int same_check(const struct import_job *job, const struct kith_collection *there, uint32_t dim, struct error *e)
{
    enum kith_metric metric = job->metric ? metric_parse(job->metric) : there->metric;
    if (metric == there->metric && dim == there->dim)
        return 0;
    return error_set(
        e, ERROR_ALREADY_EXISTS,
        "the collection %s is there already, with %u dimension%s and metric %s, not %u and %s: leave out --create to "
        "import into it, or choose another name",
        job->collection, there->dim, plural(there->dim), metric_name(there->metric), dim, metric_name(metric));
}

/* Creates the collection. Another client may have created it meanwhile, with other options. */
static int collection_create(struct import_feed *f, struct error *e)
{
    struct cli *c = f->cli;
    const struct import_job *job = f->job;
    struct kith_info info;
    const struct kith_collection x = {.name = job->collection,
                                      .dim = vector_file_dim(f->file),
                                      .metric = job->metric ? metric_parse(job->metric) : KITH_COSINE};
    int rc = kith_create(c->kith, &x);
    if (rc == -KITH_ALREADY_EXISTS && (rc = kith_info_read(c->kith, job->collection, &info)) == 0)
        return same_check(job, &info.collection, x.dim, e);
    if (rc < 0)
        return error_set(e, ERROR_IO, "%s", kith_error(c->kith));
    return 0;
}

static int source_next(void *arg, size_t rows_max, struct vector_batch *ret, struct error *e)
{
    struct import_feed *f = arg;
    int rc = vector_file_next(f->file, rows_max, ret, e);
    if (rc <= 0 || ret->count == 0 || !f->missing)
        return rc;
    f->missing = false;
    rc = collection_create(f, e);
    return rc < 0 ? rc : 1;
}

static double source_fraction(void *arg)
{
    const struct import_feed *f = arg;
    return vector_file_progress(f->file);
}

/* Opens the file and looks up the collection; 1 after printing an error. */
static int both_open(struct import_feed *f)
{
    struct cli *c = f->cli;
    const struct import_job *job = f->job;
    struct error e;
    struct kith_info info = {0};
    /* reported before the server is asked */
    if (strcmp(job->path, "-") != 0 && access(job->path, R_OK) < 0)
        return cli_fail("cannot open %s: %m", job->path);
    if (cli_connect(c))
        return 1;
    int rc = kith_info_read(c->kith, job->collection, &info);
    f->missing = rc == -KITH_NOT_FOUND && job->create;
    if (rc == -KITH_NOT_FOUND && !f->missing)
        return cli_fail("%s; import --create makes it", kith_error(c->kith));
    if (rc < 0 && !f->missing)
        return cli_fail_kith(c);
    const uint32_t wanted = job->create ? 0 : info.collection.dim;
    if (vector_file_open(job->path, job->format, wanted, &f->file, &e) < 0)
        return cli_fail("%s", e.text);
    if (job->create && !f->missing && same_check(job, &info.collection, vector_file_dim(f->file), &e) < 0)
        return cli_fail("%s", e.text);
    return start_id_check(job, f->file);
}

/* NULL, or what is wrong with the arguments. */
static const char *job_check(const struct import_job *job)
{
    if (job->metric && !metric_parse(job->metric))
        return "--metric is l2, ip or cosine";
    if (job->metric && !job->create)
        return "--metric describes the collection that --create makes: give both or neither";
    return NULL;
}

static int import(struct import_feed *f)
{
    struct cli *c = f->cli;
    const struct import_job *job = f->job;
    struct vector_file *file = f->file;
    struct error e;
    uint64_t rows;
    vector_file_texts_bound(file, PAYLOAD_BYTES);
    struct import_view view = {.cli = c};
    struct importer im = {
        .collection = job->collection,
        .kith = c->kith,
        .dim = vector_file_dim(file),
        .batch_rows = (size_t)job->batch,
        .in_flight_max = (size_t)job->in_flight,
        .rows_max = job->limit,
        .start_id = job->start_id,
        .source = {source_next, source_fraction, f},
        .on_progress = on_progress,
        .on_reject = on_reject,
        .on_trouble = on_trouble,
        .arg = &view,
    };
    progress_begin(&view.progress, "rows", rows_wanted(job, file, &rows) ? rows : 0);
    int rc = importer_run(&im, &e);
    progress_end(&view.progress, im.points + im.rejected);
    if (rc == 0 && im.rows_read == 0 && f->missing) /* a valid file without rows */
        rc = collection_create(f, &e);
    return summary_print(c, &im, clock_seconds() - view.progress.started, rc < 0 ? &e : NULL);
}

int command_import(struct cli *c, int argc, char **argv)
{
    struct import_job job = {.batch = BATCH_ROWS, .in_flight = IN_FLIGHT};
    const char *words[OPTIONS_WORDS_MAX];
    size_t n;
    const struct option list[] = {
        {"create", OPTION_FLAG, &job.create, NULL, "creates the collection first if it does not exist", 0, 0},
        {"metric", OPTION_TEXT, &job.metric, "METRIC", "of the collection made: l2, ip or cosine (default)", 0, 0},
        {"format", OPTION_TEXT, &job.format, "NAME", "npy, fvecs, bvecs, ivecs or jsonl (default: by the file's name)",
         0, 0},
        {"batch", OPTION_NUMBER, &job.batch, "N", "most rows of a request (default 1000)", 1, 100000},
        {"in-flight", OPTION_NUMBER, &job.in_flight, "N", "requests in flight (default 8)", 1, 4096},
        {"limit", OPTION_NUMBER, &job.limit, "N", "only the first N rows", 1, 0},
        {"start-id", OPTION_NUMBER, &job.start_id, "N", "id of row 0 in files without ids (default 0)", 0, 0},
    };
    const struct options o = {
        "import",
        "COLLECTION FILE",
        "Puts the vectors of a file into a collection.\n\n"
        "FILE is .npy, .fvecs, .bvecs, .ivecs or .jsonl, or one of these packed with gzip (.gz); - with --format is\n"
        "standard input. A line of a .jsonl is {\"id\": 7 or \"a UUID\", \"vector\": [...], \"payload\": any value, "
        "kept as it is written}.\n"
        "Rows that cannot be points are named and counted, and make the exit status 1; the others go in. Of rows with "
        "the\n"
        "same id the last counts, so there may be fewer points than rows.\n"
        "If the connection breaks, the import connects again and loses nothing.",
        list,
        ARRAY_LEN(list),
        2,
        2};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    job.collection = words[0];
    job.path = words[1];
    const char *wrong = job_check(&job);
    if (wrong) {
        fprintf(stderr, "kith import: %s; see kith import --help\n", wrong);
        return EXIT_USAGE;
    }
    struct import_feed feed = {.cli = c, .job = &job};
    status = both_open(&feed) ? 1 : import(&feed);
    vector_file_close(feed.file);
    return status;
}
