/* Tests results: they are written as JSON lines and read back the same. The best point is the
 * fastest of those with the recall. */
#include "result.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static FILE *file_make(void)
{
    snprintf(path, sizeof(path), "/tmp/kith-result-XXXXXX");
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    return fdopen(fd, "w");
}

static void file_remove(void)
{
    unlink(path);
}

static struct result *result_make(unsigned which, double qps)
{
    static struct result made[2];
    struct result *r = &made[which];
    *r = (struct result){.data = "set",
                         .metric = "l2",
                         .rows = 1000,
                         .dim = 8,
                         .queries = 50,
                         .k = 10,
                         .rounds = 5,
                         .machine = "a \"machine\"",
                         .commit = "abc",
                         .engine_count = 1};
    r->engines[0] = (struct result_engine){.name = "kith:sq4",
                                           .what = "x",
                                           .m = 16,
                                           .ef_construct = 200,
                                           .held_bytes = 100.5,
                                           .mapped_bytes = 32,
                                           .build_count = 2,
                                           .point_count = 3};
    r->engines[0].builds[0] = (struct result_build){.threads = 1, .cpu_s = 2.5, .wall_s = 3};
    r->engines[0].builds[1] = (struct result_build){.threads = 2, .cpu_s = 2.75, .wall_s = 1.5, .chain_s = 1.25};
    r->engines[0].points = calloc(3, sizeof(struct result_point));
    for (int i = 0; i < 3; i++)
        r->engines[0].points[i] = (struct result_point){.ef = 10u << i,
                                                        .refine_k = 1.5,
                                                        .interleave = 1,
                                                        .recall = 0.9 + 0.04 * i,
                                                        .qps = qps / (1 + i),
                                                        .qps_low = qps / (1 + i) - 1,
                                                        .qps_high = qps / (1 + i) + 1,
                                                        .p50_us = 12.5,
                                                        .p99_us = 25};
    return r;
}

Test(result, what_is_written_is_read_again, .fini = file_remove)
{
    struct result *r = result_make(0, 1000);
    FILE *f = file_make();
    result_write(r, f);
    fclose(f);
    struct results all;
    struct error e;
    cr_assert_eq(results_read(path, &all, &e), 0, "%s", e.text);
    const struct result *back = results_find(&all, "set");
    cr_assert(back && all.count == 1 && back->engine_count == 1);
    cr_assert_str_eq(back->machine, r->machine);
    cr_assert_str_eq(back->commit, "abc");
    cr_assert(back->rows == 1000 && back->dim == 8 && back->queries == 50 && back->k == 10 && back->rounds == 5);
    const struct result_engine *x = result_engine(back, "kith:sq4");
    cr_assert(x && x->m == 16 && x->ef_construct == 200 && x->held_bytes == 100.5 && x->mapped_bytes == 32);
    cr_assert(x->build_count == 2 && x->builds[1].threads == 2 && x->builds[1].wall_s == 1.5 &&
              x->builds[1].chain_s == 1.25);
    cr_assert_eq(x->point_count, 3);
    for (int i = 0; i < 3; i++) {
        const struct result_point *was = &r->engines[0].points[i], *is = &x->points[i];
        cr_assert(is->ef == was->ef && is->refine_k == 1.5 && is->interleave == 1 && is->p99_us == 25);
        cr_assert_float_eq(is->recall, was->recall, 1e-6);
        cr_assert_float_eq(is->qps_low, was->qps_low, 1e-3);
    }
    results_fini(&all);
    result_fini(r);
}

Test(result, a_later_line_takes_the_place_of_an_earlier_one, .fini = file_remove)
{
    struct result *first = result_make(0, 1000), *second = result_make(1, 2000);
    FILE *f = file_make();
    result_write(first, f);
    fputs("\n", f);
    result_write(second, f);
    fclose(f);
    struct results all;
    struct error e;
    cr_assert_eq(results_read(path, &all, &e), 0, "%s", e.text);
    cr_assert(all.count == 1 && all.list[0].engine_count == 1);
    cr_assert_float_eq(all.list[0].engines[0].points[0].qps, 2000, 1e-6);
    results_fini(&all);
    result_fini(first);
    result_fini(second);
}

Test(result, what_is_no_json_is_refused_with_its_line, .fini = file_remove)
{
    FILE *f = file_make();
    fputs("{\"data\":\"x\",\"engine\":\"y\"}\n[1]\n", f);
    fclose(f);
    struct results all;
    struct error e;
    cr_assert_lt(results_read(path, &all, &e), 0);
    cr_assert(strstr(e.text, ":2:"), "%s", e.text);
    results_fini(&all);
    cr_assert_lt(results_read("/nowhere/at/all", &all, &e), 0);
    results_fini(&all);
}

Test(result, the_best_point_is_the_fastest_with_the_recall)
{
    struct result_point points[] = {{.interleave = 1, .recall = 0.91, .qps = 500},
                                    {.interleave = 1, .recall = 0.93, .qps = 700},
                                    {.interleave = 1, .recall = 0.97, .qps = 300},
                                    {.interleave = 2, .recall = 0.99, .qps = 900}};
    struct result_point rough[] = {{.interleave = 1, .rounds = 1, .recall = 0.95, .qps = 900},
                                   {.interleave = 1, .rounds = 5, .recall = 0.95, .qps = 800}};
    struct result_engine y = {.points = rough, .point_count = 2};
    cr_assert_eq(result_best(&y, 0.9, 1), &rough[1], "a point that was measured only once must not win");
    struct result_engine x = {.points = points, .point_count = 4};
    cr_assert_eq(result_best(&x, 0.9, 1), &points[1]);
    cr_assert_eq(result_best(&x, 0.97, 1), &points[2]);
    cr_assert_null(result_best(&x, 0.98, 1));
    cr_assert_eq(result_best(&x, 0.98, 2), &points[3]);
    cr_assert(!result_on_front(&x, &points[0]),
              "a point with less recall and less speed than another is not on the front");
    cr_assert(result_on_front(&x, &points[1]) && result_on_front(&x, &points[2]) && result_on_front(&x, &points[3]));
}
