/* test_disk.c -- file operations by class: few of background fibers at a time, fewer beside urgent
 * ones, and all of them done. */
#include "reactor/file.h"
#include "reactor/reactor.h"
#include "world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(disk, .timeout = 30);

#define WRITERS 5
#define BYTES   ((size_t)6 << 20) /* enough to be written back before the flush */

static unsigned writers_left;

static void fill(uint8_t *bytes, unsigned seed)
{
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 4096 + seed);
}

static void write_a_file(void *arg)
{
    unsigned number = (unsigned)(uintptr_t)arg;
    char path[200];
    snprintf(path, sizeof(path), "%s/file%u", world_folder(), number);
    uint8_t *bytes = malloc(BYTES), *read = malloc(BYTES);
    want(bytes && read);
    fill(bytes, number);
    struct file *f;
    want_eq(file_open(path, FILE_WRITE | FILE_CREATE, &f), 0);
    want_eq(file_write(f, bytes, BYTES, 0), 0);
    want_eq(file_flush(f), 0);
    want_eq(file_read(f, read, BYTES, 0), BYTES);
    want(memcmp(bytes, read, BYTES) == 0);
    file_close(f);
    free(bytes);
    free(read);
    writers_left--;
}

static void start_writers(enum fiber_class cls)
{
    writers_left = WRITERS;
    for (unsigned i = 0; i < WRITERS; i++)
        want_eq(fiber_start(cls, write_a_file, (void *)(uintptr_t)i, "writer"), 0);
}

/* Watches until all is written; returns the most background operations that the
 * back end had at once. */
static uint32_t watch_writers(void)
{
    const struct disk *d = &reactor_here()->disk;
    uint32_t most = 0;
    while (writers_left > 0) {
        most = d->background > most ? d->background : most;
        fiber_yield();
    }
    want_eq(d->background, 0);
    want_eq(d->urgent, 0);
    want(!d->waiting.head);
    return most;
}

static void background_writers(void *arg)
{
    start_writers(CLASS_BACKGROUND);
    uint32_t most = watch_writers();
    if (reactor_here()->rt->options.backend == BACKEND_SIM)
        want_eq(most, 2);
    want(most <= 2); /* a real disk may have done the one before it gets the other */
}

EVERYWHERE(disk, background_has_two_operations_at_a_time)
{
    world_run_well(backend, 1, background_writers, NULL);
}

static void background_beside_urgent(void *arg)
{
    struct disk *d = &reactor_here()->disk;
    start_writers(CLASS_BACKGROUND);
    d->urgent++; /* one that does not end */
    while (writers_left > 0) {
        want(d->background <= 1);
        fiber_yield();
    }
    d->urgent--;
    want_eq(watch_writers(), 0);
}

EVERYWHERE(disk, beside_an_urgent_operation_background_has_one_and_goes_on)
{
    world_run_well(backend, 1, background_beside_urgent, NULL);
}

static void urgent_writers(void *arg)
{
    struct disk *d = &reactor_here()->disk;
    uint32_t most = 0;
    start_writers(CLASS_WRITE);
    while (writers_left > 0) {
        most = d->urgent > most ? d->urgent : most;
        want(!d->waiting.head);
        fiber_yield();
    }
    want(most > 0);
    want_eq(watch_writers(), 0);
}

EVERYWHERE(disk, urgent_operations_wait_for_nobody)
{
    world_run_well(backend, 1, urgent_writers, NULL);
}
