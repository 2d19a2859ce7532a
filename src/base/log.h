/* log.h -- the server's log lines.
 *
 * One line states one fact for an operator: what happened, to what, and what to do. Lines go to a
 * sink that main() installs (stderr by default). So this folder neither reads the clock nor opens
 * files. */
#pragma once

#include "base/check.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

typedef void (*log_sink_fn)(enum log_level level, const char *line, void *arg);

void log_set_sink(log_sink_fn sink, void *arg); /* NULL: standard error, as at the start */
/* lines below this level are dropped; LOG_INFO at the start */
void log_set_level(enum log_level level);
void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
