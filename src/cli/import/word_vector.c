/* word_vector.c -- weights chosen by hand on a dozen common misspellings. Single letters say
 * little; pairs and triples survive most misspellings; runs of four favour words that share a whole
 * part. Pairs and triples that ignore the order of letters make a swap ("ie", "ei") cheap. */
#include "cli/import/word_vector.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WORD_BYTES_MAX 256
#define GRAM_MAX       4

static const float gram_weights[GRAM_MAX + 1] = {0, 0.5f, 1.0f, 1.0f, 0.7f};
/* for n-grams that ignore the order of letters */
static const float bag_weights[GRAM_MAX + 1] = {0, 0, 0.9f, 0.9f, 0};

/* FNV-1a with the final mix of MurmurHash3, because the low bits of FNV alone are weak. */
static uint64_t hash(const char *bytes, uint32_t n, uint64_t kind)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ kind;
    for (uint32_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)bytes[i]) * UINT64_C(0x100000001b3);
    h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

static void gram_add(float *v, const char *bytes, uint32_t n, uint64_t kind, float weight)
{
    uint64_t h = hash(bytes, n, kind);
    v[h % WORD_DIM] += h >> 63 ? weight : -weight;
}

static void bag_add(float *v, const char *bytes, uint32_t n)
{
    char sorted[GRAM_MAX];
    for (uint32_t i = 0; i < n; i++) {
        uint32_t j = i;
        for (; j > 0 && sorted[j - 1] > bytes[i]; j--)
            sorted[j] = sorted[j - 1];
        sorted[j] = bytes[i];
    }
    gram_add(v, sorted, n, GRAM_MAX + n, bag_weights[n]);
}

void word_vector(const char *word, float *ret)
{
    char text[WORD_BYTES_MAX + 2];
    uint32_t n = 0;
    text[n++] = '^';
    for (; *word && n <= WORD_BYTES_MAX; word++)
        text[n++] = *word >= 'A' && *word <= 'Z' ? (char)(*word + 'a' - 'A') : *word;
    text[n++] = '$';
    memset(ret, 0, WORD_DIM * sizeof(*ret));
    for (uint32_t length = 1; length <= GRAM_MAX; length++)
        for (uint32_t i = 0; i + length <= n; i++)
            gram_add(ret, text + i, length, length, gram_weights[length]);
    for (uint32_t length = 2; length <= 3; length++)
        for (uint32_t i = 0; i + length <= n; i++)
            bag_add(ret, text + i, length);
    float sum = 0;
    for (uint32_t i = 0; i < WORD_DIM; i++)
        sum += ret[i] * ret[i];
    float scale = sum > 0 ? 1 / sqrtf(sum) : 0;
    for (uint32_t i = 0; i < WORD_DIM; i++)
        ret[i] *= scale;
}

uint64_t random_next(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

/* Offsets of the characters; the last one is the end of the word. */
static uint32_t characters(const char *word, uint16_t *ret)
{
    uint32_t count = 0, i = 0;
    for (; word[i] && i < WORD_BYTES_MAX; i++)
        if (((uint8_t)word[i] & 0xc0) != 0x80)
            ret[count++] = (uint16_t)i;
    ret[count] = (uint16_t)i;
    return count;
}

void word_misspell(const char *word, uint64_t *random_state, char *ret, uint32_t size)
{
    uint16_t at[WORD_BYTES_MAX + 1];
    uint32_t n = characters(word, at);
    uint64_t random = random_next(random_state) >> 16; /* the high bits are more random */
    uint32_t how = n > 1 ? random % 3 : 2;
    if (n == 0) {
        snprintf(ret, size, "%s", word);
        return;
    }
    uint32_t i = (uint32_t)(random / 3 % (how == 1 ? n - 1 : n));
    int before = at[i], one = at[i + 1] - at[i];
    if (how == 0) { /* drop */
        snprintf(ret, size, "%.*s%s", before, word, word + at[i + 1]);
    } else if (how == 1) { /* swap with the next */
        int two = at[i + 2] - at[i + 1];
        snprintf(ret, size, "%.*s%.*s%.*s%s", before, word, two, word + at[i + 1], one, word + at[i], word + at[i + 2]);
    } else { /* double */
        snprintf(ret, size, "%.*s%.*s%s", before, word, one, word + at[i], word + at[i]);
    }
}
