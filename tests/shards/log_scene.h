/* log_scene.h -- a log of small files, and records that are counted when they come back. */
#pragma once

#include "../reactor/world.h"
#include "reactor/file.h"
#include "shards/log/log_block.h"
#include "shards/log/log_files.h"

#define FILE_BYTES (16 * LOG_UNIT)

struct log_options options(void);

/* Records are numbers, 8 bytes each, and some filling behind the first. */
struct seen {
    uint64_t next; /* the number that must come */
    size_t groups;
};
int take_group(const uint8_t *bytes, size_t size, uint64_t position, void *arg);
int replay(struct seen *seen, uint64_t start, struct log_end *end, struct error *e);
/* Replays all, into seen, and opens the log behind it. */
struct log *reopen(struct seen *seen);

int append_bytes(struct log *l, const void *bytes, size_t size, enum durability durability);
/* Must succeed. */
void append(struct log *l, uint64_t number, size_t filling, enum durability durability);

/* Its files; the caller frees starts. */
struct log_file_list list(void);
