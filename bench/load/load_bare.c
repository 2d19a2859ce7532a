/* load_bare.c -- measures the disk without a database: one write and one fdatasync() for each
 * group, into a file that was filled before, like a log that reuses its files. There is a thread
 * and a file for each log of the compared server. */
#include "load/load.h"

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES ((size_t)32 << 20)
#define FILL_BYTES ((size_t)1 << 20)
#define BLOCK      4096

struct writer {
    pthread_t thread;
    char path[160];
    uint8_t *bytes; /* one group, aligned */
    size_t group_bytes;
    uint64_t until_ns, groups;
    int fd, rc;
};

static int file_fill(struct writer *w, const char *folder, unsigned number)
{
    snprintf(w->path, sizeof(w->path), "%.120s/bare-%u", folder, number);
    w->fd = open(w->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (w->fd < 0)
        return -errno;
    uint8_t *zeros = calloc(1, FILL_BYTES);
    int rc = zeros ? 0 : -ENOMEM;
    for (size_t at = 0; rc == 0 && at < FILE_BYTES; at += FILL_BYTES)
        rc = pwrite(w->fd, zeros, FILL_BYTES, (off_t)at) == (ssize_t)FILL_BYTES ? 0 : -EIO;
    free(zeros);
    return rc == 0 && fsync(w->fd) < 0 ? -errno : rc;
}

static void *writer_run(void *arg)
{
    struct writer *w = arg;
    for (size_t at = 0; w->rc == 0 && clock_wall_ns() < w->until_ns; at += w->group_bytes) {
        if (at + w->group_bytes > FILE_BYTES)
            at = 0;
        memcpy(w->bytes, &w->groups, sizeof(w->groups));
        if (pwrite(w->fd, w->bytes, w->group_bytes, (off_t)at) != (ssize_t)w->group_bytes || fdatasync(w->fd) < 0)
            w->rc = errno ? -errno : -EIO;
        else
            w->groups++;
    }
    return NULL;
}

static int writer_init(struct writer *w, const char *folder, unsigned number, size_t group_bytes)
{
    w->fd = -1;
    w->group_bytes = (group_bytes + BLOCK - 1) / BLOCK * BLOCK;
    w->bytes = aligned_alloc(BLOCK, w->group_bytes);
    if (!w->bytes)
        return -ENOMEM;
    /* varied bytes, so that the disk cannot compress them */
    for (size_t i = 0; i < w->group_bytes; i++)
        w->bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    return file_fill(w, folder, number);
}

static void writer_fini(struct writer *w)
{
    if (w->fd >= 0) {
        close(w->fd);
        unlink(w->path);
    }
    free(w->bytes);
}

int bare_groups_s(const char *folder, unsigned logs, size_t group_bytes, double seconds, double *ret, struct error *e)
{
    struct writer *writers = calloc(logs, sizeof(*writers));
    unsigned ready = 0, running = 0;
    int rc = !writers ? -ENOMEM : group_bytes > FILE_BYTES ? -EINVAL : 0;
    while (rc == 0 && ready < logs) {
        rc = writer_init(&writers[ready], folder, ready, group_bytes);
        ready++; /* counts a failed one, too, because its file may exist */
    }
    uint64_t start_ns = clock_wall_ns(), groups = 0;
    for (; rc == 0 && running < logs; running++) {
        writers[running].until_ns = start_ns + (uint64_t)(seconds * 1e9);
        rc = -pthread_create(&writers[running].thread, NULL, writer_run, &writers[running]);
    }
    for (unsigned i = 0; i < running; i++) {
        pthread_join(writers[i].thread, NULL);
        groups += writers[i].groups;
        rc = rc < 0 ? rc : writers[i].rc;
    }
    *ret = (double)groups * 1e9 / (double)(clock_wall_ns() - start_ns);
    for (unsigned i = 0; i < ready; i++)
        writer_fini(&writers[i]);
    free(writers);
    return rc < 0 ? error_set_errno(e, rc, "writing beside the server in %s", folder) : 0;
}
