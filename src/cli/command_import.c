/* import: a file of vectors into a collection. */
#include "cli/command.h"
#include "cli/importer.h"
#include "cli/output.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BATCH_ROWS        1000
#define IN_FLIGHT         8
#define PAYLOAD_BYTES     (8u << 20) /* a request ends when its payloads are larger */
#define REJECTS_SHOWN_MAX 1000       /* more are only counted */

struct import_view {
    const struct cli *cli;
    struct progress progress;
    uint64_t shown;
    bool lines; /* the rows are lines of text */
};

static int source_next(void *arg, size_t rows_max, struct vector_batch *ret, struct error *e)
{
    return vector_file_next(arg, rows_max, ret, e);
}

static double source_fraction(void *arg)
{
    return vector_file_progress(arg);
}

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

static void on_reject(struct importer *im, uint64_t row, const char *reason)
{
    struct import_view *v = im->arg;
    if (v->shown++ >= REJECTS_SHOWN_MAX)
        return;
    if (v->cli->json) {
        cli_print_json(json_pack("{s:I, s:s}", "rejected_row", (json_int_t)row, "reason", reason));
        return;
    }
    line_clear(v);
    if (v->lines)
        fprintf(stderr, "rejected row %llu (line %llu): %s\n", (unsigned long long)row, (unsigned long long)row + 1,
                reason);
    else
        fprintf(stderr, "rejected row %llu: %s\n", (unsigned long long)row, reason);
}

static void on_reconnect(struct importer *im, const char *why)
{
    line_clear(im->arg);
    fprintf(stderr, "kith: %s; connecting again\n", why);
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
    } else {
        printf("imported %s points into %s in %.1f s (%s rows/s)\n", number_text(im->points), im->collection, seconds,
               number_text((uint64_t)(seconds > 0 ? (double)im->points / seconds : 0)));
        if (im->rejected > 0)
            printf("rejected %s of %s rows%s\n", number_text(im->rejected), number_text(im->rows_read),
                   im->rejected > REJECTS_SHOWN_MAX ? "; the first 1 000 are named above" : "");
    }
    if (failure)
        return cli_fail("%s", failure->text);
    return im->rejected > 0;
}

/* The collection's dimension; it is made first if --create says so. 0 after a sentence. */
static uint32_t collection_dim(struct cli *c, const char *name, bool create, enum kith_metric metric, const char *path)
{
    struct kith_info info;
    struct error e;
    if (create) {
        struct vector_file *f;
        if (vector_file_open(path, 0, &f, &e) < 0) {
            cli_fail("%s", e.text);
            return 0;
        }
        const struct kith_collection x = {.name = name, .dim = vector_file_dim(f), .metric = metric};
        vector_file_close(f);
        int rc = kith_create(c->kith, &x);
        if (rc < 0 && rc != -KITH_ALREADY_EXISTS) {
            cli_fail_kith(c);
            return 0;
        }
    }
    if (kith_info_read(c->kith, name, &info) < 0) {
        cli_fail_kith(c);
        return 0;
    }
    return info.collection.dim;
}

int command_import(struct cli *c, int argc, char **argv)
{
    uint64_t batch = BATCH_ROWS, in_flight = IN_FLIGHT, limit = 0, start_id = 0;
    const char *metric = "cosine", *words[OPTIONS_WORDS_MAX];
    bool create = false;
    size_t n;
    const struct option list[] = {
        {"create", OPTION_FLAG, &create, NULL, "makes the collection first, unless it is there", 0, 0},
        {"metric", OPTION_TEXT, &metric, "METRIC", "of the collection made: l2, ip or cosine (default)", 0, 0},
        {"batch", OPTION_NUMBER, &batch, "N", "rows a request (default 1000)", 1, 100000},
        {"in-flight", OPTION_NUMBER, &in_flight, "N", "requests under way at once (default 8)", 1, 4096},
        {"limit", OPTION_NUMBER, &limit, "N", "only the first N rows", 1, 0},
        {"start-id", OPTION_NUMBER, &start_id, "N", "id of row 0 in files without ids (default 0)", 0, 0},
    };
    const struct options o = {
        "import",
        "COLLECTION FILE",
        "Puts the vectors of a file into a collection.\n\n"
        "FILE is .npy, .fvecs, .bvecs, .ivecs or .jsonl, or one of these packed with gzip (.gz). A line of a .jsonl "
        "is\n"
        "{\"id\": 7 or \"a UUID\", \"vector\": [...], \"payload\": {...}}. Rows that cannot be points are named and "
        "counted, and\n"
        "make the exit status 1; the others go in. A broken connection is made again, and nothing is lost by it.",
        list,
        ARRAY_LEN(list),
        2,
        2};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    if (!metric_parse(metric)) {
        fputs("kith import: --metric is l2, ip or cosine; see kith import --help\n", stderr);
        return EXIT_USAGE;
    }
    if (access(words[1], R_OK) < 0) /* said before anything is created */
        return cli_fail("cannot open %s: %m", words[1]);
    if (cli_connect(c))
        return 1;
    struct error e;
    struct vector_file *file;
    uint32_t dim = collection_dim(c, words[0], create, metric_parse(metric), words[1]);
    if (dim == 0)
        return 1;
    if (vector_file_open(words[1], dim, &file, &e) < 0)
        return cli_fail("%s", e.text);
    vector_file_texts_bound(file, PAYLOAD_BYTES);
    struct import_view view = {.cli = c, .lines = vector_file_has_ids(file)};
    struct importer im = {
        .server = c->server,
        .collection = words[0],
        .kith = c->kith,
        .dim = dim,
        .batch_rows = (size_t)batch,
        .in_flight_max = (size_t)in_flight,
        .rows_max = limit,
        .start_id = start_id,
        .source = {source_next, source_fraction, file},
        .on_progress = on_progress,
        .on_reject = on_reject,
        .on_reconnect = on_reconnect,
        .arg = &view,
    };
    uint64_t rows = 0;
    if (!vector_file_rows(file, &rows))
        rows = 0;
    progress_begin(&view.progress, "rows", limit && (limit < rows || rows == 0) ? limit : rows);
    int rc = importer_run(&im, &e);
    progress_end(&view.progress, im.points + im.rejected);
    c->kith = im.kith;
    status = summary_print(c, &im, clock_seconds() - view.progress.started, rc < 0 ? &e : NULL);
    vector_file_close(file);
    return status;
}
