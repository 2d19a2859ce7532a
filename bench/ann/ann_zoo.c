/* ann_zoo.c -- Kith with default options on every kind of data, in every state of a segment, beside
 * hnswlib.
 *
 * There are three limits. First, recall@10 is at least .98 in every state. Second, every row is
 * found by its own vector (all rows, or a sample above 4 000). Third, a sealed index answers as
 * many queries per second of CPU time as hnswlib (M 16, ef_construction 200) at the smallest ef
 * with the same recall. Both are timed in turns on each set of queries. */
#include "ann/ann.h"
#include "ann/zoo_index.h"
#include "clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROWS        6000
#define QUERIES     200
#define OWN_MAX     4000 /* most rows that are searched by their own vectors */
#define ROUNDS      5
#define SPEED_SLACK 0.95 /* a smaller difference to hnswlib is noise */

static const char *const metric_names[] = {"", "l2", "ip", "cosine"};

/* One kind of data under one metric. */
struct cell {
    const struct zoo_kind *kind;
    struct zoo_set set;
    enum metric metric;
    /* queries behind those that are measured: they count as sent before by clients */
    struct query_sample came;
    struct zoo_truth truth, truth_left; /* of all rows; of the rows that are left after deletions */
    uint8_t *deleted;
    double recall[ZOO_STATES];
    /* rows that their own vectors do not find, by state */
    uint32_t missing[ZOO_STATES];
    double qps, peer_qps, peer_recall; /* peer_qps 0: hnswlib never reaches the recall */
};

/* Deletes every second row, and the quarter that is nearest to the first query, because users do
 * not delete evenly. */
static int choose_deleted(struct cell *c)
{
    const struct zoo_set *s = &c->set;
    double *far = malloc((size_t)s->count * sizeof(*far));
    c->deleted = calloc(s->count, 1);
    const bool ok = far && c->deleted;
    for (uint32_t row = 0; ok && row < s->count; row++) {
        far[row] = 0;
        for (uint32_t d = 0; d < s->dim; d++) {
            const double x = (double)s->rows[(size_t)row * s->dim + d] - s->queries[d];
            far[row] += x * x;
        }
    }
    /* Bisects for the distance that bounds the quarter, which needs no sort. */
    double low = 0, high = 0;
    for (uint32_t row = 0; ok && row < s->count; row++)
        high = far[row] > high ? far[row] : high;
    for (int i = 0; ok && i < 100; i++) {
        const double middle = low + (high - low) / 2;
        uint32_t below = 0;
        for (uint32_t row = 0; row < s->count; row++)
            below += far[row] <= middle;
        if (below > s->count / 4)
            high = middle;
        else
            low = middle;
    }
    for (uint32_t row = 0; ok && row < s->count; row++)
        c->deleted[row] = row % 2 || far[row] <= low;
    free(far);
    return ok ? 0 : -ENOMEM;
}

static int measure_recall(struct cell *c, const struct zoo_index *x, enum zoo_state state)
{
    const struct zoo_truth *t = state >= ZOO_DELETED ? &c->truth_left : &c->truth;
    const uint32_t wanted = x->count < ZOO_K ? x->count : ZOO_K;
    uint64_t found = 0;
    for (uint32_t q = 0; q < c->set.query_count; q++) {
        uint32_t rows[ZOO_K];
        const int count = zoo_index_search(x, c->set.queries + (size_t)q * c->set.dim, 0, rows);
        if (count < 0)
            return count;
        found += zoo_truth_count(t, q, rows, (uint32_t)count);
    }
    c->recall[state] = (double)found / ((double)c->set.query_count * wanted);
    return 0;
}

