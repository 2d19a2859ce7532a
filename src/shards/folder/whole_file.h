/* whole_file.h -- small files that are read and replaced as a whole. Waits. */
#pragma once

#include "base/check.h"
#include <stddef.h>

#define PATH_TEXT_MAX 1024

/* "dir/name..." into path[PATH_TEXT_MAX]; -ENAMETOOLONG. */
MUST_USE int path_join(char *path, const char *dir, const char *format, ...) PRINTF_LIKE(3, 4);

/* Writes path.new, flushes it, renames it to path and flushes the directory: afterwards path is
 * either as before or new. */
MUST_USE int whole_file_replace(const char *dir, const char *name, const void *bytes, size_t size);

/* A text whose last line is "crc32c " and the CRC32C of the lines before: how many bytes those
 * have; 0: it does not match. */
size_t whole_text_size(const char *text, size_t size);
