/* temp_file.h -- files for one test, in a directory that is removed after the test. */
#pragma once

#include <stddef.h>

void temp_begin(void); /* Criterion's .init and .fini */
void temp_end(void);
/* Writes a file of that name. Returns its path, which stays valid until the next call. */
const char *temp_write(const char *name, const void *bytes, size_t size);
const char *temp_write_packed(const char *name, const void *bytes, size_t size); /* by gzip */
