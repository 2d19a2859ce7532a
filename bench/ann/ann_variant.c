/* ann_variant.c -- parses names like kith:sq4+f16+packed+m24. The first of the words f32, f16, bf16
 * is the code if no code precedes it; behind a code it is the refine kind. */
#include "ann/ann.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool word_is(const char *word, size_t length, const char *wanted)
{
    return strlen(wanted) == length && strncmp(word, wanted, length) == 0;
}

/* Parses m24, efc300, rabitq4: letters, then a number from 1 to most. */
static bool word_number(const char *word, size_t length, const char *letters, uint32_t most, uint32_t *ret)
{
    size_t skip = strlen(letters);
    if (length <= skip || strncmp(word, letters, skip) != 0 || word[skip] < '1' || word[skip] > '9')
        return false;
    char *end;
    unsigned long value = strtoul(word + skip, &end, 10);
    if (end != word + length || value > most)
        return false;
    *ret = (uint32_t)value;
    return true;
}

static bool take_number_type(const char *word, size_t length, bool first, struct peer_variant *v)
{
    static const char *const names[] = {"f32", "f16", "bf16"};
    for (int i = 0; i < 3; i++)
        if (word_is(word, length, names[i])) {
            if (first)
                v->code = (enum peer_code)(PEER_CODE_F32 + i);
            else
                v->refine = (enum peer_refine)(PEER_REFINE_F32 + i);
            return true;
        }
    return false;
}

static bool take_word(const char *word, size_t length, bool first, struct peer_variant *v)
{
    if (take_number_type(word, length, first, v))
        return true;
    if (word_number(word, length, "rabitq", 8, &v->code_bits))
        v->code = PEER_CODE_RABITQ;
    else if (word_is(word, length, "sq8"))
        v->code = PEER_CODE_SQ8;
    else if (word_is(word, length, "sq4"))
        v->code = PEER_CODE_SQ4;
    else if (word_is(word, length, "none"))
        v->refine = PEER_REFINE_NONE;
    else if (word_is(word, length, "packed"))
        v->links = PEER_LINKS_PACKED;
    else if (word_is(word, length, "plain"))
        v->links = PEER_LINKS_PLAIN;
    else if (word_is(word, length, "mapped"))
        v->mapped = true;
    else if (word_is(word, length, "whole"))
        v->whole = true;
    else
        return (first && word_is(word, length, "auto")) || word_number(word, length, "m", 256, &v->m) ||
               word_number(word, length, "efc", 65535, &v->ef_construct);
    return true;
}

int ann_variant_read(const char *text, struct peer_variant *ret)
{
    *ret = (struct peer_variant){0};
    for (const char *word = text; *word;) {
        size_t length = strcspn(word, "+");
        if (!take_word(word, length, word == text, ret)) {
            fprintf(stderr,
                    "ann: %.*s in %s: not among auto, f32, f16, bf16, sq8, sq4, rabitq1 to rabitq8, none, packed, "
                    "plain, mapped, whole, mN, efcN\n",
                    (int)length, word, text);
            return -1;
        }
        word += length + (word[length] == '+');
    }
    return 0;
}
