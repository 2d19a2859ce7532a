/* byte_stream.c -- a buffer in front of both read() and zlib, because lines need one and both kinds
 * of file then share the code. Large reads bypass it. Bytes that are read before the format is
 * known are kept, so that a pipe can be rewound, too. */
#include "cli/import/byte_stream.h"

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
#define KEPT_BYTES_MAX      (256u << 20)

struct byte_stream {
    int fd;
    char *path;
    bool regular; /* a file with a size and positions; not a pipe */
    uint64_t file_bytes, file_position;
    /* the bytes read while `keeping`; after a rewind they are read again, from kept_at on */
    struct buffer kept;
    size_t kept_at;
    bool keeping;
#ifdef KITH_ZLIB
    gzFile gz; /* owns a descriptor of its own; NULL: not gzip */
#endif
    size_t start, end; /* range of unread bytes in `buffer` */
    char buffer[STREAM_BUFFER_BYTES];
};

/* Whether the file is or may be gzip. A pipe's first bytes can be read only once, so zlib checks
 * them and passes other data through. */
static bool may_be_gzip(const struct byte_stream *s)
{
    uint8_t magic[2];
#ifdef KITH_ZLIB
    if (!s->regular)
        return true;
#endif
    return pread(s->fd, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b; /* RFC 1952 */
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
    bool standard_input = strcmp(path, "-") == 0;
    s->fd = -1;
    s->keeping = true;
    s->path = strdup(standard_input ? "standard input" : path);
    int rc = s->path ? 0 : error_set(e, ERROR_RESOURCE_EXHAUSTED, "no memory to read %s", path);
    if (rc == 0) {
        s->fd = standard_input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC);
        if (s->fd < 0)
            rc = error_set_errno(e, -errno, "cannot open %s", s->path);
    }
    struct stat st;
    if (rc == 0 && fstat(s->fd, &st) < 0)
        rc = error_set_errno(e, -errno, "cannot read %s", s->path);
    if (rc == 0 && S_ISDIR(st.st_mode))
        rc = error_set(e, ERROR_INVALID_ARGUMENT, "%s is a directory", s->path);
    if (rc == 0) {
        /* standard input may be positioned in the middle of a file */
        s->regular = S_ISREG(st.st_mode) && lseek(s->fd, 0, SEEK_CUR) == 0;
        s->file_bytes = s->regular ? (uint64_t)st.st_size : 0;
        if (may_be_gzip(s))
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
    buffer_fini(&s->kept);
    free(s->path);
    free(s);
}

#ifdef KITH_ZLIB
/* The message of zlib without "<fd:5>: " at its beginning. */
static const char *reason(const char *text)
{
    const char *colon = text[0] == '<' ? strstr(text, ">: ") : NULL;
    return colon ? colon + 3 : text;
}

static ssize_t unpack(struct byte_stream *s, void *bytes, size_t n, struct error *e)
{
    unsigned ask = n < (1u << 30) ? (unsigned)n : 1u << 30;
    int got = gzread(s->gz, bytes, ask);
    int status = Z_OK;
    const char *text = gzerror(s->gz, &status);
    /* Z_BUF_ERROR: the file ends in the middle of compressed data */
    if (got < 0 || status == Z_BUF_ERROR)
        return error_set(e, ERROR_CORRUPT, "%s cannot be unpacked: %s", s->path, reason(text));
    z_off_t at = gzoffset(s->gz);
    s->file_position = at < 0 ? 0 : (uint64_t)at;
    return got;
}
#endif

/* Reads from the file, not from the buffer. */
static ssize_t fetch(struct byte_stream *s, void *bytes, size_t n, struct error *e)
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

void byte_stream_go_on(struct byte_stream *s)
{
    s->keeping = false;
    buffer_fini(&s->kept);
    s->kept_at = 0;
}

static ssize_t fill(struct byte_stream *s, void *bytes, size_t n, struct error *e)
{
    if (!s->keeping && s->kept_at < s->kept.size) {
        n = s->kept.size - s->kept_at < n ? s->kept.size - s->kept_at : n;
        memcpy(bytes, s->kept.bytes + s->kept_at, n);
        s->kept_at += n;
        if (s->kept_at == s->kept.size)
            byte_stream_go_on(s);
        return (ssize_t)n;
    }
    ssize_t got = fetch(s, bytes, n, e);
    if (got <= 0 || !s->keeping)
        return got;
    if (s->kept.size + (size_t)got > KEPT_BYTES_MAX)
        return error_set(e, ERROR_INVALID_ARGUMENT, "%s has no row in its first %u MiB", s->path, KEPT_BYTES_MAX >> 20);
    if (buffer_append(&s->kept, bytes, (size_t)got) < 0)
        return error_set(e, ERROR_RESOURCE_EXHAUSTED, "no memory to read %s", s->path);
    return got;
}

void byte_stream_rewind(struct byte_stream *s)
{
    s->start = s->end = 0;
    s->keeping = false;
    s->kept_at = 0;
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
    if (!s->regular)
        return error_set(e, ERROR_INVALID_ARGUMENT, "%s can be read only once, from its beginning", s->path);
    s->start = s->end = 0;
    byte_stream_go_on(s);
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

bool byte_stream_size_known(const struct byte_stream *s)
{
#ifdef KITH_ZLIB
    return s->regular && !s->gz;
#else
    return s->regular;
#endif
}
