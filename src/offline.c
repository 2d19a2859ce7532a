/* offline.c -- the check of `kith verify` for a data folder that no server has open. It uses one
 * reactor, because the disk limits the speed. */
#include "offline.h"
#include "reactor/file.h"
#include "shards/store.h"
#include "shards/verify/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SHOW_NS ((uint64_t)1000000000)

struct check {
    const char *dir;
    struct verify_progress progress;
    uint64_t started_ns, shown_ns;
    bool headed, tty, interrupted;
    int rc;
    struct error error;
};

static double mib(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

static double per_second(const struct check *c)
{
    uint64_t ns = clock_now_ns() - c->started_ns;
    return ns ? mib(c->progress.bytes) * 1e9 / (double)ns : 0;
}

static void on_damage(const struct verify_damage *d, void *arg)
{
    struct check *c = arg;
    if (!c->headed)
        printf("%-44s  %14s  %-15s  %s\n", "damaged file", "offset", "region", "what is wrong");
    c->headed = true;
    printf("%-44s  %14" PRIu64 "  %-15s  %s\n", d->file, d->offset, d->region, d->what);
}

static int on_progress(uint64_t bytes, void *arg)
{
    struct check *c = arg;
    uint64_t now_ns = clock_now_ns();
    if (c->interrupted)
        return -ECANCELED;
    if (c->tty && now_ns - c->shown_ns >= SHOW_NS) {
        fprintf(stderr, "\r%.1f of %.1f MiB, %.1f MiB/s\x1b[K", mib(bytes), mib(c->progress.bytes_total),
                per_second(c));
        c->shown_ns = now_ns;
    }
    return 0;
}

/* A folder without a manifest is most often a wrong path. */
static int check_there(struct check *c)
{
    char path[PATH_TEXT_MAX];
    struct file *f;
    int rc = path_join(path, c->dir, "manifest");
    if (rc == 0)
        rc = file_open(path, FILE_READ, &f);
    if (rc == 0)
        file_close(f);
    if (rc == -ENOENT)
        return error_set(&c->error, ERROR_NOT_FOUND, "there is no data of Kith in %s; name its folder with --data",
                         c->dir);
    return rc < 0 ? error_set_errno(&c->error, rc, "%s cannot be read", path) : 0;
}

static int check_folder(struct check *c)
{
    struct file *lock = NULL;
    struct verify_options o = {.dir = c->dir, .on_damage = on_damage, .on_progress = on_progress, .arg = c};
    struct verify_cursor at = {0};
    int rc = check_there(c);
    if (rc == 0) {
        rc = folder_lock(c->dir, &lock, &c->error);
        if (rc == -EROFS) /* a read-only file system: no server can write there */
            rc = 0;
    }
    while (rc == 0 && at.kind != VERIFY_DONE)
        rc = verify_step(&o, &at, &c->progress, &c->error);
    if (lock)
        file_close(lock);
    return rc;
}

static void run(void *arg)
{
    struct check *c = arg;
    c->started_ns = c->shown_ns = clock_now_ns();
    c->rc = check_folder(c);
    if (c->tty && c->shown_ns != c->started_ns)
        fputs("\r\x1b[K", stderr);
    if (c->rc == 0)
        printf("%sfiles checked  %" PRIu64 "\nMiB            %.1f\nMiB a second   %.1f\ndamages        %" PRIu64 "\n",
               c->headed ? "\n" : "", c->progress.files, mib(c->progress.bytes), per_second(c), c->progress.damages);
    runtime_stop();
}

static void on_signal(void *arg)
{
    ((struct check *)arg)->interrupted = true;
}

int offline_verify(const char *dir, enum backend_kind backend)
{
    struct check c = {.dir = dir, .tty = isatty(STDERR_FILENO)};
    struct runtime_options options = {.reactors = 1, .backend = backend};
    struct runtime *rt;
    int rc = runtime_create(&options, &rt, &c.error);
    if (rc == 0) {
        rc = runtime_run(rt, run, on_signal, &c);
        runtime_destroy(rt);
    }
    rc = rc < 0 ? rc : c.rc;
    if (rc < 0 && c.error.code == ERROR_OK)
        error_set_errno(&c.error, rc, "%s could not be checked", dir);
    if (rc < 0)
        fprintf(stderr, "kithd: %s\n", c.error.text);
    return rc < 0 || c.progress.damages > 0;
}
