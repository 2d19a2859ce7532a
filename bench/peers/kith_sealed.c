/* kith_sealed.c -- a sealed segment is a file: codes and links are copied from it to huge pages,
 * vectors are read in place through the page cache. The benchmark does the same, so that its
 * figures are those of the server. */
#include "peers/kith.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALIGN 64 /* alignment of a region in the file */

static int file_create(void)
{
    const char *folder = getenv("TMPDIR");
    return open(folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static int write_all(int fd, const void *bytes, size_t size, size_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(fd, (const char *)bytes + done, size - done, (off_t)(offset + done));
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    return 0;
}

/* Writes the vectors, then one region after the other; regions[i].bytes become addresses in the
 * mapping. */
static int file_write(const struct grown *g, struct index_region *regions, unsigned count, struct sealed *s)
{
    size_t offsets[SEGMENT_INDEX_REGIONS], at = g->column_bytes;
    int fd = file_create();
    if (fd < 0)
        return -errno;
    int rc = write_all(fd, g->column, g->column_bytes, 0);
    for (unsigned i = 0; i < count && rc == 0; i++) {
        at = (at + ALIGN - 1) / ALIGN * ALIGN;
        offsets[i] = at;
        rc = write_all(fd, regions[i].bytes, regions[i].size, at);
        at += regions[i].size;
        s->regions_bytes += regions[i].size;
    }
    void *map = rc == 0 ? mmap(NULL, at, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (rc == 0 && map == MAP_FAILED)
        rc = -errno;
    close(fd);
    if (rc < 0)
        return rc;
    madvise(map, at, MADV_RANDOM);
    s->file = s->column = map;
    s->file_bytes = at;
    for (unsigned i = 0; i < count; i++)
        regions[i].bytes = s->file + offsets[i];
    return 0;
}

int sealed_init(const struct grown *g, const struct peer_build *b, struct sealed *ret)
{
    struct index_region regions[SEGMENT_INDEX_REGIONS];
    unsigned count = 0;
    const char *why = "the file cannot be written";
    *ret = (struct sealed){.vectors_bytes = g->column_bytes};
    int rc = segment_index_regions(g->index, regions, &count);
    if (rc == 0)
        rc = file_write(g, regions, count, ret);
    if (rc == 0)
        rc =
            segment_index_open((enum metric)b->metric, b->dim, b->count, regions, count, true, NULL, &ret->index, &why);
    if (rc < 0) {
        fprintf(stderr, "kith: no sealed index: %s (%s)\n", why, strerror(-rc));
        sealed_fini(ret);
        return -1;
    }
    ret->vectors = (struct rows){.chunk = &ret->column, .stride = g->vectors.stride, .shift = 31};
    return 0;
}

void sealed_fini(struct sealed *s)
{
    if (s->index)
        segment_index_destroy(s->index);
    if (s->file)
        munmap(s->file, s->file_bytes);
    *s = (struct sealed){0};
}
