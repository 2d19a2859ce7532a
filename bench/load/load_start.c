/* load_start.c -- measures the time from exec to the first answer, on an existing data folder: with
 * the files in the page cache, as after a restart of the process, and without (--drop-caches), as
 * after a boot. The cache of a virtual machine's host is not dropped. */
#include "load/load.h"

#include "clock.h"
#include "random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STARTS    5
#define ANSWER_NS 60000000000ull

struct start_times {
    double listening_ms, answered_ms;
    uint64_t points;
};

/* The only collection, or the one with that name; *ret_name is valid until the next call on k. */
static int collection_choose(struct kith *k, const char *wanted, const char **ret_name, uint32_t *ret_dim,
                             struct error *e)
{
    const struct kith_collection *list;
    size_t count;
    int rc = kith_list(k, &list, &count);
    if (rc < 0)
        return load_client_error(e, k, rc, "listing collections");
    for (size_t i = 0; i < count; i++)
        if (count == 1 || strcmp(list[i].name, wanted) == 0) {
            *ret_name = list[i].name;
            *ret_dim = list[i].dim;
            return 0;
        }
    return error_set(e, ERROR_NOT_FOUND, "the folder has no collection %s", wanted);
}

static float *query_make(uint32_t dim)
{
    struct random r = {1};
    float *query = malloc(dim * sizeof(*query));
    for (uint32_t i = 0; query && i < dim; i++)
        query[i] = (float)random_normal(&r);
    return query;
}

static int search_once(struct kith *k, const struct load_options *o, struct error *e)
{
    const char *listed;
    char name[256];
    uint32_t dim;
    int rc = collection_choose(k, o->collection, &listed, &dim, e);
    if (rc < 0)
        return rc;
    snprintf(name, sizeof(name), "%s", listed);
    float *query = query_make(dim);
    if (!query)
        return error_set_errno(e, -ENOMEM, "a query");
    struct kith_search s = {.collection = name, .queries = query, .count = 1, .dim = dim, .k = o->k, .ef = o->ef};
    struct kith_result result;
    rc = kith_search(k, &s, &result);
    if (rc < 0)
        rc = load_client_error(e, k, rc, "the first search");
    else if (result.count == 0)
        rc = error_set(e, ERROR_NOT_FOUND, "the first search found nothing");
    free(query);
    return rc;
}

/* Repeats the search until it is answered, because a server may refuse while it opens its
 * collections. */
static int first_answer(struct kith *k, const struct load_options *o, struct error *e)
{
    uint64_t give_up_ns = clock_wall_ns() + ANSWER_NS;
    int rc;
    while ((rc = search_once(k, o, e)) < 0 && clock_wall_ns() < give_up_ns)
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    return rc;
}

static int points_count(struct kith *k, const struct load_options *o, uint64_t *ret, struct error *e)
{
    const char *listed;
    char name[256];
    uint32_t dim;
    int rc = collection_choose(k, o->collection, &listed, &dim, e);
    if (rc < 0)
        return rc;
    snprintf(name, sizeof(name), "%s", listed);
    rc = kith_count(k, name, ret);
    return rc < 0 ? load_client_error(e, k, rc, "counting") : 0;
}

static int start_once(const struct load_options *o, const char *folder, bool cold, struct start_times *ret,
                      struct error *e)
{
    struct server s;
    struct kith *k = NULL;
    char text[ERROR_TEXT_MAX] = "", args[1024];
    struct load_options started = *o;
    uint64_t exec_ns;
    snprintf(args, sizeof(args), "%s %.1000s", cold ? "--drop-caches" : "", o->kithd_args ? o->kithd_args : "");
    started.kithd_args = args;
    int rc = server_start(&started, folder, &s, &exec_ns, e);
    if (rc < 0)
        return rc;
    ret->listening_ms = (double)(clock_wall_ns() - exec_ns) / 1e6;
    if (kith_open(s.address, &k, text, sizeof(text)) < 0)
        rc = error_set(e, ERROR_UNAVAILABLE, "%s", text);
    if (rc == 0)
        rc = first_answer(k, o, e);
    ret->answered_ms = (double)(clock_wall_ns() - exec_ns) / 1e6;
    if (rc == 0)
        rc = points_count(k, o, &ret->points, e);
    if (k)
        kith_close(k);
    s.folder[0] = 0; /* not removed, because it is started again */
    return load_server_end(&s, rc, e);
}

static int by_answer(const void *a, const void *b)
{
    const struct start_times *x = a, *y = b;
    return x->answered_ms < y->answered_ms ? -1 : x->answered_ms > y->answered_ms;
}

static void starts_report(const struct load_options *o, const char *cache, struct start_times *t)
{
    qsort(t, STARTS, sizeof(*t), by_answer);
    const struct start_times *median = &t[STARTS / 2];
    if (o->json)
        printf("{\"bench\":\"load\",\"scenario\":\"start\",\"points\":%llu,\"files\":\"%s\",\"listening_ms\":%.1f,"
               "\"first_answer_ms\":%.1f,\"lowest_ms\":%.1f,\"highest_ms\":%.1f}\n",
               (unsigned long long)median->points, cache, median->listening_ms, median->answered_ms, t[0].answered_ms,
               t[STARTS - 1].answered_ms);
    else
        printf("%12llu  %-10s  %12.1f  %16.1f  %9.1f  %9.1f\n", (unsigned long long)median->points, cache,
               median->listening_ms, median->answered_ms, t[0].answered_ms, t[STARTS - 1].answered_ms);
}

/* Warm and cold starts take turns. */
static int starts_run(const struct load_options *o, const char *folder, struct error *e)
{
    struct start_times warm[STARTS], cold[STARTS];
    struct progress p;
    progress_start(&p, "starts", 2 * STARTS);
    for (unsigned i = 0; i < STARTS; i++) {
        int rc = start_once(o, folder, true, &cold[i], e);
        if (rc == 0)
            rc = start_once(o, folder, false, &warm[i], e);
        if (rc < 0)
            return rc;
        progress_at(&p, 2 * i + 2);
    }
    progress_end(&p);
    if (!o->json)
        printf("from exec, medians of %d\n%12s  %-10s  %12s  %16s  %9s  %9s\n", STARTS, "points", "files",
               "listening ms", "first answer ms", "lowest", "highest");
    starts_report(o, "in memory", warm);
    starts_report(o, "dropped", cold);
    return 0;
}

int load_start(const struct load_options *o, const struct dataset *d, struct error *e)
{
    if (o->data_folder)
        return starts_run(o, o->data_folder, e);
    struct server s;
    bool comparable;
    int rc = server_start(o, NULL, &s, NULL, e);
    if (rc < 0)
        return rc;
    rc = load_collection_prepare(o, s.address, d, &comparable, e);
    int status = server_stop(&s);
    if (rc == 0 && status != 0)
        rc = error_set(e, ERROR_INTERNAL, "kithd did not end well (%d); what it said is in %s", status, s.log);
    if (rc == 0)
        rc = starts_run(o, s.folder, e);
    if (rc == 0)
        server_remove(&s);
    return rc;
}
