/* output.c -- collects a table before printing it, because a column is as wide as its widest
 * cell. */
#include "cli/output.h"

#include "base/check.h"
#include "base/text/json_scan.h"
#include "base/text/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define RING_TEXTS   8
#define BAR_WIDTH    30
#define BAR_EVERY_S  0.1
#define LINE_EVERY_S 5.0
#define RATE_AFTER_S 0.2 /* a rate over a shorter time is noise */

double clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static char *ring_text(void)
{
    static char texts[RING_TEXTS][32];
    static unsigned next;
    return texts[next++ % RING_TEXTS];
}

const char *number_text(uint64_t n)
{
    char digits[32], *text = ring_text(), *to = text;
    int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *to++ = ' ';
        *to++ = digits[i];
    }
    *to = 0;
    return text;
}

const char *bytes_text(uint64_t n)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    char *text = ring_text();
    double value = (double)n;
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < ARRAY_LEN(units); unit++)
        value /= 1024;
    snprintf(text, 32, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text;
}

/* C0 and C1 control characters (ECMA-48), which would control the terminal. */
static bool is_control(const char *text, size_t n)
{
    unsigned char c = (unsigned char)text[0];
    return n == 0 || c < 0x20 || c == 0x7f || (n == 2 && c == 0xc2 && (unsigned char)text[1] < 0xa0);
}

char *visible_text(const char *text, size_t size)
{
    char *shown = malloc(size * 4 + 1), *to = shown;
    check(shown != NULL);
    for (size_t at = 0, n; at < size; at += n) {
        n = utf8_character(text + at, size - at);
        bool hide = is_control(text + at, n);
        n = n ? n : 1;
        for (size_t i = 0; i < n; i++) {
            if (hide)
                to += sprintf(to, "\\x%02x", (unsigned char)text[at + i]);
            else
                *to++ = text[at + i];
        }
    }
    *to = 0;
    return shown;
}

void sentence_vprint(const char *before, const char *format, va_list args)
{
    char *text = NULL;
    check(vasprintf(&text, format, args) >= 0);
    char *shown = visible_text(text, strlen(text));
    fprintf(stderr, "%s%s\n", before, shown);
    free(shown);
    free(text);
}

void sentence_print(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sentence_vprint("", format, args);
    va_end(args);
}

/* -- tables -- */

static void cell_add(struct table *t, char *text)
{
    if (t->count == t->capacity) {
        t->capacity = t->capacity ? t->capacity * 2 : 64;
        t->cells = realloc(t->cells, t->capacity * sizeof(*t->cells));
        check(t->cells != NULL);
    }
    t->cells[t->count++] = text;
}

void table_init(struct table *t, const char *headings, size_t columns)
{
    *t = (struct table){.columns = columns};
    for (const char *at = headings; at && *at;) {
        size_t n = strcspn(at, "|");
        bool right = *at == '>';
        t->right[t->count % columns] = right;
        cell_add(t, strndup(at + right, n - right));
        at += n + (at[n] == '|');
    }
}

void table_cell(struct table *t, const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    check(vasprintf(&text, format, args) >= 0);
    va_end(args);
    table_bytes(t, text, strlen(text));
    free(text);
}

void table_bytes(struct table *t, const char *text, size_t size)
{
    cell_add(t, visible_text(text, size));
}

/* Columns on the screen: bytes that continue a UTF-8 character take none. */
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

size_t screen_columns(void)
{
    struct winsize w;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
        return w.ws_col;
    const char *set = getenv("COLUMNS");
    const long n = set ? atol(set) : 0;
    return n > 0 ? (size_t)n : 0;
}

static size_t word_bytes(const char *text)
{
    return strcspn(text, " ");
}

void text_print(const char *text, size_t indent)
{
    const size_t columns = screen_columns(), line = columns ? columns : 80, room = line > indent ? line - indent : 1;
    while (*text) {
        size_t n = word_bytes(text);
        for (size_t more; text[n]; n = more) {
            more = n + 1 + word_bytes(text + n + 1);
            if (more > room)
                break;
        }
        printf("%*s%.*s\n", (int)indent, "", (int)n, text);
        text += n + (text[n] == ' ');
    }
}

