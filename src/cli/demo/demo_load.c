/* demo_load.c -- imports the words through the importer, then waits for the graph, so that the demo
 * measures the final state of a collection. */
#include "cli/demo/demo.h"
#include "cli/import/importer.h"
#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOAD_BATCH    500
#define LOAD_FLIGHT   8
#define GRAPH_POLL_US 100000
#define GRAPH_STALL_S 60.0 /* without progress for so long, the server has a problem */

struct word_source {
    struct words *words;
    struct progress progress;
    float vectors[LOAD_BATCH * WORD_DIM];
    uint64_t rows[LOAD_BATCH];
    char *payloads[LOAD_BATCH];
    uint32_t payload_sizes[LOAD_BATCH];
};

static void payloads_free(struct word_source *s)
{
    for (size_t i = 0; i < LOAD_BATCH; i++) {
        free(s->payloads[i]);
        s->payloads[i] = NULL;
    }
}

static int words_next(void *arg, size_t rows_max, struct vector_batch *ret, struct error *e)
{
    struct word_source *s = arg;
    struct words *w = s->words;
    size_t n = 0;
    payloads_free(s);
    *ret = (struct vector_batch){.row_first = w->next};
    for (; n < rows_max && n < LOAD_BATCH && w->next < w->count; n++, w->next++) {
        word_vector(w->list[w->next], s->vectors + n * WORD_DIM);
        json_t *payload = json_pack("{s:s}", "word", w->list[w->next]);
        s->payloads[n] = payload ? json_dumps(payload, JSON_COMPACT) : NULL;
        json_decref(payload);
        if (!s->payloads[n])
            return error_set(e, ERROR_INVALID_ARGUMENT, "line %zu of the word list is not UTF-8 text", w->next + 1);
        s->payload_sizes[n] = (uint32_t)strlen(s->payloads[n]);
        s->rows[n] = w->next;
    }
    ret->row_end = w->next;
    ret->count = n;
    ret->vectors = s->vectors;
    ret->rows = s->rows;
    ret->payloads = (const char *const *)s->payloads;
    ret->payload_sizes = s->payload_sizes;
    return n > 0;
}

static double words_fraction(void *arg)
{
    const struct word_source *s = arg;
    return (double)s->words->next / (double)s->words->count;
}

static void on_progress(struct importer *im, double fraction)
{
    struct word_source *s = im->arg;
    progress_show(&s->progress, im->points, fraction);
}

static void on_reject(struct importer *im, const struct vector_reject *x)
{
    fprintf(stderr, "rejected word %llu: %s\n", (unsigned long long)x->row + 1, x->reason);
}

static void on_trouble(struct importer *im, const char *sentence)
{
    fprintf(stderr, "kith: %s\n", sentence);
}

static int import(struct cli *c, struct words *w)
{
    struct word_source *s = calloc(1, sizeof(*s));
    if (!s)
        return cli_fail("no memory for the words");
    s->words = w;
    struct importer im = {
        .collection = DEMO_COLLECTION,
        .kith = c->kith,
        .dim = WORD_DIM,
        .batch_rows = LOAD_BATCH,
        .in_flight_max = LOAD_FLIGHT,
        .start_id = 1,
        .source = {words_next, words_fraction, s},
        .on_progress = on_progress,
        .on_reject = on_reject,
        .on_trouble = on_trouble,
        .arg = s,
    };
    struct error e;
    progress_begin(&s->progress, "words", w->count);
    int rc = importer_run(&im, &e);
    progress_end(&s->progress, im.points);
    double seconds = clock_seconds() - s->progress.started;
    payloads_free(s);
    free(s);
    if (rc < 0)
        return cli_fail("%s", e.text);
    printf("imported %s words in %.1f s (%s words/s)\n", number_text(im.points), seconds,
           number_text((uint64_t)((double)im.points / seconds)));
    return im.rejected > 0;
}

/* Waits until every row is in a graph. */
static int graph_await(struct cli *c)
{
    struct progress p;
    struct kith_info info;
    uint64_t last = UINT64_MAX;
    double changed = clock_seconds(), from = changed;
    bool waited = false;
    progress_begin(&p, "rows in the graph", 0);
    for (;;) {
        if (kith_info_read(c->kith, DEMO_COLLECTION, &info) < 0)
            return cli_fail_kith(c);
        if (info.growing_graphed >= info.growing_rows)
            break;
        double now = clock_seconds();
        uint64_t state = info.growing_graphed + info.sealed_rows;
        if (state != last)
            changed = now;
        last = state;
        if (now - changed > GRAPH_STALL_S)
            return cli_fail("the graph has stood still at %s of %s rows for %.0f s", number_text(info.growing_graphed),
                            number_text(info.growing_rows), GRAPH_STALL_S);
        waited = true;
        p.total = info.growing_rows;
        progress_show(&p, info.growing_graphed, 0);
        usleep(GRAPH_POLL_US);
    }
    progress_end(&p, info.growing_rows);
    if (waited)
        printf("the graph was complete %.1f s later\n", clock_seconds() - from);
    return 0;
}

int demo_load(struct cli *c, struct words *w)
{
    const struct kith_collection x = {.name = DEMO_COLLECTION, .dim = WORD_DIM, .metric = KITH_COSINE};
    struct kith_info info;
    int rc = kith_info_read(c->kith, DEMO_COLLECTION, &info);
    if (rc < 0 && rc != -KITH_NOT_FOUND)
        return cli_fail_kith(c);
    if (rc == 0 && info.points == w->count && info.collection.dim == WORD_DIM &&
        info.collection.metric == KITH_COSINE) {
        printf("the collection \"" DEMO_COLLECTION "\" already holds the %s words\n", number_text(w->count));
        return graph_await(c);
    }
    if (rc == 0 && kith_drop(c->kith, DEMO_COLLECTION) < 0)
        return cli_fail_kith(c);
    if (kith_create(c->kith, &x) < 0)
        return cli_fail_kith(c);
    return import(c, w) || graph_await(c);
}
