/* common.h -- what the programs of this folder share: a seeded random number, a clock, the reason
 * of a failure, a folder of their own. */
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

/* how long anything may take before it counts as never, on a machine that is busy */
#define PATIENCE_US ((uint64_t)120000000)

/* Keeps the reason, and returns -1. The first one stays: later ones follow from it. */
int failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *failure(void); /* "" when nothing failed */
void failure_forget(void);

/* A fresh folder under $TMPDIR or /tmp, without a slash at the end; the caller frees nothing.
 * NULL: cannot be made. */
const char *folder_make(void);
void folder_remove(const char *dir);
