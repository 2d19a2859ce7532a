/* log_share.h -- limits the log lines that clients can cause. Of each kind of line, LOG_SHARE_BURST
 * may follow each other at once, then one a second. The next line tells how many were left out. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LOG_SHARE_BURST     10
#define LOG_SHARE_PERIOD_NS ((uint64_t)1000000000)
#define LOG_SHARE_TEXT_MAX  64

/* State for one kind of line. All zeros: no line so far. */
struct log_share {
    uint64_t full_ns;  /* time from which a whole burst is allowed again */
    uint64_t left_out; /* lines left out since the last line */
};

/* Whether a line may be logged now. If so, the caller appends ret_more to it: "" or " (17 such
 * lines before it were left out)". */
bool log_share_take(struct log_share *s, uint64_t now_ns, char ret_more[static LOG_SHARE_TEXT_MAX]);
