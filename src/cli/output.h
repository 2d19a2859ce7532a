/* output.h -- output for people: tables, readable numbers, progress bars. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_COLUMNS_MAX 16

/* A table is collected first and printed when its widths are known. All zeros is empty.
 *
 * On a terminal, or if COLUMNS is set, a table that is too wide is printed in blocks of as many
 * columns as fit. Each block begins with the first column; nothing is cut off. In a pipe, a row is
 * always one line. */
struct table {
    size_t columns;
    bool right[TABLE_COLUMNS_MAX]; /* numbers are aligned to the right */
    char **cells;
    size_t count, capacity;
};

/* headings "name|>points": '>' aligns the column to the right. NULL: no heading line. */
void table_init(struct table *t, const char *headings, size_t columns);
void table_cell(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_bytes(struct table *t, const char *text, size_t size); /* a cell of any bytes */
void table_print(struct table *t);                                /* to stdout; frees the table */

/* Characters in a line of standard output; 0: unknown. */
size_t screen_columns(void);
/* Prints the text in lines of at most screen_columns() (80 if unknown), indented by `indent`
 * spaces. */
void text_print(const char *text, size_t indent);

/* A safe text for a terminal: control characters and bytes that are not UTF-8 are written like
 * "\\x1b". The caller frees it. */
char *visible_text(const char *text, size_t size);
/* Prints a sentence and a line break on stderr, with control characters made visible. */
void sentence_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sentence_vprint(const char *before, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* "1 234 567" and "1.2 GiB"; the text is valid for the next seven calls. */
const char *number_text(uint64_t n);
const char *bytes_text(uint64_t n);

/* Progress on stderr: a bar on a terminal, else a line every few seconds. */
struct progress {
    const char *what; /* "rows" */
    uint64_t total;   /* 0: unknown; then `fraction` counts */
    double started, shown;
    bool tty, any;
};
void progress_begin(struct progress *p, const char *what, uint64_t total);
/* may be called at any rate */
void progress_show(struct progress *p, uint64_t done, double fraction);
/* clears the line of the bar */
void progress_end(struct progress *p, uint64_t done);

double clock_seconds(void); /* monotonic */
