/* ann.c -- measures recall against speed on one core, Kith beside its peers. bench/ann/README.md
 * explains the output. */
#include "ann/ann.h"

#include "clock.h"
#include "commit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct peer *const peers[] = {
    &peer_kith,
#ifdef HAVE_HNSWLIB
    &peer_hnswlib,
#endif
#ifdef HAVE_FAISS
    &peer_faiss,
#endif
};

static int engine_choose(const char *name, struct ann_engine *ret)
{
    size_t length = strcspn(name, ":");
    *ret = (struct ann_engine){0};
    for (size_t i = 0; i < ARRAY_LEN(peers) && !ret->peer; i++)
        if (strlen(peers[i]->name) == length && strncmp(name, peers[i]->name, length) == 0)
            ret->peer = peers[i];
    if (!ret->peer) {
        fprintf(stderr, "ann: no engine %s in this build\n", name);
        return -1;
    }
    if (ann_variant_read(name[length] ? name + length + 1 : "", &ret->variant) < 0)
        return -1;
    const char *why = ret->peer->refuse(&ret->variant);
    if (why)
        fprintf(stderr, "ann: there is no %s: %s\n", name, why);
    return why ? -1 : 0;
}

int ann_engines_choose(const char *names, struct ann_engine engines[RESULT_ENGINES_MAX], struct result *r)
{
    char all[256] = "";
    for (size_t i = 0; !names && i < ARRAY_LEN(peers); i++)
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? "," : "", peers[i]->name);
    for (const char *at = names ? names : all; *at; at += strspn(at, ",")) {
        char *name = r->engines[r->engine_count].name;
        size_t length = strcspn(at, ",");
        if (r->engine_count == RESULT_ENGINES_MAX || length >= sizeof(r->engines->name)) {
            fprintf(stderr, "ann: too many engines, or too long a name: %s\n", at);
            return -1;
        }
        memcpy(name, at, length);
        name[length] = 0;
        if (engine_choose(name, &engines[r->engine_count]) < 0)
            return -1;
        r->engine_count++;
        at += length;
    }
    return 0;
}

/* Builds all engines on one set of data, and surveys and measures them. */
static int data_measure(const struct ann_options *o, const struct dataset *d, struct ann_engine *engines,
                        struct result *r)
{
    static const char *const metrics[] = {"", "l2", "ip", "cosine"};
    snprintf(r->data, sizeof(r->data), "%s", d->name);
    snprintf(r->metric, sizeof(r->metric), "%s", metrics[d->metric]);
    snprintf(r->commit, sizeof(r->commit), "%s", o->commit ? o->commit : KITH_COMMIT);
    machine_describe(r->machine, sizeof(r->machine));
    r->rows = d->count;
    r->dim = d->dim;
    r->queries = d->query_count;
    r->k = o->k;
    r->rounds = o->rounds;
    for (unsigned i = 0; i < r->engine_count; i++)
        if (ann_build(o, d, &engines[i], &r->engines[i]) < 0)
            return -1;
    for (unsigned i = 0; i < r->engine_count; i++)
        engines[i].peer->forget();
    if (core_pin(o->core) < 0)
        fprintf(stderr, "ann: cannot bind to one core; going on without\n");
    int rc = 0;
    for (unsigned i = 0; i < r->engine_count && rc == 0; i++)
        rc = ann_survey(o, d, &engines[i], &r->engines[i]);
    if (rc == 0)
        rc = ann_measure(o, d, engines, r);
    if (rc < 0)
        fprintf(stderr, "ann: not measured: %s\n", strerror(-rc));
    core_unpin();
    return rc;
}

static int file_write(const char *path, const char *mode, void (*write)(const struct results *, FILE *),
                      const struct results *all)
{
    FILE *f = strcmp(path, "-") == 0 ? stdout : fopen(path, mode);
    if (f)
        write(all, f);
    if (!f || fflush(f) != 0 || ferror(f) || (f != stdout && fclose(f) != 0)) {
        fprintf(stderr, "ann: %s: %s\n", path, strerror(errno));
        return -1;
    }
    return 0;
}

static void lines_write(const struct results *all, FILE *to)
{
    for (unsigned i = 0; i < all->count; i++)
        result_write(&all->list[i], to);
}

static void markdown_write(const struct results *all, FILE *to)
{
    for (unsigned i = 0; i < all->count; i++)
        ann_markdown_write(&all->list[i], to);
}

static void tables_write(const struct results *all, FILE *to)
{
    for (unsigned i = 0; i < all->count; i++)
        ann_table_write(&all->list[i], to);
}

static int show(const struct ann_options *o, const struct results *all)
{
    int rc = file_write("-", "", o->json ? lines_write : o->markdown ? markdown_write : tables_write, all);
    if (o->output && rc == 0)
        rc = file_write(o->output, "a", lines_write, all);
    if (o->svg && rc == 0)
        rc = file_write(o->svg, "w", ann_svg_write, all);
    return rc;
}

static int measure_and_show(const struct ann_options *o)
{
    static struct ann_engine engines[RESULT_ENGINES_MAX];
    static struct result result;
    struct dataset data;
    struct error e;
    if (ann_engines_choose(o->engines, engines, &result) < 0)
        return 2;
    if (dataset_open(&o->data, &data, &e) < 0) {
        fprintf(stderr, "ann: %s\n", e.text);
        return 1;
    }
    int rc = data_measure(o, &data, engines, &result);
    for (unsigned i = 0; i < result.engine_count; i++)
        if (engines[i].index)
            engines[i].peer->destroy(engines[i].index);
    dataset_fini(&data);
    if (rc == 0)
        rc = show(o, &(struct results){.list = &result, .count = 1});
    result_fini(&result);
    return rc == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct ann_options o;
    int rc = ann_options_read(argc, argv, &o);
    if (rc <= 0)
        return rc < 0 ? 2 : 0;
    if (o.zoo)
        return ann_zoo(&o) == 0 ? 0 : 1;
    if (!o.from)
        return measure_and_show(&o);
    struct results all;
    struct error e;
    rc = results_read(o.from, &all, &e);
    if (rc < 0)
        fprintf(stderr, "ann: %s\n", e.text);
    else
        rc = show(&o, &all);
    results_fini(&all);
    return rc == 0 ? 0 : 1;
}
