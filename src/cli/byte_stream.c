/* A buffer of our own stands before read() and before zlib alike: lines need one, and so both kinds of file take the same
 * way. Large reads go around it. */
#include "cli/byte_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef KITH_ZLIB
#include <zlib.h>
#endif

#define STREAM_BUFFER_BYTES (256 * 1024)

struct byte_stream {
    int fd;
    char *path;
    uint64_t file_bytes, file_position;
#ifdef KITH_ZLIB
    gzFile gz; /* owns a descriptor of its own; NULL: a plain file */
#endif
    size_t start, end; /* what is left in buffer */
    char buffer[STREAM_BUFFER_BYTES];
};

static bool is_gzip(int fd)
{
    uint8_t magic[2];
    return pread(fd, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b; /* RFC 1952 */
}

static int unpack_open(struct byte_stream *s, struct error *e)
{
#ifdef KITH_ZLIB
    int fd = dup(s->fd);
    if (fd < 0)
        return error_set_errno(e, -errno, "%s", s->path);
    s->gz = gzdopen(fd, "rb");
    if (!s->gz) {
        close(fd);
        return error_set(e, ERROR_RESOURCE_EXHAUSTED, "no memory to unpack %s", s->path);
    }
    gzbuffer(s->gz, STREAM_BUFFER_BYTES);
    return 0;
#else
    return error_set(e, ERROR_INVALID_ARGUMENT, "%s is packed with gzip, and this build has no zlib: unpack it first",
                     s->path);
#endif
}

int byte_stream_open(const char *path, struct byte_stream **ret, struct error *e)
{
    *ret = NULL;
    struct byte_stream *s = calloc(1, sizeof(*s));
    if (!s)
        return error_set(e, ERROR_RESOURCE_EXHAUSTED, "no memory to read %s", path);
    s->fd = -1;
    s->path = strdup(path);
    int rc = s->path ? 0 : error_set(e, ERROR_RESOURCE_EXHAUSTED, "no memory to read %s", path);
    if (rc == 0) {
        s->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (s->fd < 0)
            rc = error_set_errno(e, -errno, "cannot open %s", path);
    }
    struct stat st;
    if (rc == 0 && fstat(s->fd, &st) < 0)
        rc = error_set_errno(e, -errno, "cannot read %s", path);
    if (rc == 0 && !S_ISREG(st.st_mode))
        rc = error_set(e, ERROR_INVALID_ARGUMENT, "%s is not a regular file", path);
    if (rc == 0) {
        s->file_bytes = (uint64_t)st.st_size;
        if (is_gzip(s->fd))
            rc = unpack_open(s, e);
    }
    if (rc < 0) {
        byte_stream_close(s);
        return rc;
    }
    *ret = s;
    return 0;
}

void byte_stream_close(struct byte_stream *s)
{
    if (!s)
        return;
#ifdef KITH_ZLIB
    if (s->gz)
        gzclose_r(s->gz);
#endif
    if (s->fd >= 0)
        close(s->fd);
    free(s->path);
    free(s);
}

#ifdef KITH_ZLIB
static ssize_t unpack(struct byte_stream *s, void *bytes, size_t n, struct error *e)
{
    unsigned ask = n < (1u << 30) ? (unsigned)n : 1u << 30;
    int got = gzread(s->gz, bytes, ask);
    int status = Z_OK;
    const char *text = gzerror(s->gz, &status);
    if (got < 0 || status == Z_BUF_ERROR) /* Z_BUF_ERROR: the file ends in the middle of its packed data */
        return error_set(e, ERROR_CORRUPT, "%s cannot be unpacked: %s", s->path, text);
    z_off_t at = gzoffset(s->gz);
    s->file_position = at < 0 ? 0 : (uint64_t)at;
    return got;
}
#endif

static ssize_t fill(struct byte_stream *s, void *bytes, size_t n, struct error *e)
{
#ifdef KITH_ZLIB
    if (s->gz)
        return unpack(s, bytes, n, e);
#endif
    for (;;) {
        ssize_t got = read(s->fd, bytes, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(e, -errno, "cannot read %s", s->path);
        s->file_position += (uint64_t)got;
        return got;
    }
}

int byte_stream_read(struct byte_stream *s, void *bytes, size_t n, size_t *ret_read, struct error *e)
{
    size_t done = s->end - s->start < n ? s->end - s->start : n;
    memcpy(bytes, s->buffer + s->start, done);
    s->start += done;
    while (done < n) {
        ssize_t got = fill(s, (char *)bytes + done, n - done, e);
        if (got < 0)
            return (int)got;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *ret_read = done;
    return 0;
}

int byte_stream_line(struct byte_stream *s, struct buffer *line, size_t line_bytes_max, struct error *e)
{
    line->size = 0;
    bool any = false;
    for (;;) {
        if (s->start == s->end) {
            ssize_t got = fill(s, s->buffer, sizeof(s->buffer), e);
            if (got < 0)
                return (int)got;
            s->start = 0;
            s->end = (size_t)got;
            if (got == 0)
                break;
        }
        any = true;
        const char *from = s->buffer + s->start;
        const char *stop = memchr(from, '\n', s->end - s->start);
        size_t n = stop ? (size_t)(stop - from) : s->end - s->start;
        if (line->size + n > line_bytes_max)
            return error_set(e, ERROR_INVALID_ARGUMENT, "%s has a line of more than %zu bytes", s->path,
                             line_bytes_max);
        if (buffer_append(line, from, n) < 0)
            return error_set(e, ERROR_RESOURCE_EXHAUSTED, "no memory for a line of %s", s->path);
        s->start += n + (stop ? 1 : 0);
        if (stop)
            break;
    }
    if (!any)
        return 0;
    if (line->size > 0 && line->bytes[line->size - 1] == '\r')
        line->size--;
    if (buffer_reserve(line, 1) < 0)
        return error_set(e, ERROR_RESOURCE_EXHAUSTED, "no memory for a line of %s", s->path);
    line->bytes[line->size] = 0;
    return 1;
}

int byte_stream_seek(struct byte_stream *s, uint64_t position, struct error *e)
{
    s->start = s->end = 0;
#ifdef KITH_ZLIB
    if (s->gz) {
        if (gzseek(s->gz, (z_off_t)position, SEEK_SET) < 0)
            return error_set(e, ERROR_CORRUPT, "%s cannot be unpacked", s->path);
        return 0;
    }
#endif
    if (lseek(s->fd, (off_t)position, SEEK_SET) < 0)
        return error_set_errno(e, -errno, "cannot read %s", s->path);
    s->file_position = position;
    return 0;
}

uint64_t byte_stream_file_bytes(const struct byte_stream *s)
{
    return s->file_bytes;
}

uint64_t byte_stream_file_position(const struct byte_stream *s)
{
    return s->file_position;
}

bool byte_stream_is_packed(const struct byte_stream *s)
{
#ifdef KITH_ZLIB
    return s->gz != NULL;
#else
    return false;
#endif
}