static void cell_print(const struct table *t, const char *text, size_t column, size_t width, bool last)
{
    int space = (int)(width - width_of(text));
    if (t->right[column])
        printf("%*s%s", space, "", text);
    else
        printf("%s%*s", text, last ? 0 : space, "");
    fputs(last ? "\n" : "  ", stdout);
}

/* The end of the columns from `from` on that fit into a line after the first column; at least
 * one. */
static size_t block_end(const struct table *t, const size_t *widths, size_t from, size_t line)
{
    size_t used = from > 0 ? widths[0] : 0, to = from;
    while (to < t->columns && (to == from || line == 0 || used + 2 * (to > 0) + widths[to] <= line)) {
        used += 2 * (to > 0) + widths[to];
        to++;
    }
    return to;
}

static void block_print(const struct table *t, const size_t *widths, size_t from, size_t to)
{
    for (size_t row = 0; row < t->count; row += t->columns) {
        if (from > 0)
            cell_print(t, t->cells[row], 0, widths[0], false);
        for (size_t column = from; column < to; column++)
            cell_print(t, t->cells[row + column], column, widths[column], column + 1 == to);
    }
}

void table_print(struct table *t)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < t->count; i++) {
        size_t w = width_of(t->cells[i]);
        if (w > widths[i % t->columns])
            widths[i % t->columns] = w;
    }
    const size_t line = screen_columns();
    for (size_t from = 0, to; from < t->columns; from = to) {
        to = block_end(t, widths, from, line);
        if (from > 0)
            putchar('\n');
        block_print(t, widths, from, to);
    }
    for (size_t i = 0; i < t->count; i++)
        free(t->cells[i]);
    free(t->cells);
    *t = (struct table){0};
}

/* -- progress -- */

void progress_begin(struct progress *p, const char *what, uint64_t total)
{
    *p = (struct progress){.what = what, .total = total, .started = clock_seconds(), .tty = isatty(STDERR_FILENO)};
    p->shown = p->started;
}

static void eta_text(double seconds, char *text, size_t size)
{
    unsigned s = seconds < 1e6 ? (unsigned)(seconds + 0.5) : 999999;
    if (s < 60)
        snprintf(text, size, "%u s", s);
    else if (s < 3600)
        snprintf(text, size, "%u min %02u s", s / 60, s % 60);
    else
        snprintf(text, size, "%u h %02u min", s / 3600, s / 60 % 60);
}

static void progress_print(struct progress *p, uint64_t done, double fraction, double now)
{
    double elapsed = now - p->started;
    double rate = elapsed > RATE_AFTER_S ? (double)done / elapsed : 0;
    char eta[32] = "";
    if (fraction > 0 && elapsed > RATE_AFTER_S)
        eta_text(elapsed * (1 - fraction) / fraction, eta, sizeof(eta));
    if (p->tty) {
        int filled = (int)(fraction * BAR_WIDTH + 0.5);
        fprintf(stderr, "\r[%.*s%*s] %3d%%  %s %s  %s/s  ETA %s\x1b[K", filled, "##############################",
                BAR_WIDTH - filled, "", (int)(fraction * 100), number_text(done), p->what, number_text((uint64_t)rate),
                eta[0] ? eta : "...");
    } else {
        fprintf(stderr, "%s %s (%d%%), %s/s%s%s\n", number_text(done), p->what, (int)(fraction * 100),
                number_text((uint64_t)rate), eta[0] ? ", ETA " : "", eta);
    }
    p->shown = now;
    p->any = true;
}

void progress_show(struct progress *p, uint64_t done, double fraction)
{
    double now = clock_seconds();
    if (now - p->shown < (p->tty ? BAR_EVERY_S : LINE_EVERY_S))
        return;
    if (p->total > 0)
        fraction = (double)done / (double)p->total;
    progress_print(p, done, fraction > 1 ? 1 : fraction, now);
}

void progress_end(struct progress *p, uint64_t done)
{
    if (p->tty && p->any)
        progress_print(p, done, 1, clock_seconds());
    if (p->tty && p->any)
        fputc('\n', stderr);
}
