/* log_files.c -- names of log files, and the list of those that a folder has. */
#include "shards/log/log_files.h"
#include "reactor/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int log_file_path(const struct log_options *o, uint64_t start, char path[PATH_TEXT_MAX])
{
    return path_join(path, o->dir, "%u-%016" PRIx64 ".log", o->reactor, start);
}

int log_spare_path(const struct log_options *o, char path[PATH_TEXT_MAX])
{
    return path_join(path, o->dir, "%u-spare.log", o->reactor);
}

int log_fresh_path(const struct log_options *o, char path[PATH_TEXT_MAX])
{
    return path_join(path, o->dir, "%u-fresh.log", o->reactor);
}

struct collecting {
    unsigned reactor;
    struct log_file_list *list;
};

static int collect(const char *name, void *arg)
{
    struct collecting *c = arg;
    unsigned reactor;
    uint64_t start;
    int end = 0;
    if (sscanf(name, "%u-%16" SCNx64 ".log%n", &reactor, &start, &end) != 2 || !end || name[end] ||
        reactor != c->reactor)
        return 0;
    uint64_t *grown = realloc(c->list->starts, (c->list->count + 1) * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    c->list->starts = grown;
    grown[c->list->count++] = start;
    return 0;
}

static int by_start(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int log_files_list(const struct log_options *o, struct log_file_list *ret)
{
    *ret = (struct log_file_list){0};
    struct collecting c = {o->reactor, ret};
    int rc = directory_list(o->dir, collect, &c);
    if (rc < 0) {
        free(ret->starts);
        *ret = (struct log_file_list){0};
        return rc;
    }
    if (ret->count)
        qsort(ret->starts, ret->count, sizeof(*ret->starts), by_start);
    return 0;
}

/* Each file ends where the next one begins. */
int log_files_between(const struct log_options *o, uint64_t from, uint64_t to, struct log_file_list *ret)
{
    int rc = log_files_list(o, ret);
    size_t kept = 0;
    for (size_t i = 0; rc == 0 && i < ret->count; i++)
        if (ret->starts[i] < to && (i + 1 == ret->count || ret->starts[i + 1] > from))
            ret->starts[kept++] = ret->starts[i];
    ret->count = kept;
    return rc;
}
