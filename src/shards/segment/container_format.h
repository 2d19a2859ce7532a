/* container_format.h -- head, directory entry and footer of a container file as structs: no
 * padding, little-endian. */
#pragma once

#include "base/memory.h"
#include "shards/segment/container.h"
#include <assert.h>

#define CONTAINER_MAGIC  0x314745534854494bu /* the bytes K I T H S E G 1 */
#define CONTAINER_FORMAT 2

struct container_head {
    uint64_t magic;
    uint32_t format, zero;
    uint8_t zeros[48];
};

struct container_entry { /* followed by a CRC32C for each slice */
    char name[CONTAINER_NAME_MAX];
    uint32_t unknown, zero; /* enum container_unknown */
    uint64_t offset, size;
};

struct container_footer {
    uint64_t directory_offset;
    uint64_t directory_size;
    /* the checksum starts from `format`, so that it covers the format, too */
    uint32_t directory_crc, format;
    uint64_t magic;
};

static_assert(sizeof(struct container_head) == 64 && sizeof(struct container_entry) == 48 &&
                  sizeof(struct container_footer) == 32,
              "the layout on disk");
