/* json_text.c -- writes numbers with their stored digits; a double would lose some. */
#include "cli/json_text.h"
#include "base/text/utf8.h"

#include "base/text/json_scan.h"

#include <math.h>
#include <string.h>

void json_text_id(FILE *to, struct kith_id id)
{
    char text[40];
    kith_id_format(id, text);
    fprintf(to, strchr(text, '-') ? "\"%s\"" : "%s", text);
}

/* Prints a JSON string. If all of it is UTF-8, bytes from 0x80 on stay as they are; otherwise each
 * becomes an escape. */
static void string_print(FILE *to, const char *text, size_t size, bool utf8)
{
    fputc('"', to);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            fprintf(to, "\\%c", c);
        else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
            fprintf(to, "\\u%04x", c);
        else
            fputc(c, to);
    }
    fputc('"', to);
}

void json_text_payload(FILE *to, const char *payload, size_t size)
{
    if (size == 0) {
        fputs("null", to);
    } else if (json_is_valid(payload, size)) {
        for (size_t i = 0; i < size; i++) /* valid JSON has no line breaks inside strings */
            fputc(payload[i] == '\n' || payload[i] == '\r' ? ' ' : payload[i], to);
    } else {
        string_print(to, payload, size, utf8_is_valid(payload, size));
    }
}

void json_text_float(FILE *to, float x)
{
    char text[32];
    snprintf(text, sizeof(text), "%.9g", (double)x);
    if (!isfinite(x))
        strcpy(text, "null");
    fprintf(to, strpbrk(text, ".en") ? "%s" : "%s.0", text);
}

void json_text_vector(FILE *to, const float *vector, uint32_t dim)
{
    fputc('[', to);
    for (uint32_t i = 0; i < dim; i++) {
        if (i > 0)
            fputc(',', to);
        json_text_float(to, vector[i]);
    }
    fputc(']', to);
}
