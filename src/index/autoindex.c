/* autoindex.c -- one small function for each choice, with its rule and the source of the rule.
 *
 * The choices are those that were fastest in bench/ann at recall .95 to .99 without more memory
 * than other databases take. */
#include "index/autoindex.h"
#include "index/kind.h"
#include "vectors/codes/codes.h"
#include "vek.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE 64

/* From 256 dimensions on, 4 bits were as fast as 8 or faster at every recall (bench/ann: 1280,
 * 784 and 768 dimensions). Below (100 dimensions) they were slower: with few dimensions the
 * errors do not even out, so more candidates are needed, and short rows save little memory
 * traffic. The same bound chooses f16 or f32 for scoring again. Long rows take half the traffic
 * as f16. For short rows, f32 in the mapped file costs no time and no memory of its own. It also
 * tells nearly equal distances apart; for word vectors at recall .99 that halved the candidates. */
#define SQ4_DIM_MIN 256
/* Rows of fewer dimensions hardly shrink with coarser codes, because their links take more.
 * Also, codes of 1 or 2 bits say nothing about one of a few dimensions that varies little. */
#define COARSE_DIM_MIN 17
/* Above this, the longest rows set the ranges of each dimension, and short rows fall
 * into a few of its steps. */
#define SPREAD_MAX 0.5f
#define LENGTHS    1024 /* rows whose lengths are sampled */

/* -- names -- */

const char *index_links_name(enum links_kind kind)
{
    static const char *const names[] = {"auto", "plain", "packed"};
    return (unsigned)kind < ARRAY_LEN(names) ? names[kind] : "?";
}

void index_why_add(struct index_why *why, const char *format, ...)
{
    size_t n = strlen(why->text);
    va_list args;
    va_start(args, format);
    if (n > 0 && n + 2 < sizeof(why->text)) {
        memcpy(why->text + n, ", ", 3);
        n += 2;
    }
    vsnprintf(why->text + n, sizeof(why->text) - n, format, args);
    va_end(args);
}

/* -- facts -- */

