/* log_share.h -- a bound on the log lines that clients can cause: of one kind of line some in a
 * burst, then one a second. What is left out is counted, and the next line says how many that
 * were. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LOG_SHARE_BURST     10
#define LOG_SHARE_PERIOD_NS ((uint64_t)1000000000)
#define LOG_SHARE_TEXT_MAX  64

/* Of one kind of line. All zeros: nothing was said yet. */
struct log_share {
    uint64_t full_ns;  /* when the whole burst may be said again */
    uint64_t left_out; /* lines since the last one that was said */
};

/* Whether a line may be said now. If so, ret_more is what to add to it: "" or " (17 such lines
 * before it were left out)". */
bool log_share_take(struct log_share *s, uint64_t now_ns, char ret_more[static LOG_SHARE_TEXT_MAX]);
