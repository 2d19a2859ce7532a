/* paged.h -- an index kind for tests, whose vectors lie in pages of the segment's file and are read
 * by fetch() in every search.
 *
 * It is what a kind on a disk needs of everything else, and nothing more: a program adds it with
 * index_kind_add(), and then collections may name it ("paged"). It compares a query with all
 * allowed rows, so its answers are exact. */
#pragma once

#include "index/kind.h"

#define PAGED_ID 60000

extern const struct index_kind index_paged;

/* What searches of it did so far, in all indexes of the process. */
struct paged_counts {
    uint64_t pages;   /* read and believed */
    uint64_t failed;  /* fetches that failed */
    uint64_t damaged; /* pages whose checksum was wrong */
};
extern struct paged_counts paged_counts;
