/* Tests the picture: each engine has a line, its points go from left to right with rising recall,
 * and names are escaped for XML. */
#include "ann/ann.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct result_point points[] = {{.interleave = 1, .recall = 0.90, .qps = 9000},
                                       /* beaten by the next */
                                       {.interleave = 1, .recall = 0.95, .qps = 4000},
                                       {.interleave = 1, .recall = 0.99, .qps = 5000},
                                       {.interleave = 1, .recall = 1.00, .qps = 800}};

static char *draw(const char *name, unsigned panels)
{
    static struct result made[3];
    for (unsigned i = 0; i < panels; i++) {
        made[i] = (struct result){.rows = 7, .dim = 2, .k = 10, .engine_count = 1};
        snprintf(made[i].data, sizeof(made[i].data), "set %u", i);
        snprintf(made[i].engines[0].name, sizeof(made[i].engines[0].name), "%s", name);
        made[i].engines[0].points = points;
        made[i].engines[0].point_count = ARRAY_LEN(points);
    }
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    ann_svg_write(&(struct results){.list = made, .count = panels}, f);
    fclose(f);
    return text;
}

static unsigned occurrences(const char *text, const char *what)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        count++;
    return count;
}

Test(ann_svg, a_line_goes_through_the_best_points_and_to_the_right)
{
    char *text = draw("kith", 1);
    cr_assert_eq(occurrences(text, "<circle"), 3, "%s", text);
    double last = 0;
    for (const char *at = text; (at = strstr(at, "cx=\"")); at++) {
        double x = strtod(at + 4, NULL);
        cr_assert_gt(x, last);
        last = x;
    }
    last = 0;
    for (const char *at = text; (at = strstr(at, "cy=\"")); at++) {
        double y = strtod(at + 4, NULL);
        cr_assert_gt(y, last, "a slower point must be lower");
        last = y;
    }
    cr_assert_null(strstr(text, "nan"));
    cr_assert_null(strstr(text, "inf"));
    free(text);
}

Test(ann_svg, names_are_safe_and_all_panels_share_a_legend)
{
    char *text = draw("a<b&c", 3);
    cr_assert_null(strstr(text, "a<b"));
    cr_assert_eq(occurrences(text, "a&lt;b&amp;c"), 1);
    cr_assert_eq(occurrences(text, ": 7 x 2"), 3);
    free(text);
}

Test(ann_svg, without_points_there_is_still_a_picture)
{
    static struct result empty = {.data = "nothing", .k = 10};
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    ann_svg_write(&(struct results){.list = &empty, .count = 1}, f);
    fclose(f);
    cr_assert(strstr(text, "</svg>"));
    cr_assert_null(strstr(text, "nan"));
    free(text);
}
