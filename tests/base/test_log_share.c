#include "base/log_share.h"

#include <criterion/criterion.h>
#include <string.h>

#define SECOND LOG_SHARE_PERIOD_NS

static unsigned said(struct log_share *s, uint64_t now_ns, unsigned lines)
{
    char more[LOG_SHARE_TEXT_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < lines; i++)
        n += log_share_take(s, now_ns, more);
    return n;
}

Test(log_share, a_burst_is_said_and_then_a_line_a_second)
{
    struct log_share s = {0};
    cr_expect_eq(said(&s, 5 * SECOND, 1000), LOG_SHARE_BURST);
    cr_expect_eq(said(&s, 6 * SECOND - 1, 1000), 0);
    cr_expect_eq(said(&s, 6 * SECOND, 1000), 1);
    cr_expect_eq(said(&s, 60 * SECOND, 1000), LOG_SHARE_BURST, "after a rest there is a whole burst again");
}

Test(log_share, the_next_line_tells_what_was_left_out)
{
    struct log_share s = {0};
    char more[LOG_SHARE_TEXT_MAX];
    cr_assert(log_share_take(&s, 0, more));
    cr_expect_str_empty(more);
    said(&s, 0, LOG_SHARE_BURST - 1 + 42);
    cr_assert(log_share_take(&s, SECOND, more));
    cr_expect_str_eq(more, " (42 such lines before it were left out)");
    cr_assert(log_share_take(&s, 90 * SECOND, more));
    cr_expect_str_empty(more, "they are told once");
}

Test(log_share, a_year_of_lines_and_the_longest_text_fit)
{
    struct log_share s = {.left_out = UINT64_MAX};
    char more[LOG_SHARE_TEXT_MAX];
    cr_assert(log_share_take(&s, 0, more));
    cr_expect_eq(more[strlen(more) - 1], ')');
}
