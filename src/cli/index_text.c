/* index_text.c -- converts index options from and to text, with one table for each. */
#include "cli/index_text.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

static const char *const codes[] = {"auto", "f32", "f16", "bf16", "sq8", "sq4", "rabitq"};
static const char *const refines[] = {"auto", "none", "f32", "f16", "bf16"};
static const char *const links[] = {"auto", "plain", "packed"};

#define BITS_MAX 8

/* The index of text in names, or -1. */
static int find(const char *const *names, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], text) == 0)
            return (int)i;
    return -1;
}

static const char *name_of(const char *const *names, size_t count, unsigned i)
{
    return i < count ? names[i] : "?";
}

bool index_code_parse(const char *text, struct kith_index *ret)
{
    const char *rabitq = codes[KITH_CODE_RABITQ];
    const size_t n = strlen(rabitq);
    int code = find(codes, ARRAY_LEN(codes), text);
    uint32_t bits = 0;
    if (code < 0 && strncmp(text, rabitq, n) == 0 && text[n] >= '1' && text[n] <= '0' + BITS_MAX && text[n + 1] == 0) {
        code = KITH_CODE_RABITQ;
        bits = (uint32_t)(text[n] - '0');
    }
    if (code < 0)
        return false;
    ret->code = (enum kith_code_kind)code;
    ret->code_bits = bits;
    return true;
}

bool index_refine_parse(const char *text, enum kith_refine *ret)
{
    int found = find(refines, ARRAY_LEN(refines), text);
    *ret = (enum kith_refine)(found < 0 ? 0 : found);
    return found >= 0;
}

bool index_links_parse(const char *text, enum kith_links *ret)
{
    int found = find(links, ARRAY_LEN(links), text);
    *ret = (enum kith_links)(found < 0 ? 0 : found);
    return found >= 0;
}

const char *index_code_text(const struct kith_index *x)
{
    static char text[16];
    const char *name = name_of(codes, ARRAY_LEN(codes), (unsigned)x->code);
    if (x->code != KITH_CODE_RABITQ || x->code_bits == 0)
        return name;
    snprintf(text, sizeof(text), "%s%u", name, x->code_bits % 10);
    return text;
}

const char *index_refine_text(const struct kith_index *x)
{
    static char text[32];
    const char *name = name_of(refines, ARRAY_LEN(refines), (unsigned)x->refine);
    if (x->refine == KITH_REFINE_NONE || x->refine_k == 0)
        return name;
    snprintf(text, sizeof(text), "%s x%g", name, (double)x->refine_k);
    return text;
}

const char *index_links_text(const struct kith_index *x)
{
    return name_of(links, ARRAY_LEN(links), (unsigned)x->links);
}

const char *index_number_text(uint32_t n)
{
    static char texts[2][16];
    static unsigned next;
    char *text = texts[next++ % ARRAY_LEN(texts)];
    if (n == 0)
        return "auto";
    snprintf(text, sizeof(texts[0]), "%u", n);
    return text;
}

const char *index_kind_text(const struct kith_index *x)
{
    return x->kind && x->kind[0] ? x->kind : "auto";
}

void index_json_add(json_t *object, const struct kith_index *x)
{
    json_object_set_new(object, "index", json_string(index_kind_text(x)));
    json_object_set_new(object, "m", json_integer(x->m));
    json_object_set_new(object, "ef_construct", json_integer(x->ef_construct));
    json_object_set_new(object, "code", json_string(index_code_text(x)));
    json_object_set_new(object, "refine", json_string(name_of(refines, ARRAY_LEN(refines), (unsigned)x->refine)));
    json_object_set_new(object, "refine_k", json_real((double)x->refine_k));
    json_object_set_new(object, "links", json_string(index_links_text(x)));
}
