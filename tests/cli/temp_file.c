#include "temp_file.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static char dir[64];
static char path[192];

void temp_begin(void)
{
    strcpy(dir, "/tmp/kith-test-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
}

void temp_end(void)
{
    DIR *d = opendir(dir);
    cr_assert_not_null(d);
    for (struct dirent *entry; (entry = readdir(d));)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(d), entry->d_name, 0);
    closedir(d);
    rmdir(dir);
}

const char *temp_write(const char *name, const void *bytes, size_t size)
{
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(bytes, 1, size, f), size);
    cr_assert_eq(fclose(f), 0);
    return path;
}

const char *temp_write_packed(const char *name, const void *bytes, size_t size)
{
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    gzFile f = gzopen(path, "wb");
    cr_assert_not_null(f);
    cr_assert_eq(gzwrite(f, bytes, (unsigned)size), (int)size);
    cr_assert_eq(gzclose(f), Z_OK);
    return path;
}
