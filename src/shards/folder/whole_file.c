/* whole_file.c -- writes under another name, flushes, renames, flushes the folder. A crash leaves
 * the old file or the new one. */
#include "shards/folder/whole_file.h"
#include "base/checksum.h"
#include "reactor/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int path_join(char *path, const char *dir, const char *format, ...)
{
    int n = snprintf(path, PATH_TEXT_MAX, "%s/", dir);
    if (n < 0 || n >= PATH_TEXT_MAX)
        return -ENAMETOOLONG;
    va_list args;
    va_start(args, format);
    int m = vsnprintf(path + n, PATH_TEXT_MAX - (size_t)n, format, args);
    va_end(args);
    return m < 0 || m >= PATH_TEXT_MAX - n ? -ENAMETOOLONG : 0;
}

static int write_and_flush(const char *path, const void *bytes, size_t size)
{
    struct file *f;
    int rc = file_open(path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &f);
    if (rc < 0)
        return rc;
    rc = file_write(f, bytes, size, 0);
    if (rc == 0)
        rc = file_flush(f);
    file_close(f);
    return rc;
}

int whole_file_replace(const char *dir, const char *name, const void *bytes, size_t size)
{
    char path[PATH_TEXT_MAX], fresh[PATH_TEXT_MAX];
    int rc = path_join(path, dir, "%s", name);
    if (rc == 0)
        rc = path_join(fresh, dir, "%s.new", name);
    if (rc == 0)
        rc = write_and_flush(fresh, bytes, size);
    if (rc == 0)
        rc = file_rename(fresh, path);
    return rc < 0 ? rc : directory_flush(dir);
}

size_t whole_text_size(const char *text, size_t size)
{
    const char last[] = "crc32c 01234567\n";
    size_t n = sizeof(last) - 1;
    uint32_t crc = 0;
    if (size < n || memcmp(text + size - n, last, 7) != 0 || text[size - 1] != '\n')
        return 0;
    size -= n;
    char digits[9] = {0};
    memcpy(digits, text + size + 7, 8);
    return sscanf(digits, "%8" SCNx32, &crc) == 1 && crc == checksum_crc32c(0, text, size) ? size : 0;
}
