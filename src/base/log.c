/* log.c -- formats a line on the stack and hands it whole to the sink, so that lines of several
 * threads do not mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static void sink_stderr(enum log_level level, const char *line, void *arg)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    fprintf(stderr, "%-5s %s\n", names[level], line);
}

/* Set by main() before the reactors start; later only read. */
static log_sink_fn sink = sink_stderr;
static void *sink_arg;
static enum log_level level_min = LOG_INFO;

void log_set_sink(log_sink_fn fn, void *arg)
{
    sink = fn ? fn : sink_stderr;
    sink_arg = arg;
}

void log_set_level(enum log_level level)
{
    level_min = level;
}

void log_line(enum log_level level, const char *format, ...)
{
    if (level < level_min)
        return;
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    sink(level, line, sink_arg);
}