static int measure_own(struct cell *c, const struct zoo_index *x, enum zoo_state state)
{
    const uint32_t step = c->set.count / OWN_MAX + 1;
    for (uint32_t row = 0; row < c->set.count; row += step) {
        uint32_t rows[ZOO_K];
        const int count = zoo_index_search(x, c->set.rows + (size_t)row * c->set.dim, 0, rows);
        if (count < 0)
            return count;
        c->missing[state] += !zoo_truth_own(&c->truth, row, rows, (uint32_t)count);
    }
    return 0;
}

/* -- the peer -- */

#ifdef HAVE_HNSWLIB
static void no_progress(void *arg, uint32_t done)
{
    (void)arg;
    (void)done;
}

static void *peer_build_set(const struct cell *c)
{
    struct peer_times times = {0};
    const struct peer_build b = {.metric = (enum peer_metric)c->metric,
                                 .dim = c->set.dim,
                                 .count = c->set.count,
                                 .vectors = c->set.rows,
                                 .m = 16,
                                 .ef_construct = 200,
                                 .threads = 1,
                                 .ret_times = &times,
                                 .progress = no_progress};
    return peer_hnswlib.build(&b);
}

static int peer_recall(const struct cell *c, void *peer, uint32_t ef, double *ret)
{
    const struct peer_search s = {.k = ZOO_K, .ef = ef};
    uint64_t found = 0;
    for (uint32_t q = 0; q < c->set.query_count; q++) {
        uint32_t rows[ZOO_K];
        const int count = peer_hnswlib.search(peer, c->set.queries + (size_t)q * c->set.dim, &s, rows);
        if (count < 0)
            return -EIO;
        found += zoo_truth_count(&c->truth, q, rows, (uint32_t)count);
    }
    *ret = (double)found / ((double)c->set.query_count * ZOO_K);
    return 0;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Times both in turns and takes the medians of the rounds. */
static int time_both(struct cell *c, const struct zoo_index *x, void *peer, uint32_t ef)
{
    const struct peer_search s = {.k = ZOO_K, .ef = ef};
    double ours[ROUNDS], theirs[ROUNDS];
    uint32_t rows[ZOO_K];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t from = clock_thread_cpu_ns();
        for (uint32_t q = 0; q < c->set.query_count; q++)
            if (zoo_index_search(x, c->set.queries + (size_t)q * c->set.dim, 0, rows) < 0)
                return -EIO;
        ours[round] = c->set.query_count * 1e9 / (double)(clock_thread_cpu_ns() - from);
        from = clock_thread_cpu_ns();
        for (uint32_t q = 0; peer && q < c->set.query_count; q++)
            if (peer_hnswlib.search(peer, c->set.queries + (size_t)q * c->set.dim, &s, rows) < 0)
                return -EIO;
        theirs[round] = c->set.query_count * 1e9 / (double)(clock_thread_cpu_ns() - from);
    }
    qsort(ours, ROUNDS, sizeof(*ours), compare_doubles);
    qsort(theirs, ROUNDS, sizeof(*theirs), compare_doubles);
    c->qps = ours[ROUNDS / 2];
    c->peer_qps = theirs[ROUNDS / 2];
    return 0;
}

static int measure_speed(struct cell *c, const struct zoo_index *x)
{
    void *peer = peer_build_set(c);
    if (!peer)
        return -ENOMEM;
    int rc = 0;
    uint32_t ef = ZOO_K;
    for (; rc == 0 && ef <= 2048; ef += ef / 4) {
        rc = peer_recall(c, peer, ef, &c->peer_recall);
        if (c->peer_recall >= c->recall[ZOO_SEALED])
            break;
    }
    if (rc == 0)
        rc = time_both(c, x, peer, ef);
    if (c->peer_recall < c->recall[ZOO_SEALED])
        c->peer_qps = 0;
    peer_hnswlib.destroy(peer);
    return rc;
}
#endif

/* -- one cell -- */

