/* container.h -- the file of a sealed segment: named regions of bytes. Each slice of 16 MiB of a
 * region has a checksum of its own. The file is written once, as a stream of slices, and is
 * immutable then. (Encryption and object storage can be added where slices are written.)
 *
 *   offset 0            64
 *   | magic, format, 0  | region | zeros | region | ... | directory | footer (32 bytes) |
 *
 * Regions begin at multiples of 64 bytes, regions over 64 KiB at multiples of 4096. The directory
 * has the name, offset, size and checksums of each region. The footer says where the directory is.
 * So one read of the end of the file finds everything. All numbers are little-endian.
 * docs/storage-format.md has every byte. */
#pragma once

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTAINER_NAME_MAX 24
#define CONTAINER_SLICE    ((size_t)16 << 20)
#define CONTAINER_PIECE    ((size_t)1 << 20) /* bytes that are summed or written without a pause */

/* What a reader does with a region that it does not know. The idea is that of the chunks of PNG
 * (RFC 2083, section 3.3). */
enum container_unknown {
    /* ignores it; a merge leaves it out, because it can be made again from the other regions */
    CONTAINER_IGNORE = 0,
    /* ignores it; a merge appends the bytes of all inputs, so the region must be a list */
    CONTAINER_KEEP = 1,
    CONTAINER_NEED = 2, /* does not open the file */
};

struct container_region {
    char name[CONTAINER_NAME_MAX]; /* ends with 0 */
    enum container_unknown unknown;
    uint64_t offset, size;
    const uint8_t *checksums; /* one little-endian CRC32C for each slice; not aligned */
};

struct container {
    const uint8_t *bytes; /* NULL when only the two ends of the file were read */
    uint64_t size;
    uint64_t directory_at;
    uint64_t bad_at; /* after ERROR_CORRUPT: the offset in the error's text */
    unsigned region_count;
    struct container_region *regions; /* owned; the checksums are borrowed from the parsed bytes */
};

/* -- reading: pure functions over the bytes of a file, which the caller keeps
 * until container_fini() -- */

/* Checks magic, footer and directory, and that every region lies within the file. name:
 * of the file, for the error. The caller calls container_fini() also after a failure.
 * -ENOMEM sets no error text. */
MUST_USE int container_parse(const uint8_t *bytes, size_t size, const char *name, struct container *ret,
                             struct error *error);
/* The same for a file of which only the first 64 bytes, and all bytes from tail_at on, are in
 * memory. -ERANGE: the directory begins before tail_at, at ret->directory_at. The checksums of
 * ret->regions lie in the tail. */
struct container_ends {
    const uint8_t *head, *tail;
    uint64_t tail_at, size;
};
MUST_USE int container_parse_ends(const struct container_ends *ends, const char *name, struct container *ret,
                                  struct error *error);
void container_fini(struct container *c);
/* The region of that name; NULL: there is none. */
const struct container_region *container_find(const struct container *c, const char *name);
/* Compares the slices of a region with their checksums, one piece a call, so that the caller can
 * pause in between. The caller sets region, and the rest to 0. Returns 1: there is more; 0: the
 * whole region is right; or the errno of ERROR_CORRUPT, whose text names region and offset. */
struct container_check {
    const struct container_region *region;
    uint64_t at; /* how many bytes were summed */
    uint32_t crc;
};
MUST_USE int container_check_piece(const struct container *c, struct container_check *check, const char *name,
                                   struct error *error);
/* The same for a file that is read instead of mapped. The first returns the size of the next piece
 * (0: there is none) and its offset in the file. The second takes the bytes of the piece. */
size_t container_next_piece(const struct container_check *check, uint64_t *ret_offset);
MUST_USE int container_check_bytes(struct container_check *check, const uint8_t *bytes, size_t n, const char *name,
                                   struct error *error);
static inline uint64_t container_slices(const struct container_region *region)
{
    return (region->size + CONTAINER_SLICE - 1) / CONTAINER_SLICE;
}

/* -- writing; these wait -- */

struct container_writer;

/* Creates path.new, which container_finish() renames to path. */
MUST_USE int container_create(const char *path, struct container_writer **ret);
/* Begins the next region, of size bytes. unknown: what readers do that do not know its name. */
MUST_USE int container_begin(struct container_writer *w, const char *name, enum container_unknown unknown,
                             uint64_t size);
MUST_USE int container_append(struct container_writer *w, const void *bytes, size_t n);
/* The offset of the last region that was begun, and the path of the file. The region can be mapped
 * when it is complete. */
uint64_t container_region_offset(const struct container_writer *w);
const char *container_fresh_path(const struct container_writer *w);
/* Writes directory and footer, flushes, renames to path and flushes `dir`. Frees w, also after a
 * failure; then it removes the temporary file. */
MUST_USE int container_finish(struct container_writer *w, const char *dir, uint64_t *ret_size);
void container_abandon(struct container_writer *w);
