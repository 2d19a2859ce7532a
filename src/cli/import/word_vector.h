/* word_vector.h -- turns a word into a vector, so that words with similar spellings lie near each
 * other.
 *
 * Character n-grams of 1 to 4 letters, with marks at both ends of the word, are hashed to a
 * dimension and a sign ("feature hashing", Weinberger et al., ICML 2009; character n-grams as in
 * fastText, Bojanowski et al., TACL 2017). */
#pragma once

#include <stdint.h>

#define WORD_DIM 256

/* A vector of length 1. ASCII letters count as lower case. An empty word gives the vector of its
 * two marks. */
void word_vector(const char *word, float *ret);

/* xorshift64* (Marsaglia 2003; Vigna 2016): the same sequence for the same seed on all machines.
 * The state must not be 0. */
uint64_t random_next(uint64_t *state);

/* Drops, swaps or doubles a letter of word into ret[size]. UTF-8 characters stay whole. A word of
 * one letter gets it doubled. */
void word_misspell(const char *word, uint64_t *random_state, char *ret, uint32_t size);
