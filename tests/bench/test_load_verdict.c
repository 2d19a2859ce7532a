/* Tests which aims a run of `draining` has met, with results that this file makes up. */
#include "load/load_draining.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS 1000000ull

static struct draining_phase_result phases[DRAINING_PHASES];
static struct load_options options;
static struct draining run = {.options = &options, .phases = phases, .alone_s = 10, .drain_s = 15};

/* In each phase a hundred searches take 1 ms, the slowest 10 ms; everything is found. */
static void run_make(void)
{
    for (int i = 0; i < DRAINING_PHASES; i++) {
        struct drive_result *r = &phases[i].drive;
        *r = (struct drive_result){.recall_found = 960, .recall_wanted = 1000};
        histogram_init(&r->search.latency_ns);
        for (int n = 0; n < 100; n++)
            histogram_add(&r->search.latency_ns, n < 90 ? MS : 2 * MS);
    }
}

TestSuite(load_verdict, .init = run_make);

static void expect(const struct draining_aim *aim, bool met, const char *phase)
{
    cr_assert_eq(aim->met, met, "%s: %f", aim->what, aim->worst);
    if (phase)
        cr_assert_str_eq(aim->phase, phase);
}

Test(load_verdict, a_run_in_which_nothing_is_felt_meets_every_aim)
{
    struct draining_aim aims[DRAINING_AIMS];
    draining_judge(&run, aims);
    for (int i = 0; i < DRAINING_AIMS; i++)
        expect(&aims[i], true, NULL);
    cr_assert_float_eq(aims[0].worst, 1, 1e-9);
    cr_assert_float_eq(aims[2].worst, 0.96, 1e-9);
    cr_assert_float_eq(aims[3].worst, 1.5, 1e-9);
}

Test(load_verdict, the_worst_phase_is_named)
{
    struct draining_aim aims[DRAINING_AIMS];
    for (int n = 0; n < 300; n++)
        histogram_add(&phases[WRITING].drive.search.latency_ns, 3 * MS / 2);
    for (int n = 0; n < 3; n++)
        histogram_add(&phases[SNAPSHOT].drive.search.latency_ns, 9 * MS);
    phases[DELETING].drive.recall_found = 949;
    draining_judge(&run, aims);
    expect(&aims[0], false, "writing");
    expect(&aims[1], false, "snapshot");
    expect(&aims[2], false, "deleting");
    expect(&aims[3], true, NULL);
    expect(&aims[4], true, NULL);
}

Test(load_verdict, an_error_or_a_deleted_point_is_one_too_many)
{
    struct draining_aim aims[DRAINING_AIMS];
    phases[DELETING].drive.ghosts = 1;
    draining_judge(&run, aims);
    expect(&aims[4], false, "deleting");
    phases[DELETING].drive.ghosts = 0;
    phases[DRAINING].drive.search.errors = 1;
    draining_judge(&run, aims);
    expect(&aims[4], false, "draining");
}

Test(load_verdict, a_drain_that_was_left_alone_is_not_fast)
{
    struct draining_aim aims[DRAINING_AIMS];
    run.drain_s = 10;
    phases[DRAINING].drive.gave_up_s = 3;
    draining_judge(&run, aims);
    expect(&aims[3], false, NULL);
    phases[DRAINING].drive.gave_up_s = 0;
    run.drain_s = 15.1;
    draining_judge(&run, aims);
    expect(&aims[3], false, NULL);
}

/* The picture names every phase, and has a line at the quiet p99 and the curves. */
Test(load_verdict, the_picture_has_all_of_it)
{
    static struct drive_point points[50];
    static char text[65536];
    char path[] = "/tmp/kith-picture-XXXXXX";
    struct error e = {0};
    for (int i = 0; i < 50; i++)
        points[i] = (struct drive_point){(float)i / 10, 1000 + (float)i};
    for (int i = 0; i < DRAINING_PHASES; i++) {
        phases[i].began_s = i;
        phases[i].ended_s = i + 0.9;
    }
    run.error = &e;
    run.trace = (struct drive_trace){.points = points, .count = 50, .capacity = 50};
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    cr_assert_eq(draining_picture(&run, path), 0, "%s", e.text);
    cr_assert_gt(read(fd, text, sizeof(text) - 1), 0);
    for (int i = 0; i < DRAINING_PHASES; i++)
        cr_assert(strstr(text, draining_names[i]), "%s", draining_names[i]);
    cr_assert(strstr(text, "p99 when quiet") && strstr(text, "class='p50'") && strstr(text, "class='p99'"));
    cr_assert(strstr(text, "</svg>"));
    close(fd);
    unlink(path);
}
