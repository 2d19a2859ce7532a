/* get and delete: points by their ids. */
#include "cli/command.h"
#include "cli/output.h"

#include <stdio.h>

/* Ids from words; 0, or EXIT_USAGE after the sentence. */
static int ids_parse(const char *command, const char *const *words, size_t n, struct kith_id *ret)
{
    for (size_t i = 0; i < n; i++) {
        if (kith_id_parse(words[i], &ret[i]) < 0) {
            fprintf(stderr, "kith %s: '%s' is no id: an id is a number or a UUID\n", command, words[i]);
            return EXIT_USAGE;
        }
    }
    return 0;
}

static void vector_print(struct table *t, const float *vector, uint32_t dim)
{
    char text[2048];
    size_t n = 0;
    for (uint32_t i = 0; i < dim && n < sizeof(text) - 32; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%g", i ? " " : "", (double)vector[i]);
    table_cell(t, "%s", text);
}

static void points_print(const struct cli *c, const struct kith_result *r, uint32_t dim)
{
    struct table t;
    char text[40];
    table_init(&t, c->json ? NULL : dim ? ">id|payload|vector" : ">id|payload", dim ? 3 : 2);
    for (size_t i = 0; i < r->count; i++) {
        const char *payload = r->payloads ? r->payloads[i] : "";
        if (c->json) {
            json_t *j = json_object();
            json_object_set_new(j, "id", cli_json_id(r->ids[i]));
            json_object_set_new(j, "payload", cli_json_payload(payload));
            if (dim)
                json_object_set_new(j, "vector", cli_json_vector(r->vectors + i * dim, dim));
            cli_print_json(j);
            continue;
        }
        table_cell(&t, "%s", kith_id_format(r->ids[i], text));
        table_cell(&t, "%s", payload);
        if (dim)
            vector_print(&t, r->vectors + i * dim, dim);
    }
    table_print(&t);
}

/* Names on stderr what was asked for and did not come; 1 when there is any. */
static int missing_print(const struct kith_id *asked, size_t n, const struct kith_result *r)
{
    int status = 0;
    size_t at = 0; /* found points come in the order asked */
    for (size_t i = 0; i < n; i++) {
        char text[40];
        if (at < r->count && r->ids[at].hi == asked[i].hi && r->ids[at].lo == asked[i].lo)
            at++;
        else
            status = cli_fail("there is no point %s", kith_id_format(asked[i], text));
    }
    return status;
}

int command_get(struct cli *c, int argc, char **argv)
{
    bool with_vector = false;
    const char *words[OPTIONS_WORDS_MAX];
    struct kith_id ids[OPTIONS_WORDS_MAX - 1];
    size_t n;
    const struct option list[] = {{"with-vector", OPTION_FLAG, &with_vector, NULL, "also the vectors", 0, 0}};
    const struct options o = {"get",
                              "COLLECTION ID...",
                              "Shows points by their ids, with their payloads. Fails when one is not there.",
                              list,
                              1,
                              2,
                              ARRAY_LEN(ids) + 1};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status < 0 && (status = ids_parse("get", words + 1, n - 1, ids)) == 0)
        status = -1;
    if (status >= 0)
        return status;
    struct kith_info info = {0};
    struct kith_result r;
    if (cli_connect(c))
        return 1;
    if (with_vector && kith_info_read(c->kith, words[0], &info) < 0)
        return cli_fail_kith(c);
    uint32_t dim = with_vector ? info.collection.dim : 0;
    if (kith_get(c->kith, words[0], ids, n - 1, with_vector, true, dim, &r) < 0)
        return cli_fail_kith(c);
    points_print(c, &r, dim);
    return missing_print(ids, n - 1, &r);
}

int command_delete(struct cli *c, int argc, char **argv)
{
    const char *words[OPTIONS_WORDS_MAX];
    struct kith_id ids[OPTIONS_WORDS_MAX - 1];
    size_t n;
    uint64_t deleted;
    const struct options o = {
        "delete", "COLLECTION ID...", "Removes points by their ids and says how many of them were there.", NULL, 0,
        2,        ARRAY_LEN(ids) + 1};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status < 0 && (status = ids_parse("delete", words + 1, n - 1, ids)) == 0)
        status = -1;
    if (status >= 0)
        return status;
    if (cli_connect(c))
        return 1;
    if (kith_delete(c->kith, words[0], ids, n - 1, &deleted) < 0)
        return cli_fail_kith(c);
    if (c->json)
        cli_print_json(json_pack("{s:I}", "deleted", (json_int_t)deleted));
    else
        printf("deleted %llu of %zu points\n", (unsigned long long)deleted, n - 1);
    return 0;
}
