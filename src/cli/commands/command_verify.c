/* command_verify.c -- verify: the server checks every checksum on its disk, a part with each
 * request. */
#include "cli/command.h"
#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Copies of the damage found so far; the library's own are valid only until the next request. */
struct damages {
    struct damage {
        char *file, *region, *what;
        uint64_t offset;
    } * items;
    size_t count, capacity;
};

static void damages_add(struct damages *all, const struct kith_damage *d)
{
    if (all->count == all->capacity) {
        all->capacity = all->capacity ? all->capacity * 2 : 16;
        all->items = realloc(all->items, all->capacity * sizeof(*all->items));
        check(all->items != NULL);
    }
    struct damage *to = &all->items[all->count++];
    *to = (struct damage){strdup(d->file), strdup(d->region), strdup(d->what), d->offset};
    check(to->file && to->region && to->what);
}

static void damages_fini(struct damages *all)
{
    for (size_t i = 0; i < all->count; i++) {
        free(all->items[i].file);
        free(all->items[i].region);
        free(all->items[i].what);
    }
    free(all->items);
}

struct result {
    uint64_t files, bytes, bytes_total;
    double seconds;
    struct damages damages;
};

static int check_all(struct cli *c, const char *collection, struct result *r)
{
    struct kith_cursor at = {.size = 0};
    struct kith_verified v = {.finished = false};
    struct progress p;
    double started = clock_seconds();
    while (!v.finished) {
        if (kith_verify(c->kith, collection, &at, &v) < 0)
            return cli_fail_kith(c);
        if (r->bytes_total == 0) {
            r->bytes_total = v.bytes_total;
            progress_begin(&p, "MiB", v.bytes_total >> 20);
            p.started = started;
        }
        r->files += v.files;
        r->bytes += v.bytes;
        for (size_t i = 0; i < v.damage_count; i++)
            damages_add(&r->damages, &v.damages[i]);
        progress_show(&p, r->bytes >> 20, 0);
    }
    progress_end(&p, r->bytes >> 20);
    r->seconds = clock_seconds() - started;
    return 0;
}

static void result_print(const struct result *r)
{
    struct table t;
    if (r->damages.count > 0) {
        table_init(&t, "damaged file|>offset|region|what is wrong", 4);
        for (size_t i = 0; i < r->damages.count; i++) {
            const struct damage *d = &r->damages.items[i];
            table_cell(&t, "%s", d->file);
            table_cell(&t, "%llu", (unsigned long long)d->offset);
            table_cell(&t, "%s", d->region);
            table_cell(&t, "%s", d->what);
        }
        table_print(&t);
        putchar('\n');
    }
    uint64_t rate = r->seconds > 0 ? (uint64_t)((double)r->bytes / r->seconds) : 0;
    table_init(&t, NULL, 2);
    t.right[1] = true;
    table_cell(&t, "files checked");
    table_cell(&t, "%s", number_text(r->files));
    table_cell(&t, "bytes");
    table_cell(&t, "%s", bytes_text(r->bytes));
    table_cell(&t, "a second");
    table_cell(&t, "%s", bytes_text(rate));
    table_cell(&t, "damages");
    table_cell(&t, "%s", number_text(r->damages.count));
    table_print(&t);
}

static void result_print_json(const struct result *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->damages.count; i++) {
        const struct damage *d = &r->damages.items[i];
        json_array_append_new(list, json_pack("{s:s, s:I, s:s, s:s}", "file", d->file, "offset", (json_int_t)d->offset,
                                              "region", d->region, "what", d->what));
    }
    cli_print_json(json_pack("{s:I, s:I, s:f, s:o}", "files", (json_int_t)r->files, "bytes", (json_int_t)r->bytes,
                             "seconds", r->seconds, "damages", list));
}

int command_verify(struct cli *c, int argc, char **argv)
{
    const char *words[OPTIONS_WORDS_MAX];
    size_t n;
    const struct options o = {"verify",
                              "[NAME]",
                              "Makes the server read all its files and check their checksums; with a name, only that "
                              "collection's segments.\n\n"
                              "Searches and writes go on meanwhile. Ends with status 1 when anything is damaged.",
                              NULL,
                              0,
                              0,
                              1};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    struct result r = {.files = 0};
    if (cli_connect(c))
        return 1;
    status = check_all(c, n ? words[0] : NULL, &r);
    if (status == 0) {
        if (c->json)
            result_print_json(&r);
        else
            result_print(&r);
        status = r.damages.count > 0;
    }
    damages_fini(&r.damages);
    return status;
}
