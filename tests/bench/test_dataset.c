/* Tests folders of data, written here byte by byte, and generated rows. */
#include "dataset.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static void write_file(const char *name, const void *bytes, size_t size, const char *more, size_t more_size)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    cr_assert(f && fwrite(bytes, 1, size, f) == size && (more_size == 0 || fwrite(more, 1, more_size, f) == more_size));
    fclose(f);
}

static void write_npy(const char *name, const char *type, unsigned rows, unsigned columns, const void *data,
                      size_t bytes)
{
    char header[128];
    memset(header, ' ', sizeof(header));
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10);
    int n = snprintf(header + 10, sizeof(header) - 10, "{'descr': '%s', 'fortran_order': False, 'shape': (%u, %u), }",
                     type, rows, columns);
    header[10 + n] = ' ';
    header[127] = '\n';
    write_file(name, header, sizeof(header), data, bytes);
}

/* Three rows of two dimensions, one query nearest to row 2, then 0. */
static void folder_make(const char *readme, const int32_t *truth)
{
    static const uint8_t base[] = {1, 0, 0, 9, 3, 3}, query[] = {2, 2};
    snprintf(folder, sizeof(folder), "/tmp/kith-dataset-XXXXXX");
    cr_assert(mkdtemp(folder));
    write_npy("base.npy", "|u1", 3, 2, base, sizeof(base));
    write_npy("queries.npy", "|u1", 1, 2, query, sizeof(query));
    if (readme)
        write_file("README.md", readme, strlen(readme), NULL, 0);
    if (truth)
        write_npy("gt_ids.npy", "<i4", 1, 2, truth, 2 * sizeof(*truth));
}

static void folder_remove(void)
{
    static const char *const names[] = {"base.npy",  "queries.npy", "gt_ids.npy",
                                        "README.md", "base.bvecs",  "queries.fvecs"};
    char path[128];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

Test(dataset, a_folder_gives_rows_queries_and_its_own_truth, .fini = folder_remove)
{
    struct dataset d;
    struct error e;
    folder_make(NULL, (const int32_t[]){1, 0}); /* wrong, to show that the file is used */
    struct dataset_options o = {.folder = folder, .truth_k = 2};
    cr_assert_eq(dataset_open(&o, &d, &e), 0, "%s", e.text);
    cr_assert_eq(d.metric, METRIC_L2);
    cr_assert(d.count == 3 && d.dim == 2 && d.query_count == 1 && d.truth_k == 2);
    cr_assert_eq(d.base[3], 9.0f);
    cr_assert(d.truth[0] == 1 && d.truth[1] == 0);
    dataset_fini(&d);
}

Test(dataset, without_a_truth_it_is_computed, .fini = folder_remove)
{
    struct dataset d;
    struct error e;
    folder_make(NULL, NULL);
    struct dataset_options o = {.folder = folder, .truth_k = 2};
    cr_assert_eq(dataset_open(&o, &d, &e), 0, "%s", e.text);
    cr_assert(d.truth[0] == 2 && d.truth[1] == 0);
    dataset_fini(&d);
}

Test(dataset, fewer_rows_get_a_truth_of_their_own, .fini = folder_remove)
{
    struct dataset d;
    struct error e;
    folder_make(NULL, (const int32_t[]){2, 0});
    struct dataset_options o = {.folder = folder, .truth_k = 2, .count = 2};
    cr_assert_eq(dataset_open(&o, &d, &e), 0, "%s", e.text);
    cr_assert(d.count == 2 && d.truth[0] == 0 && d.truth[1] == 1);
    dataset_fini(&d);
}

Test(dataset, the_readme_names_the_metric_and_cosine_rows_are_normalised, .fini = folder_remove)
{
    struct dataset d;
    struct error e;
    folder_make("# A set\n\n- Metric: cosine distance.\n", NULL);
    struct dataset_options o = {.folder = folder, .truth_k = 2};
    cr_assert_eq(dataset_open(&o, &d, &e), 0, "%s", e.text);
    cr_assert_eq(d.metric, METRIC_COSINE);
    cr_assert_float_eq(d.base[4], sqrt(0.5), 1e-6);
    cr_assert_eq(d.truth[0], 2);
    dataset_fini(&d);
}

/* Each row is its dimension, followed by one byte or float for each component. */
Test(dataset, texmex_files_are_read_too, .fini = folder_remove)
{
    static const uint8_t base[] = {2, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 3, 3};
    static const struct {
        uint32_t dim;
        float numbers[2];
    } query = {2, {2.5f, 2.5f}};
    struct dataset d;
    struct error e;
    snprintf(folder, sizeof(folder), "/tmp/kith-dataset-XXXXXX");
    cr_assert(mkdtemp(folder));
    write_file("base.bvecs", base, sizeof(base), NULL, 0);
    write_file("queries.fvecs", &query, sizeof(query), NULL, 0);
    struct dataset_options o = {.folder = folder, .truth_k = 1};
    cr_assert_eq(dataset_open(&o, &d, &e), 0, "%s", e.text);
    cr_assert(d.count == 3 && d.dim == 2 && d.query_count == 1);
    cr_assert(d.base[3] == 9.0f && d.queries[0] == 2.5f);
    cr_assert_eq(d.truth[0], 2);
    dataset_fini(&d);
}

Test(dataset, a_truth_that_names_no_row_is_refused, .fini = folder_remove)
{
    struct dataset d;
    struct error e;
    folder_make(NULL, (const int32_t[]){2, 3});
    struct dataset_options o = {.folder = folder, .truth_k = 2};
    cr_assert_lt(dataset_open(&o, &d, &e), 0);
    cr_assert(strstr(e.text, "row 3"), "%s", e.text);
}

Test(dataset, made_rows_have_length_one_and_follow_from_the_seed)
{
    struct dataset a, b;
    struct error e;
    struct dataset_options o = {.count = 200, .dim = 33, .query_count = 5, .truth_k = 10};
    cr_assert_eq(dataset_open(&o, &a, &e), 0, "%s", e.text);
    cr_assert_eq(dataset_open(&o, &b, &e), 0, "%s", e.text);
    cr_assert_eq(a.metric, METRIC_COSINE);
    cr_assert_eq(memcmp(a.base, b.base, sizeof(float) * 200 * 33), 0);
    for (uint32_t row = 0; row < a.count; row++) {
        double length = 0;
        for (uint32_t i = 0; i < a.dim; i++)
            length += (double)a.base[row * a.dim + i] * a.base[row * a.dim + i];
        cr_assert_float_eq(length, 1, 1e-5);
    }
    dataset_fini(&a);
    dataset_fini(&b);
}
