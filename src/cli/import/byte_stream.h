/* byte_stream.h -- reads a file or pipe from front to back, and unpacks gzip.
 *
 * It reads blocks or lines. A build without zlib refuses a gzip file with an error that says so. */
#pragma once

#include "base/error.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stdint.h>

struct byte_stream;

/* "-" is standard input. */
int byte_stream_open(const char *path, struct byte_stream **ret, struct error *e);
void byte_stream_close(struct byte_stream *s);

/* All bytes read since the opening are kept until one of these is called. byte_stream_rewind() goes
 * back to the beginning, once, also in a pipe. byte_stream_go_on() drops them and goes on. */
void byte_stream_rewind(struct byte_stream *s);
void byte_stream_go_on(struct byte_stream *s);

/* Reads up to n bytes; *ret_read is less than n only at the end of the file. */
int byte_stream_read(struct byte_stream *s, void *bytes, size_t n, size_t *ret_read, struct error *e);

/* Reads the next line into *line, without its line break and with a 0 behind it. Returns 1, 0 at
 * the end of the file, or a negative errno; a line longer than line_bytes_max is -EINVAL. */
int byte_stream_line(struct byte_stream *s, struct buffer *line, size_t line_bytes_max, struct error *e);

/* Goes to a position in the unpacked bytes; not in a pipe. In a gzip file, going backwards reads it
 * again from the beginning. */
int byte_stream_seek(struct byte_stream *s, uint64_t position, struct error *e);

/* The size of the file on disk, and how much of it has been read, for progress and for the row
 * count of plain files. */
uint64_t byte_stream_file_bytes(const struct byte_stream *s);
uint64_t byte_stream_file_position(const struct byte_stream *s);
/* whether the number of unpacked bytes is known, as for a plain file */
bool byte_stream_size_known(const struct byte_stream *s);
