/* output.h -- what people see: tables that line up, numbers they can read, a bar that moves. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_COLUMNS_MAX 16

/* A table is gathered first and printed when the widths are known. Zero-initialised is empty.
 *
 * On a terminal, or where COLUMNS is set, one that is too wide is printed in blocks of as
 * many columns as fit, each beginning with the first column; nothing is cut off. In a pipe a
 * row is always one line. */
struct table {
    size_t columns;
    bool right[TABLE_COLUMNS_MAX]; /* numbers stand at the right */
    char **cells;
    size_t count, capacity;
};

/* headings "name|>points": a '>' puts the column to the right. NULL: no heading line. */
void table_init(struct table *t, const char *headings, size_t columns);
void table_cell(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_bytes(struct table *t, const char *text, size_t size); /* a cell of any bytes */
void table_print(struct table *t);                                /* to stdout; frees it */

/* Characters in a line of standard output; 0: no bound is known. */
size_t screen_columns(void);
/* Prints the text in lines of at most screen_columns() (80 where that is not known), each
 * behind so many spaces. */
void text_print(const char *text, size_t indent);

/* Text that a terminal only shows: control characters, and bytes that are not UTF-8, are written
 * "\\x1b". The caller frees it. */
char *visible_text(const char *text, size_t size);
/* A sentence on stderr, its control characters only shown, and a line break. */
void sentence_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sentence_vprint(const char *before, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* "1 234 567" and "1.2 GiB"; text from a small ring of buffers that lives for the next seven
 * calls. */
const char *number_text(uint64_t n);
const char *bytes_text(uint64_t n);

/* Progress on stderr: a bar on a terminal, else a line every few seconds. */
struct progress {
    const char *what; /* "rows" */
    uint64_t total;   /* 0: not known; then fraction is used */
    double started, shown;
    bool tty, any;
};
void progress_begin(struct progress *p, const char *what, uint64_t total);
void progress_show(struct progress *p, uint64_t done, double fraction); /* as often as you like */
/* leaves an empty line behind the bar */
void progress_end(struct progress *p, uint64_t done);

double clock_seconds(void); /* monotonic */
