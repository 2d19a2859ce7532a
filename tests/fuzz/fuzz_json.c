/* fuzz_json.c -- any bytes as JSON text: slices lie within the text, and a slice of a valid value
 * is itself valid. */
#include "base/check.h"
#include "base/text/json_scan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check_slice(const char *text, size_t size, struct json_slice s)
{
    check(s.text >= text && s.size > 0 && s.text + s.size <= text + size);
    check(json_is_valid(s.text, s.size));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    /* a copy of exactly that size, so that the sanitizer finds a read beyond it */
    char *text = malloc(size > 0 ? size : 1);
    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, input, size);
    struct json_scan s;
    struct json_slice key, value;
    json_scan_begin(&s, text, size);
    int rc = json_scan_open(&s, '{') ? 1 : -1;
    for (bool first = true; rc > 0; first = false) {
        rc = json_scan_member(&s, first, &key, &value);
        if (rc > 0) {
            check_slice(text, size, key);
            check_slice(text, size, value);
        }
    }
    check(rc == 0 || s.problem != NULL);
    check(s.at <= size);
    free(text);
    return 0;
}
