/* log_scene.h -- a log of small files, and numbered records that are counted as they are
 * replayed. */
#pragma once

#include "../reactor/world.h"
#include "reactor/file.h"
#include "shards/log/log_block.h"
#include "shards/log/log_files.h"

#define FILE_BYTES (16 * LOG_UNIT)

struct log_options options(void);

/* A record is a number of 8 bytes, followed by filling. */
struct seen {
    uint64_t next; /* the number that the next record must have */
    size_t groups;
};
int take_group(const uint8_t *bytes, size_t size, uint64_t position, void *arg);
int replay(struct seen *seen, uint64_t start, struct log_end *end, struct error *e);
/* Replays all records into seen, and opens the log behind them. */
struct log *reopen(struct seen *seen);

int append_bytes(struct log *l, const void *bytes, size_t size, enum durability durability);
/* Appends a record. The append must succeed. */
void append(struct log *l, uint64_t number, size_t filling, enum durability durability);

/* The files of the log; the caller frees starts. */
struct log_file_list list(void);
