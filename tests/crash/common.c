#include "common.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

uint64_t random_state = 1;
static char failure_text[1024];

uint64_t random_next(void)
{
    random_state += 0x9e3779b97f4a7c15u; /* splitmix64, Steele et al. 2014 */
    uint64_t z = random_state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void pause_us(uint64_t us)
{
    struct timespec t = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
    nanosleep(&t, NULL);
}

int failed(const char *format, ...)
{
    if (failure_text[0])
        return -1;
    va_list args;
    va_start(args, format);
    vsnprintf(failure_text, sizeof(failure_text), format, args);
    va_end(args);
    return -1;
}

const char *failure(void)
{
    return failure_text;
}

void failure_forget(void)
{
    failure_text[0] = 0;
}

const char *folder_make(void)
{
    static char dir[256];
    const char *parent = getenv("TMPDIR");
    snprintf(dir, sizeof(dir), "%s/kith-crash-XXXXXX", parent && *parent ? parent : "/tmp");
    return mkdtemp(dir);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

void folder_remove(const char *dir)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