static bool row_is_whole(const float *v, uint32_t dim)
{
    for (uint32_t i = 0; i < dim; i++)
        if (!(v[i] >= 0 && v[i] <= 255) || v[i] != (float)(int)v[i])
            return false;
    return true;
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* Estimates the deviation of the lengths from the 10 % and 90 % quantiles, which are 2.56
 * deviations apart in a normal distribution. A few rows of another length do not move quantiles. */
static float spread_of(float *length, uint32_t n)
{
    if (n == 0)
        return 0;
    qsort(length, n, sizeof(*length), ascending);
    const float median = length[n / 2], between = length[n - 1 - n / 10] - length[n / 10];
    return median > 0 ? between / (2.56f * median) : 0;
}

int index_facts_read(struct index_facts *f, const struct rows *vectors, const struct pause *pause)
{
    float length[LENGTHS];
    const uint32_t step = f->rows / LENGTHS + 1;
    uint32_t lengths = 0;
    f->whole = f->rows > 0;
    for (uint32_t row = 0; row < f->rows; row++) {
        const float *v = rows_at(vectors, row);
        const bool measured = row % step == 0;
        if (!measured && !f->whole)
            continue;
        if (measured)
            length[lengths++] = sqrtf(vek.ip_f32(v, v, f->dim));
        f->whole = f->whole && row_is_whole(v, f->dim);
        int rc = pause_here(pause);
        if (rc != 0)
            return rc;
    }
    f->norm_spread = spread_of(length, lengths);
    return 0;
}

/* -- memory -- */

uint32_t index_row_bytes(const struct index_options *o, enum metric metric, uint32_t dim)
{
    const struct index_kind *kind = index_kind_of(o->kind);
    if (!(kind->features & INDEX_CODES))
        return kind->row_bytes(o);
    const struct code_type refine = {refine_code(o->refine), 0};
    return code_row_bytes(index_code_type(o), metric, dim) +
           (index_refine_is_held(o->refine) ? code_row_bytes(refine, metric, dim) : 0) + kind->row_bytes(o);
}

/* Of a code that was given. */
static bool bits_are_open(const struct index_options *o)
{
    return o->code != CODE_AUTO && o->code_bits == 0 && code_ops_of(o->code)->bits_max > 0;
}

uint32_t index_row_bytes_max(const struct index_options *o, enum metric metric, uint32_t dim)
{
    struct index_options most = *o;
    if (most.code == CODE_AUTO)
        most.code = CODE_SQ8; /* CODE_F32 is chosen only where a row is as short */
    if (bits_are_open(&most))
        most.code_bits = code_ops_of(most.code)->bits_max;
    if (most.refine == REFINE_AUTO && dim >= SQ4_DIM_MIN)
        most.refine = REFINE_F16;
    if (most.links == LINKS_AUTO)
        most.links = LINKS_PLAIN;
    return index_row_bytes(&most, metric, dim);
}

/* -- the data: the code -- */

/* A code must not be scored again by something coarser, so CODE_F32 is chosen only when
 * `refine` is open or none. */
static const char *choose_code(struct index_options *o, const struct index_facts *f)
{
    if (bits_are_open(o)) {
        o->code_bits = code_ops_of(o->code)->bits_default;
        return "given, bits open";
    }
    if (o->code != CODE_AUTO)
        return "given";
    if (rows_stride((size_t)f->dim * sizeof(float)) == CACHE_LINE && o->refine <= REFINE_NONE) {
        o->code = CODE_F32;
        return "a row fits a cache line";
    }
    o->code = CODE_SQ8;
    if (f->whole && f->metric == METRIC_L2)
        return "whole numbers, so exact";
    if (f->metric != METRIC_COSINE && f->norm_spread > SPREAD_MAX)
        return "lengths differ much";
    if (f->dim < SQ4_DIM_MIN || o->refine == REFINE_NONE)
        return f->dim < SQ4_DIM_MIN ? "below 256 dimensions" : "nothing refines it";
    o->code = CODE_SQ4;
    return "from 256 dimensions";
}

/* -- the index: what scores again -- */

static bool is_exact(const struct index_options *o, const struct index_facts *f)
{
    const uint32_t features = code_ops_of(o->code)->features;
    return features & CODE_VALUES || (features & CODE_WHOLE && f->whole && f->metric == METRIC_L2);
}

static const char *choose_refine(struct index_options *o, const struct index_facts *f)
{
    if (o->refine != REFINE_AUTO)
        return "given";
    if (is_exact(o, f)) {
        o->refine = REFINE_NONE;
        return "the code is exact";
    }
    o->refine = REFINE_F32;
    if (code_ops_of(o->code)->precision > 0)
        return "finer than the code";
    if (f->dim < SQ4_DIM_MIN)
        return "short rows, mapped";
    o->refine = REFINE_F16;
    return "half the bytes of f32";
}

/* The true k nearest are among refine_k times k candidates. The coarser the code,
 * the more are needed. */
static float refine_k_of(const struct index_options *o)
{
    return code_ops_of(o->code)->refine_k[o->code_bits];
}

/* -- the machine: memory -- */

static bool is_tight(const struct index_options *o, const struct index_facts *f)
{
    return f->memory_bytes != 0 &&
           (uint64_t)index_row_bytes(o, f->metric, f->dim) * (f->rows ? f->rows : 1) > f->memory_bytes;
}

/* Gives up what costs the least speed for each saved byte first, until the index fits
 * or no choice is left. */
static void fit_memory(struct index_options *o, const struct index_options *given, const struct index_facts *f,
                       struct index_reasons *r)
{
    if ((f->pressure >= 1 || is_tight(o, f)) && given->links == LINKS_AUTO) {
        o->links = LINKS_PACKED;
        r->links = "memory";
    }
    if ((f->pressure >= 2 || is_tight(o, f)) && given->refine == REFINE_AUTO && o->refine != REFINE_NONE &&
        o->refine != REFINE_F32) {
        o->refine = REFINE_F32;
        r->refine = "mapped, memory";
    }
    if (given->code != CODE_AUTO || given->refine == REFINE_NONE || !is_tight(o, f))
        return;
    static const struct {
        enum code_kind code;
        uint8_t bits;
    } smaller[] = {{CODE_SQ4, 0}, {CODE_RABITQ, 2}, {CODE_RABITQ, 1}};
    for (unsigned i = 0; i < ARRAY_LEN(smaller) && is_tight(o, f); i++) {
        struct index_options next = *o;
        next.code = smaller[i].code;
        next.code_bits = smaller[i].bits;
        next.refine = given->refine == REFINE_AUTO ? REFINE_F32 : given->refine;
        if (f->dim < COARSE_DIM_MIN ||
            index_row_bytes(&next, f->metric, f->dim) >= index_row_bytes(o, f->metric, f->dim))
            continue;
        *o = next;
        snprintf(r->code, sizeof(r->code), "memory");
        r->refine = given->refine == REFINE_AUTO ? "mapped, memory" : "given";
    }
}

void index_options_resolve_codes(struct index_options *o, const struct index_facts *f, struct index_reasons *ret)
{
    const struct index_options given = *o;
    *ret = (struct index_reasons){.links = "given", .recall = -1};
    snprintf(ret->code, sizeof(ret->code), "%s", choose_code(o, f));
    ret->refine = choose_refine(o, f);
    if (o->links == LINKS_AUTO) {
        o->links = LINKS_PLAIN;
        ret->links = "memory is enough";
    }
    fit_memory(o, &given, f, ret);
    if (o->refine_k <= 0)
        o->refine_k = refine_k_of(o);
}

/* Codes that are coarse because of memory stay so. */
bool index_options_refine_codes(struct index_options *o, const struct index_options *given, const struct index_facts *f,
                                const char *fault, struct index_reasons *reasons)
{
    struct index_options next = *o;
    struct code_type type = index_code_type(o);
    if (given->code != CODE_AUTO || !code_take_finer(&type, f->metric, f->dim))
        return false;
    next.code = type.kind;
    next.code_bits = (uint8_t)type.bits;
    if (code_ops_of(type.kind)->features & CODE_VALUES && given->refine == REFINE_AUTO)
        next.refine = REFINE_NONE;
    if (given->refine_k <= 0)
        next.refine_k = refine_k_of(&next);
    if (is_tight(&next, f))
        return false;
    snprintf(reasons->code, sizeof(reasons->code), "%s %s", index_code_name(o), fault);
    if (next.refine != o->refine)
        reasons->refine = "the code is exact";
    *o = next;
    return true;
}

void index_options_say_codes(const struct index_options *o, const struct index_reasons *reasons, struct index_why *why)
{
    if (reasons->recall < 0)
        index_why_add(why, "code %s (%s)", index_code_name(o), reasons->code);
    else
        index_why_add(why, "code %s (%s, finds %.3f)", index_code_name(o), reasons->code, reasons->recall);
    if (o->refine == REFINE_NONE)
        index_why_add(why, "refine none (%s)", reasons->refine);
    else
        index_why_add(why, "refine %s x%g (%s)", refine_name(o->refine), (double)o->refine_k, reasons->refine);
    index_why_add(why, "links %s (%s)", index_links_name(o->links), reasons->links);
}

void index_options_begin(struct index_options *o, uint32_t rows, struct index_why *why)
{
    const struct index_kind *kind = index_kind_of(o->kind);
    kind->resolve(o, rows);
    kind->say(o, NULL, rows, why);
}

struct index_options index_options_most(const struct index_options *o, uint32_t dim)
{
    struct index_options most = *o;
    const struct index_kind *kind = index_kind_of(o->kind);
    if (kind->most)
        kind->most(&most, dim);
    return most;
}

void index_options_resolve(struct index_options *o, const struct index_facts *f, struct index_why *why)
{
    struct index_reasons reasons;
    why->text[0] = 0;
    index_options_begin(o, f->rows, why);
    if (!(index_kind_of(o->kind)->features & INDEX_CODES))
        return;
    index_options_resolve_codes(o, f, &reasons);
    index_options_say_codes(o, &reasons, why);
}
