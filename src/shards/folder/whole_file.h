/* whole_file.h -- small files that are read and replaced as a whole. */
#pragma once

#include "base/check.h"
#include <stddef.h>

#define PATH_TEXT_MAX 1024

/* "dir/name..." into path[PATH_TEXT_MAX]; -ENAMETOOLONG. */
MUST_USE int path_join(char *path, const char *dir, const char *format, ...) PRINTF_LIKE(3, 4);

/* Writes dir/name.new, flushes it, renames it to dir/name and flushes the directory. So after a
 * crash the file is either the old or the new one. Waits. */
MUST_USE int whole_file_replace(const char *dir, const char *name, const void *bytes, size_t size);

/* For a text whose last line is "crc32c " and the CRC32C of the lines before: returns the size of
 * those lines; 0: the checksum does not match. */
size_t whole_text_size(const char *text, size_t size);