static int cell_make(struct cell *c, uint32_t dim, uint32_t count, uint32_t came)
{
    int rc = zoo_make(&c->set, c->kind, dim, count, QUERIES + came, 1);
    if (rc != 0)
        return rc;
    for (uint32_t row = 0; c->metric == METRIC_COSINE && row < count; row++)
        (void)vectors_normalise(c->set.rows + (size_t)row * dim, dim);
    for (uint32_t q = 0; c->metric == METRIC_COSINE && q < QUERIES + came; q++)
        (void)vectors_normalise(c->set.queries + (size_t)q * dim, dim);
    c->came = (struct query_sample){c->set.queries + (size_t)QUERIES * dim, came, came};
    c->set.query_count = QUERIES;
    rc = choose_deleted(c);
    uint8_t *left = rc == 0 ? malloc(count) : NULL;
    for (uint32_t row = 0; left && row < count; row++)
        left[row] = !c->deleted[row];
    if (rc == 0)
        rc = left ? zoo_truth_init(&c->truth, &c->set, c->metric, NULL) : -ENOMEM;
    if (rc == 0)
        rc = zoo_truth_init(&c->truth_left, &c->set, c->metric, left);
    free(left);
    return rc;
}

static void cell_fini(struct cell *c)
{
    zoo_truth_fini(&c->truth);
    zoo_truth_fini(&c->truth_left);
    zoo_fini(&c->set);
    free(c->deleted);
}

