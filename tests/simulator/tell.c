/* tell.c -- prints the trace for people, and keeps the failure. Printing must not change what
 * happens, so it reads no clock. */
#include "play.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u; /* splitmix64, Steele, Lea & Flood 2014 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void fail(struct world *w, const char *who, const char *format, ...)
{
    char *text = w->result->failure;
    size_t size = sizeof(w->result->failure);
    if (text[0])
        return;
    int n = snprintf(text, size, "round %" PRIu64 ", %s: ", w->result->rounds, who);
    va_list args;
    va_start(args, format);
    vsnprintf(text + n, size - (size_t)n, format, args);
    va_end(args);
    if (w->trace)
        printf("FAILED %s\n", text);
}

void tell(struct world *w, const char *who, const char *format, ...)
{
    if (!w->trace)
        return;
    printf("%10" PRIu64 "  %-12s ", sim_trace_events(w->sim), who);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

const char *outcome(const struct player *p, int rc)
{
    static char text[500];
    if (rc == 0)
        return "done";
    if (rc <= -1000)
        snprintf(text, sizeof(text), "refused, %s: %s", error_code_name((enum error_code)(-1000 - rc)),
                 p->client.error);
    else
        snprintf(text, sizeof(text), "no answer: %s", strerror(-rc));
    return text;
}
