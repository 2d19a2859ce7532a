/* container.h -- the file of a sealed segment: named regions of bytes, each slice of 16 MiB with a
 * checksum of its own. Written once, as a stream of slices (which is where encryption and object
 * storage will take hold), then immutable.
 *
 *   offset 0            64
 *   | magic, format, 0  | region | zeros | region | ... | directory | footer (32 bytes) |
 *
 * Regions begin at multiples of 64 bytes, those over 64 KiB at multiples of 4096. The directory
 * lists name, offset, size and checksums; the footer says where the directory is: one read of the
 * end of the file opens it. All numbers are little-endian. docs/storage-format.md has every
 * byte. */
#pragma once

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTAINER_NAME_MAX 24
#define CONTAINER_SLICE    ((size_t)16 << 20)
#define CONTAINER_PIECE    ((size_t)1 << 20) /* what is summed or written without a pause */

/* What a reader that does not know a region does with it, as the chunks of PNG say
 * (RFC 2083, section 3.3). */
enum container_unknown {
    /* ignores it; a rewrite leaves it out, because it can be made again from the others */
    CONTAINER_IGNORE = 0,
    /* ignores it; a rewrite appends the bytes of all inputs, so it must be a list */
    CONTAINER_KEEP = 1,
    CONTAINER_NEED = 2, /* refuses the file */
};

struct container_region {
    char name[CONTAINER_NAME_MAX]; /* ends with 0 */
    enum container_unknown unknown;
    uint64_t offset, size;
    const uint8_t *checksums; /* one little-endian CRC32C for each slice; not aligned */
};

struct container {
    const uint8_t *bytes; /* NULL when only the ends were read */
    uint64_t size;
    uint64_t directory_at;
    uint64_t bad_at; /* after ERROR_CORRUPT: the offset that the sentence names */
    unsigned region_count;
    struct container_region *regions; /* owned; their checksums lie in the bytes that were parsed */
};

/* -- reading: pure functions over the bytes of a file, which are lent -- */

/* Checks magic, footer and directory, and that every region lies within the file. `name` is for the
 * sentence. container_fini() is due whatever it returns. -ENOMEM without a sentence. */
MUST_USE int container_parse(const uint8_t *bytes, size_t size, const char *name, struct container *ret,
                             struct error *error);
/* The same of a file that is not all in memory: its first 64 bytes, and what is behind tail_at.
 * -ERANGE: the directory begins before that, at ret->directory_at. The checksums of
 * ret->regions lie in the tail. */
struct container_ends {
    const uint8_t *head, *tail;
    uint64_t tail_at, size;
};
MUST_USE int container_parse_ends(const struct container_ends *ends, const char *name, struct container *ret,
                                  struct error *error);
void container_fini(struct container *c);
/* NULL: there is none of that name. */
const struct container_region *container_find(const struct container *c, const char *name);
/* Walks over a region piece by piece, so that the caller can pause between them, and compares each
 * slice with its checksum. Set region, zero the rest. Returns 1: there is more; 0: all of it is
 * right; or ERROR_CORRUPT's errno, the sentence names region and offset. */
struct container_check {
    const struct container_region *region;
    uint64_t at; /* bytes that were summed */
    uint32_t crc;
};
MUST_USE int container_check_piece(const struct container *c, struct container_check *check, const char *name,
                                   struct error *error);
/* The same of bytes that were read instead of mapped: where the next piece lies in the file, 0
 * bytes: there is none; and the piece itself. */
size_t container_next_piece(const struct container_check *check, uint64_t *ret_offset);
MUST_USE int container_check_bytes(struct container_check *check, const uint8_t *bytes, size_t n, const char *name,
                                   struct error *error);
static inline uint64_t container_slices(const struct container_region *region)
{
    return (region->size + CONTAINER_SLICE - 1) / CONTAINER_SLICE;
}

/* -- writing; these wait -- */

struct container_writer;

/* Writes to path.new; nothing is at path before container_finish(). */
MUST_USE int container_create(const char *path, struct container_writer **ret);
/* The next region, which gets so many bytes. `unknown`: what readers do that do not know the
 * name. */
MUST_USE int container_begin(struct container_writer *w, const char *name, enum container_unknown unknown,
                             uint64_t size);
MUST_USE int container_append(struct container_writer *w, const void *bytes, size_t n);
/* Where the region begun last lies, and the file it lies in; what was appended can be mapped
 * once the region is full. */
uint64_t container_region_offset(const struct container_writer *w);
const char *container_fresh_path(const struct container_writer *w);
/* Writes directory and footer, flushes, renames to path and flushes `dir`. Frees w whatever
 * happens; after a failure the temporary file is removed. */
MUST_USE int container_finish(struct container_writer *w, const char *dir, uint64_t *ret_size);
void container_abandon(struct container_writer *w);
