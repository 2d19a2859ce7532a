/* folder_cache.c -- drops the files of a data folder from the page cache, so that a benchmark
 * measures a start as after a boot. */
#include "reactor/file.h"
#include "shards/folder/whole_file.h"
#include "shards/store.h"

static int drop_one(const char *name, void *dir)
{
    char path[PATH_TEXT_MAX];
    int rc = path_join(path, dir, "%s", name);
    return rc < 0 ? rc : file_drop_cache(path);
}

static int drop_inside(const char *name, void *dir)
{
    char path[PATH_TEXT_MAX];
    int rc = path_join(path, dir, "%s", name);
    return rc < 0 ? rc : directory_list(path, drop_one, path);
}

int folder_drop_caches(const char *dir, struct error *error)
{
    char path[PATH_TEXT_MAX];
    int rc = path_join(path, dir, "log");
    if (rc == 0)
        rc = directory_list(path, drop_inside, path); /* a folder for each epoch */
    if (rc == 0)
        rc = path_join(path, dir, "segments");
    if (rc == 0)
        rc = directory_list(path, drop_one, path);
    return rc < 0 ? error_set_errno(error, rc, "the caches of %s cannot be dropped; start without --drop-caches", dir)
                  : 0;
}
