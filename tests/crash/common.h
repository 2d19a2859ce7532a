/* common.h -- what the programs of this folder share: seeded random numbers, a clock, the reason of
 * a failure, and a temporary folder. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

extern uint64_t random_state; /* set it to the seed before the first use */
uint64_t random_next(void);
static inline uint64_t random_below(uint64_t n)
{
    return random_next() % n;
}

uint64_t now_us(void);
void pause_us(uint64_t us);

/* the longest that anything may take, also on a busy machine */
#define PATIENCE_US ((uint64_t)120000000)

/* Keeps the reason of a failure, and returns -1. Only the first reason is kept, because later ones
 * follow from it. */
int failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *failure(void); /* "": no failure */
void failure_forget(void);

/* Makes a new folder under $TMPDIR or /tmp. Returns its path, without a slash at the end, in static
 * memory. NULL: it cannot be made. */
const char *folder_make(void);
void folder_remove(const char *dir);
