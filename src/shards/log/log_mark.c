/* log_mark.c -- the mark is a small file with a checksum of its own, written as a whole. */
#include "shards/log/log_mark.h"
#include "base/checksum.h"
#include "reactor/file.h"
#include "shards/folder/whole_file.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#define MAGIC    0x21444e45474f4c4bu /* the bytes K L O G E N D ! */
#define NAME_MAX 24

struct mark {
    uint64_t magic, epoch, position;
    uint32_t reactor, crc;
};
static_assert(sizeof(struct mark) == 32, "the layout on disk");

static uint32_t sum(const struct mark *m)
{
    return checksum_crc32c(0, m, offsetof(struct mark, crc));
}

int log_mark_write(const struct log_options *o, uint64_t position)
{
    char name[NAME_MAX];
    struct mark m = {.magic = MAGIC, .epoch = o->epoch, .position = position, .reactor = o->reactor};
    m.crc = sum(&m);
    snprintf(name, sizeof(name), "%u.end", o->reactor);
    return whole_file_replace(o->dir, name, &m, sizeof(m));
}

int log_mark_read(const struct log_options *o, uint64_t *ret_position, struct error *error)
{
    char path[PATH_TEXT_MAX];
    struct mark m = {0};
    struct file *f;
    *ret_position = 0;
    int rc = path_join(path, o->dir, "%u.end", o->reactor);
    if (rc == 0)
        rc = file_open(path, FILE_READ, &f);
    if (rc == -ENOENT)
        return 0;
    if (rc < 0)
        return error_set_errno(error, rc, "opening %s", path);
    int64_t got = file_read(f, &m, sizeof(m), 0);
    file_close(f);
    if (got < 0)
        return error_set_errno(error, (int)got, "reading %s", path);
    if (got < (int64_t)sizeof(m) || m.magic != MAGIC || m.crc != sum(&m) || m.reactor != o->reactor)
        return error_set(
            error, ERROR_CORRUPT,
            "%s is damaged at offset 0: it says where the log ends, so the log may be damaged, too; check it "
            "with kithd --verify, and remove the file if the log is whole, or restore a snapshot",
            path);
    *ret_position = m.epoch == o->epoch ? m.position : 0;
    return 0;
}
