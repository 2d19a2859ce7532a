/* log_share.c -- a rate limit: each line moves a point in time ahead by LOG_SHARE_PERIOD_NS. A line
 * that would move it beyond the burst is left out and counted. */
#include "base/log_share.h"

#include <inttypes.h>
#include <stdio.h>

bool log_share_take(struct log_share *s, uint64_t now_ns, char ret_more[static LOG_SHARE_TEXT_MAX])
{
    const uint64_t from = s->full_ns > now_ns ? s->full_ns : now_ns;
    ret_more[0] = 0;
    if (from + LOG_SHARE_PERIOD_NS > now_ns + LOG_SHARE_BURST * LOG_SHARE_PERIOD_NS) {
        s->left_out++;
        return false;
    }
    if (s->left_out)
        snprintf(ret_more, LOG_SHARE_TEXT_MAX, " (%" PRIu64 " such lines before it were left out)", s->left_out);
    s->full_ns = from + LOG_SHARE_PERIOD_NS;
    s->left_out = 0;
    return true;
}
