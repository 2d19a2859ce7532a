/* command_points.c -- get and delete: points by their ids. */
#include "cli/command.h"
#include "cli/id_list.h"
#include "cli/json_text.h"
#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>

#define GET_IDS_MAX    64 /* a payload may have 16 MiB, so an answer 1 GiB */
#define DELETE_IDS_MAX 100000

static void vector_print(struct table *t, const float *vector, uint32_t dim)
{
    char text[2048];
    size_t n = 0;
    for (uint32_t i = 0; i < dim && n < sizeof(text) - 32; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%g", i ? " " : "", (double)vector[i]);
    table_cell(t, "%s", text);
}

static void point_print_json(const struct kith_result *r, size_t i, uint32_t dim)
{
    fputs("{\"id\":", stdout);
    json_text_id(stdout, r->ids[i]);
    fputs(",\"payload\":", stdout);
    json_text_payload(stdout, r->payloads ? r->payloads[i] : "", r->payloads ? r->payload_sizes[i] : 0);
    if (dim) {
        fputs(",\"vector\":", stdout);
        json_text_vector(stdout, r->vectors + i * dim, dim);
    }
    fputs("}\n", stdout);
}

static void points_print(const struct cli *c, const struct kith_result *r, uint32_t dim, bool headings)
{
    struct table t;
    char text[40];
    table_init(&t, c->json || !headings ? NULL : dim ? ">id|payload|vector" : ">id|payload", dim ? 3 : 2);
    for (size_t i = 0; i < r->count; i++) {
        if (c->json) {
            point_print_json(r, i, dim);
            continue;
        }
        table_cell(&t, "%s", kith_id_format(r->ids[i], text));
        table_bytes(&t, r->payloads ? r->payloads[i] : "", r->payloads ? r->payload_sizes[i] : 0);
        if (dim)
            vector_print(&t, r->vectors + i * dim, dim);
    }
    table_print(&t);
}

/* Prints on stderr the requested ids without a point. Returns 1 if there is any. */
static int missing_print(const struct kith_id *asked, size_t n, const struct kith_result *r)
{
    int status = 0;
    size_t at = 0; /* found points have the order of the request */
    for (size_t i = 0; i < n; i++) {
        char text[40];
        if (at < r->count && r->ids[at].hi == asked[i].hi && r->ids[at].lo == asked[i].lo)
            at++;
        else
            status = cli_fail("there is no point %s", kith_id_format(asked[i], text));
    }
    return status;
}

/* Parses the arguments of both commands: a collection and ids. Returns -1 to go on, otherwise the
 * exit status. */
static int ids_take(struct options *o, int argc, char **argv, const struct option_texts *files,
                    const char **ret_collection, struct id_list *ret)
{
    size_t n;
    *ret_collection = NULL;
    const char **words = malloc(((size_t)argc + 1) * sizeof(*words));
    if (!words)
        return cli_fail("no memory for %d arguments", argc);
    o->words_min = 1;
    o->words_max = SIZE_MAX;
    int status = options_parse(o, argc, argv, words, &n);
    if (status < 0 && n == 1 && files->count == 0) {
        fprintf(stderr, "kith %s: give ids, or a file of them with --file; see kith %s --help\n", o->command,
                o->command);
        status = EXIT_USAGE;
    }
    if (status < 0) {
        *ret_collection = words[0];
        status = id_list_add_words(ret, o->command, words + 1, n - 1);
        for (size_t i = 0; status == 0 && i < files->count; i++)
            status = id_list_add_file(ret, files->texts[i]);
        if (status == 0)
            status = -1;
    }
    free(words);
    return status;
}

/* Fetches and prints the points, GET_IDS_MAX with each request. */
static int get_all(struct cli *c, const char *collection, const struct id_list *l, bool with_vector)
{
    struct kith_info info = {0};
    int status = 0;
    if (with_vector && kith_info_read(c->kith, collection, &info) < 0)
        return cli_fail_kith(c);
    uint32_t dim = with_vector ? info.collection.dim : 0;
    for (size_t first = 0; first < l->count; first += GET_IDS_MAX) {
        struct kith_result r;
        size_t n = l->count - first < GET_IDS_MAX ? l->count - first : GET_IDS_MAX;
        if (kith_get(c->kith, collection, l->ids + first, n, with_vector, true, dim, &r) < 0)
            return cli_fail_kith(c);
        points_print(c, &r, dim, first == 0);
        status |= missing_print(l->ids + first, n, &r);
    }
    return status;
}

static int delete_all(struct cli *c, const char *collection, const struct id_list *l)
{
    uint64_t all = 0;
    for (size_t first = 0; first < l->count; first += DELETE_IDS_MAX) {
        uint64_t deleted;
        size_t n = l->count - first < DELETE_IDS_MAX ? l->count - first : DELETE_IDS_MAX;
        if (kith_delete(c->kith, collection, l->ids + first, n, &deleted) < 0)
            return cli_fail_kith(c);
        all += deleted;
    }
    if (c->json)
        cli_print_json(json_pack("{s:I, s:I}", "deleted", (json_int_t)all, "ids", (json_int_t)l->count));
    else
        printf("deleted %llu of %zu point%s\n", (unsigned long long)all, l->count, plural(l->count));
    return 0;
}

int command_get(struct cli *c, int argc, char **argv)
{
    bool with_vector = false;
    const char *collection;
    struct option_texts files = {0};
    struct id_list ids = {0};
    const struct option list[] = {
        {"with-vector", OPTION_FLAG, &with_vector, NULL, "also the vectors", 0, 0},
        {"file", OPTION_TEXTS, &files, "FILE",
         "also the ids in this file, one on each line (- is standard input); may be repeated", 0, 0},
    };
    struct options o = {
        .command = "get",
        .arguments = "COLLECTION ID...",
        .summary = "Shows points by their ids, with their payloads. Fails if one does not exist.\n"
                   "With --json a payload is printed as it is stored; a payload that is not JSON, as a string.",
        .list = list,
        .count = ARRAY_LEN(list)};
    int status = ids_take(&o, argc, argv, &files, &collection, &ids);
    if (status < 0)
        status = cli_connect(c) || get_all(c, collection, &ids, with_vector);
    id_list_fini(&ids);
    return status;
}

int command_delete(struct cli *c, int argc, char **argv)
{
    const char *collection;
    struct option_texts files = {0};
    struct id_list ids = {0};
    const struct option list[] = {
        {"file", OPTION_TEXTS, &files, "FILE",
         "also the ids in this file, one on each line (- is standard input); may be repeated", 0, 0},
    };
    struct options o = {.command = "delete",
                        .arguments = "COLLECTION ID...",
                        .summary = "Removes points by their ids, as many as you like, and says how many of them were "
                                   "there.",
                        .list = list,
                        .count = ARRAY_LEN(list)};
    int status = ids_take(&o, argc, argv, &files, &collection, &ids);
    if (status < 0)
        status = cli_connect(c) || delete_all(c, collection, &ids);
    id_list_fini(&ids);
    return status;
}
