/* log_files.h -- the names of the files of a log. "R-POSITION.log" is a part of the log of reactor
 * R that begins at POSITION (16 hex digits). "R-spare.log" waits to be used again. "R-fresh.log" is
 * being made. All functions with I/O wait. */
#pragma once

#include "shards/folder/whole_file.h"
#include "shards/log/log.h"

struct log_file_list {
    uint64_t *starts; /* ascending */
    size_t count;
};

MUST_USE int log_file_path(const struct log_options *o, uint64_t start, char path[PATH_TEXT_MAX]);
MUST_USE int log_spare_path(const struct log_options *o, char path[PATH_TEXT_MAX]);
MUST_USE int log_fresh_path(const struct log_options *o, char path[PATH_TEXT_MAX]);
/* The caller calls free(ret->starts). */
MUST_USE int log_files_list(const struct log_options *o, struct log_file_list *ret);
/* The files that hold a part of [from, to). The caller calls free(ret->starts). */
MUST_USE int log_files_between(const struct log_options *o, uint64_t from, uint64_t to, struct log_file_list *ret);

struct file;
/* Writes the blocks of [from, to) to the beginning of a file. -EIO when they are not in
 * the log (log_replay.c). */
MUST_USE int log_copy(const struct log_options *o, uint64_t from, uint64_t to, struct file *into);
