/* byte_stream.h -- a file or pipe read from front to back, unpacked on the way when it is gzip.
 *
 * Reads whole blocks or lines. Without zlib at build time a gzip file is refused with a
 * sentence that says so. */
#pragma once

#include "base/error.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stdint.h>

struct byte_stream;

/* "-" is standard input. */
int byte_stream_open(const char *path, struct byte_stream **ret, struct error *e);
void byte_stream_close(struct byte_stream *s);

/* What was read since the opening is kept until one of these is called: back to the beginning,
 * once, which a pipe can do, too; or on from here. */
void byte_stream_rewind(struct byte_stream *s);
void byte_stream_go_on(struct byte_stream *s);

/* Reads up to n bytes; *ret_read is less than n only at the end of the file. */
int byte_stream_read(struct byte_stream *s, void *bytes, size_t n, size_t *ret_read, struct error *e);

/* Puts the next line, without its line break and with a 0 behind it, into *line (replacing what
 * is there). Returns 1, 0 at the end of the file, or a negative errno; a line beyond
 * line_bytes_max is -EINVAL. */
int byte_stream_line(struct byte_stream *s, struct buffer *line, size_t line_bytes_max, struct error *e);

/* Goes to a position in the unpacked bytes; a pipe cannot. Backwards in a gzip file
 * means reading it again. */
int byte_stream_seek(struct byte_stream *s, uint64_t position, struct error *e);

/* Size of the file on disk, and how much of that has been read: for progress, and for the row
 * count of plain files. */
uint64_t byte_stream_file_bytes(const struct byte_stream *s);
uint64_t byte_stream_file_position(const struct byte_stream *s);
/* of the unpacked bytes, that is: a plain file */
bool byte_stream_size_known(const struct byte_stream *s);