static int cell_measure(struct cell *c)
{
    for (enum zoo_state state = 0; state < ZOO_STATES; state++) {
        struct zoo_index x;
        int rc = zoo_index_build(&x, &c->set, c->metric, state, c->deleted, &c->came);
        if (rc != 0)
            return rc;
        rc = measure_recall(c, &x, state);
        if (rc == 0 && (state == ZOO_GROWING || state == ZOO_SEALED))
            rc = measure_own(c, &x, state);
#ifdef HAVE_HNSWLIB
        if (rc == 0 && state == ZOO_SEALED)
            rc = measure_speed(c, &x);
#endif
        zoo_index_fini(&x);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* -- the table -- */

static double worst_recall(const struct cell *c)
{
    double worst = 1;
    for (enum zoo_state state = 0; state < ZOO_STATES; state++)
        worst = c->recall[state] < worst ? c->recall[state] : worst;
    return worst;
}

static uint32_t missing(const struct cell *c)
{
    return c->missing[ZOO_GROWING] + c->missing[ZOO_SEALED];
}

static bool is_slow(const struct cell *c)
{
    return c->qps < c->peer_qps * SPEED_SLACK;
}

static void write_head(void)
{
    printf("%-18s %4s %-6s", "kind", "dim", "metric");
    for (enum zoo_state state = 0; state < ZOO_STATES; state++)
        printf(" %9s", zoo_state_names[state]);
    printf(" %13s %9s %9s\n", "missing g / s", "q/s", "x hnswlib");
}

static void write_cell(const struct cell *c)
{
    printf("%-18s %4u %-6s", c->kind->name, c->set.dim, metric_names[c->metric]);
    for (enum zoo_state state = 0; state < ZOO_STATES; state++)
        printf(" %9.3f", c->recall[state]);
    printf(" %7u / %3u %9.0f", c->missing[ZOO_GROWING], c->missing[ZOO_SEALED], c->qps);
    if (c->peer_qps > 0)
        printf(" %9.2f", c->qps / c->peer_qps);
    else
        printf(" %9s", c->peer_recall > 0 ? "only Kith" : "-");
    printf("  %s%s%s\n", worst_recall(c) < ZOO_RECALL ? "recall " : "", missing(c) ? "missing " : "",
           is_slow(c) ? "slow" : "");
    fflush(stdout);
}

static void write_json(const struct cell *c, FILE *to)
{
    fprintf(to, "{\"zoo\":\"%s\",\"dim\":%u,\"metric\":\"%s\",\"rows\":%u,\"queries_before\":%u", c->kind->name,
            c->set.dim, metric_names[c->metric], c->set.count, c->came.count);
    for (enum zoo_state state = 0; state < ZOO_STATES; state++)
        fprintf(to, ",\"%s\":%.4f", zoo_state_names[state], c->recall[state]);
    fprintf(
        to,
        ",\"growing_missing\":%u,\"sealed_missing\":%u,\"qps\":%.0f,\"hnswlib_qps\":%.0f,\"hnswlib_recall\":%.4f}\n",
        c->missing[ZOO_GROWING], c->missing[ZOO_SEALED], c->qps, c->peer_qps, c->peer_recall);
    fflush(to);
}

struct totals {
    unsigned cells, recall, missing, slow;
};

static int run_cell(const struct ann_options *o, struct cell *c, uint32_t dim, FILE *output, struct totals *t)
{
    int rc = cell_make(c, dim, o->data.count ? o->data.count : ROWS, o->queries_before);
    if (rc == 0)
        rc = cell_measure(c);
    if (rc == 0) {
        if (o->json)
            write_json(c, stdout);
        else
            write_cell(c);
        if (output)
            write_json(c, output);
        t->cells++;
        t->recall += worst_recall(c) < ZOO_RECALL;
        t->missing += missing(c) > 0;
        t->slow += is_slow(c);
    } else {
        fprintf(stderr, "ann: %s, %u dimensions, %s: %s\n", c->kind->name, dim, metric_names[c->metric], strerror(-rc));
    }
    cell_fini(c);
    return rc;
}

static bool is_named(const char *names, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = names; at && *at; at += strspn(at, ",")) {
        const size_t n = strcspn(at, ",");
        if (n == length && strncmp(at, name, n) == 0)
            return true;
        at += n;
    }
    return !names;
}

/* -1 after printing the unknown name. */
static int check_names(const char *names)
{
    for (const char *at = names; at && *at; at += strspn(at, ",")) {
        char name[32];
        const size_t n = strcspn(at, ",");
        snprintf(name, sizeof(name), "%.*s", (int)n, at);
        if (!zoo_find(name)) {
            fprintf(stderr, "ann: the zoo has no %s; it has:\n", name);
            for (unsigned i = 0; i < zoo_count; i++)
                fprintf(stderr, "  %-18s %s\n", zoo_kinds[i].name, zoo_kinds[i].what);
            return -1;
        }
        at += n;
    }
    return 0;
}

int ann_zoo(const struct ann_options *o)
{
    static const uint32_t dims[] = {2, 64, 768};
    struct totals t = {0};
    if (check_names(o->zoo_kinds) < 0)
        return -EINVAL;
    FILE *output = o->output ? fopen(o->output, "a") : NULL;
    if (o->output && !output) {
        fprintf(stderr, "ann: %s: %s\n", o->output, strerror(errno));
        return -EIO;
    }
    if (!o->json)
        write_head();
    int rc = 0;
    for (unsigned k = 0; k < zoo_count && rc == 0; k++)
        for (unsigned d = 0; d < ARRAY_LEN(dims) && rc == 0; d++)
            for (enum metric metric = METRIC_L2; metric <= METRIC_COSINE && rc == 0; metric++) {
                const bool other_dim = o->data.dim && d > 0;
                if (!is_named(o->zoo_kinds, zoo_kinds[k].name) || other_dim ||
                    (o->data.metric && metric != o->data.metric))
                    continue;
                struct cell c = {.kind = &zoo_kinds[k], .metric = metric};
                rc = run_cell(o, &c, o->data.dim ? o->data.dim : dims[d], output, &t);
            }
    if (output)
        fclose(output);
    if (rc == 0 && !o->json)
        printf("%u sets: %u below recall %.2f, %u with rows that their own vector does not find, %u slower than "
               "hnswlib\n",
               t.cells, t.recall, ZOO_RECALL, t.missing, t.slow);
    return rc != 0 ? rc : t.recall + t.missing + t.slow > 0;
}
