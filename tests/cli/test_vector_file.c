/* Tests the formats of vector files. Each is written byte by byte and read back: whole, in batches,
 * from the middle, compressed, and broken. */
#include "cli/import/vector_file.h"
#include "temp_file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(vector_file, .init = temp_begin, .fini = temp_end);

/* Writes a NumPy file of the given version into `out`. Returns its size. */
static size_t npy_make(uint8_t *out, int version, const char *type, const char *order, const char *shape,
                       const void *data, size_t data_bytes)
{
    char text[256];
    int n = snprintf(text, sizeof(text), "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", type, order, shape);
    size_t head = version == 1 ? 10 : 12;
    size_t padded = (head + (size_t)n + 1 + 63) / 64 * 64 - head;
    memset(text + n, ' ', padded - (size_t)n);
    text[padded - 1] = '\n';
    memcpy(out, "\x93NUMPY", 6);
    out[6] = (uint8_t)version;
    out[7] = 0;
    out[8] = (uint8_t)padded;
    out[9] = (uint8_t)(padded >> 8);
    out[10] = out[11] = 0;
    memcpy(out + head, text, padded);
    memcpy(out + head + padded, data, data_bytes);
    return head + padded + data_bytes;
}

static struct vector_file *open_good(const char *path, uint32_t dim)
{
    struct error e = {0};
    struct vector_file *f;
    cr_assert_eq(vector_file_open(path, NULL, dim, &f, &e), 0, "%s", e.text);
    return f;
}

static void expect_rows(struct vector_file *f, size_t batch_rows, uint64_t first, size_t rows, const float *want)
{
    struct error e = {0};
    struct vector_batch b;
    size_t seen = 0;
    int rc;
    while ((rc = vector_file_next(f, batch_rows, &b, &e)) == 1) {
        cr_assert_eq(b.row_first, first + seen);
        cr_assert_eq(b.row_end, b.row_first + b.count);
        for (size_t i = 0; i < b.count; i++, seen++) {
            cr_assert_eq(b.rows[i], first + seen);
            for (uint32_t j = 0; j < vector_file_dim(f); j++)
                cr_assert_float_eq(b.vectors[i * vector_file_dim(f) + j], want[(first + seen) * vector_file_dim(f) + j],
                                   1e-6);
        }
    }
    cr_assert_eq(rc, 0, "%s", e.text);
    cr_assert_eq(seen, rows);
}

static const float want[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

#define FILL(type)                                                                                                     \
    type x[12];                                                                                                        \
    for (int i = 0; i < 12; i++)                                                                                       \
        x[i] = (type)(i + 1);                                                                                          \
    bytes = sizeof(x);                                                                                                 \
    memcpy(data, x, bytes)

Test(vector_file, every_element_type_of_numpy_is_read_as_floats)
{
    static const char *const types[] = {"|u1", "|i1", "<i4", "<i8", "<f4", "<f8"};
    for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
        uint8_t data[96], file[512];
        size_t bytes = 0;
        switch (t) {
        case 0: {
            FILL(uint8_t);
            break;
        }
        case 1: {
            FILL(int8_t);
            break;
        }
        case 2: {
            FILL(int32_t);
            break;
        }
        case 3: {
            FILL(int64_t);
            break;
        }
        case 4: {
            FILL(float);
            break;
        }
        case 5: {
            FILL(double);
            break;
        }
        }
        for (int version = 1; version <= 2; version++) {
            size_t n = npy_make(file, version, types[t], "False", "(4, 3)", data, bytes);
            struct vector_file *f = open_good(temp_write("a.npy", file, n), 3);
            uint64_t rows;
            cr_assert(vector_file_rows(f, &rows) && rows == 4);
            expect_rows(f, 3, 0, 4, want);
            vector_file_close(f);
        }
    }
}

Test(vector_file, integers_of_every_size_and_sign_are_read)
{
    const uint8_t bools[2] = {0, 1};
    const uint16_t u2[2] = {7, UINT16_MAX};
    const int16_t i2[2] = {-7, INT16_MIN};
    const uint32_t u4[2] = {7, UINT32_MAX};
    const uint64_t u8[2] = {7, UINT64_MAX};
    const struct {
        const char *type;
        const void *data;
        size_t bytes;
        float first, second;
    } kinds[] = {{"|b1", bools, sizeof(bools), 0, 1},
                 {"<u2", u2, sizeof(u2), 7, 65535},
                 {"<i2", i2, sizeof(i2), -7, -32768},
                 {"<u4", u4, sizeof(u4), 7, 0x1p32f},
                 {"<u8", u8, sizeof(u8), 7, 0x1p64f}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        uint8_t file[512];
        size_t n = npy_make(file, 1, kinds[i].type, "False", "(1, 2)", kinds[i].data, kinds[i].bytes);
        struct vector_file *f = open_good(temp_write("a.npy", file, n), 2);
        struct vector_batch b;
        struct error e;
        cr_assert_eq(vector_file_next(f, 10, &b, &e), 1);
        cr_assert(b.vectors[0] == kinds[i].first && b.vectors[1] == kinds[i].second, "%s", kinds[i].type);
        vector_file_close(f);
    }
}

Test(vector_file, halves_are_read_exactly)
{
    /* 1, -2, 0.5, 65504 (the largest), 2^-24 (the smallest), -0 */
    const uint16_t halves[6] = {0x3c00, 0xc000, 0x3800, 0x7bff, 0x0001, 0x8000};
    const float expected[6] = {1, -2, 0.5f, 65504, 0x1p-24f, -0.0f};
    float out[6];
    element_to_f32(ELEMENT_F16, halves, 6, out);
    cr_assert_arr_eq(out, expected, sizeof(out));
    const uint16_t special[2] = {0x7c00, 0x7e00};
    element_to_f32(ELEMENT_F16, special, 2, out);
    cr_assert(isinf(out[0]) && isnan(out[1]));
}

Test(vector_file, a_packed_file_reads_like_a_plain_one)
{
    uint8_t file[512];
    size_t n = npy_make(file, 1, "<f4", "False", "(4, 3)", want, sizeof(want));
    struct vector_file *f = open_good(temp_write_packed("a.npy.gz", file, n), 0);
    expect_rows(f, 2, 0, 4, want);
    struct error e;
    cr_assert_eq(vector_file_seek(f, 1, &e), 0); /* going back unpacks from the start */
    expect_rows(f, 2, 1, 3, want);
    vector_file_close(f);
}

Test(vector_file, reading_goes_on_at_any_row)
{
    uint8_t file[512];
    size_t n = npy_make(file, 1, "<f4", "False", "(4, 3)", want, sizeof(want));
    struct vector_file *f = open_good(temp_write("a.npy", file, n), 0);
    struct error e;
    for (uint64_t row = 0; row <= 5; row++) {
        cr_assert_eq(vector_file_seek(f, row, &e), 0);
        expect_rows(f, 10, row, row < 4 ? 4 - row : 0, want);
    }
    cr_assert_eq(vector_file_progress(f), 1.0);
    vector_file_close(f);
}

Test(vector_file, texmex_files_are_read)
{
    uint8_t file[256];
    size_t at = 0;
    for (int row = 0; row < 4; row++) {
        uint32_t dim = 3;
        memcpy(file + at, &dim, 4);
        memcpy(file + at + 4, want + row * 3, 12);
        at += 16;
    }
    struct vector_file *f = open_good(temp_write("a.fvecs", file, at), 0);
    expect_rows(f, 3, 0, 4, want);
    vector_file_close(f);
    f = open_good(temp_write_packed("a.fvecs.gz", file, at), 0);
    uint64_t rows;
    cr_assert_not(vector_file_rows(f, &rows)); /* the unpacked size is unknown */
    expect_rows(f, 3, 0, 4, want);
    vector_file_close(f);
    at = 0;
    for (int row = 0; row < 4; row++) {
        uint32_t dim = 3;
        memcpy(file + at, &dim, 4);
        for (int i = 0; i < 3; i++)
            file[at + 4 + i] = (uint8_t)want[row * 3 + i];
        at += 7;
    }
    f = open_good(temp_write("a.bvecs", file, at), 3);
    expect_rows(f, 4, 0, 4, want);
    vector_file_close(f);
}

Test(vector_file, a_file_cut_short_is_an_error_that_names_the_row)
{
    uint8_t file[512];
    size_t n = npy_make(file, 1, "<f4", "False", "(4, 3)", want, sizeof(want));
    struct vector_file *f = open_good(temp_write("a.npy", file, n - 5), 0);
    struct vector_batch b;
    struct error e;
    cr_assert_eq(vector_file_next(f, 2, &b, &e), 1);
    cr_assert_eq(vector_file_next(f, 2, &b, &e), -EBADMSG);
    cr_assert_not_null(strstr(e.text, "row 3"), "%s", e.text);
    vector_file_close(f);
}

Test(vector_file, what_cannot_be_read_is_refused_with_a_sentence)
{
    uint8_t file[512];
    struct error e;
    struct vector_file *f;
    static const struct {
        const char *type, *order, *shape, *says;
    } bad[] = {
        {"<f4", "True", "(4, 3)", "column by column"},
        {">f4", "False", "(4, 3)", ">f4"},
        {"<c8", "False", "(4, 3)", "<c8"},
        {"<f4", "False", "(2, 2, 3)", "one or two dimensions"},
        {"<f4", "False", "()", "one or two dimensions"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        size_t n = npy_make(file, 1, bad[i].type, bad[i].order, bad[i].shape, want, sizeof(want));
        cr_assert_lt(vector_file_open(temp_write("a.npy", file, n), NULL, 0, &f, &e), 0);
        cr_assert_not_null(strstr(e.text, bad[i].says), "%s", e.text);
    }
    size_t n = npy_make(file, 1, "<f4", "False", "(4, 3)", want, sizeof(want));
    cr_assert_eq(vector_file_open(temp_write("a.npy", file, n), NULL, 8, &f, &e), -EINVAL);
    cr_assert_not_null(strstr(e.text, "3 dimensions, but 8 are needed"), "%s", e.text);
    cr_assert_eq(vector_file_open(temp_write("a.txt", file, n), NULL, 0, &f, &e), -EINVAL);
    cr_assert_eq(vector_file_open(temp_write("b.npy", "hello, world", 12), NULL, 0, &f, &e), -EINVAL);
    static const char *const names[] = {"b.fvecs", "b.npy", "b.jsonl"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cr_assert_eq(vector_file_open(temp_write(names[i], "", 0), NULL, 0, &f, &e), -EINVAL);
        cr_expect_not_null(strstr(e.text, "is empty"), "%s", e.text);
    }
    static const char array[] = "\n [{\"id\":1,\"vector\":[1,2]}]\n";
    cr_assert_eq(vector_file_open(temp_write("a.jsonl", array, sizeof(array) - 1), NULL, 0, &f, &e), -EINVAL);
    cr_expect_not_null(strstr(e.text, "is a JSON array"), "%s", e.text);
    cr_assert_eq(vector_file_open(temp_write("a.jsonl", array, sizeof(array) - 1), NULL, 2, &f, &e), -EINVAL,
                 "it must be refused though the dimension is known");
    cr_assert_eq(vector_file_open("/nonexistent.npy", NULL, 0, &f, &e), -ENOENT);
    cr_assert_null(f);
}

Test(vector_file, a_row_with_a_nan_is_rejected_and_the_others_are_read)
{
    float data[12];
    memcpy(data, want, sizeof(data));
    data[4] = NAN;
    data[11] = -INFINITY;
    uint8_t file[512];
    size_t n = npy_make(file, 1, "<f4", "False", "(4, 3)", data, sizeof(data));
    struct vector_file *f = open_good(temp_write("a.npy", file, n), 0);
    struct vector_batch b;
    struct error e;
    cr_assert_eq(vector_file_next(f, 10, &b, &e), 1);
    cr_assert_eq(b.count, 2);
    cr_assert_eq(b.rows[0], 0);
    cr_assert_eq(b.rows[1], 2);
    cr_assert_eq(b.vectors[3], 7);
    cr_assert_eq(b.reject_count, 2);
    cr_assert_eq(b.rejects[0].row, 1);
    cr_assert_eq(b.rejects[1].row, 3);
    vector_file_close(f);
}

static const char lines[] = "{\"id\": 7, \"vector\": [1, 2.5, -3], \"payload\": {\"a\": \"\\u00e4\"}}\n"
                            "\n"
                            "{\"id\": \"550e8400-e29b-41d4-a716-446655440000\", \"vector\": [4, 5, 6]}\r\n"
                            "{\"id\": 8, \"vector\": [1, 2]}\n"
                            "{\"id\": -8, \"vector\": [1, 2, 3]}\n"
                            "{\"id\": \"eight\", \"vector\": [1, 2, 3]}\n"
                            "{\"vector\": [1, 2, 3]}\n"
                            "{\"id\": 9, \"vector\": [1, null, 3]}\n"
                            "{\"id\": 9, \"vector\": [1, 2, 1e300]}\n"
                            "{\"id\": 9, \"vector\": [1, 2, 3\n"
                            "[1]\n"
                            "{\"id\": 9, \"vector\": [1, 2, 3], \"id\": 5}\n"
                            "{\"id\": 18446744073709551615, \"vector\": [1, 2, 3]}\n"
                            "{\"id\": \"18446744073709551615\", \"vector\": [7, 8, 9]}";

Test(vector_file, json_lines_give_ids_and_payloads_and_reasons)
{
    struct vector_file *f = open_good(temp_write("a.jsonl", lines, sizeof(lines) - 1), 0);
    cr_assert_eq(vector_file_dim(f), 3);
    cr_assert(vector_file_has_ids(f));
    struct vector_batch b;
    struct error e;
    cr_assert_eq(vector_file_next(f, 100, &b, &e), 1, "%s", e.text);
    cr_assert_eq(b.row_end, 13);
    cr_assert_eq(b.count, 4);
    cr_assert_eq(b.ids[0].lo, 7);
    cr_assert_eq(b.ids[1].hi, 0x550e8400e29b41d4);
    cr_assert_eq(b.ids[2].lo, UINT64_MAX);
    cr_assert_eq(b.ids[3].lo, UINT64_MAX);
    cr_assert_str_eq(b.payloads[0], "{\"a\": \"\\u00e4\"}");
    cr_assert_eq(b.payload_sizes[0], 15);
    cr_assert_str_eq(b.payloads[1], "");
    cr_assert(b.rows[1] == 1 && b.lines[1] == 3, "a blank line must count as a line, but not as a row");
    cr_assert_eq(b.rows[2], 11);
    cr_assert_eq(b.rows[3], 12);
    static const struct {
        uint64_t row;
        const char *says;
    } rejects[] = {{2, "2 numbers instead of 3"},
                   {3, "negative"},
                   {4, "neither a number nor a UUID"},
                   {5, "no \"id\""},
                   {6, "element 1 of its vector is not a number"},
                   {7, "element 2 of its vector does not fit"},
                   {8, "bad JSON"},
                   {9, "not an object"},
                   {10, "a second"}};
    cr_assert_eq(b.reject_count, sizeof(rejects) / sizeof(rejects[0]));
    for (size_t i = 0; i < b.reject_count; i++) {
        cr_assert_eq(b.rejects[i].row, rejects[i].row);
        cr_assert_eq(b.rejects[i].line, rejects[i].row + 2);
        cr_assert_not_null(strstr(b.rejects[i].reason, rejects[i].says), "%s", b.rejects[i].reason);
    }
    cr_assert_eq(vector_file_next(f, 100, &b, &e), 0);
    cr_assert_eq(vector_file_seek(f, 12, &e), 0);
    cr_assert_eq(vector_file_next(f, 100, &b, &e), 1);
    cr_assert_eq(b.count, 1);
    cr_assert_eq(b.ids[0].lo, UINT64_MAX);
    vector_file_close(f);
}

Test(vector_file, json_batches_of_any_size_see_every_row_once)
{
    for (size_t rows = 1; rows <= 15; rows++) {
        struct vector_file *f = open_good(temp_write_packed("a.jsonl.gz", lines, sizeof(lines) - 1), 3);
        struct vector_batch b;
        struct error e;
        size_t good = 0, bad = 0;
        while (vector_file_next(f, rows, &b, &e) == 1) {
            good += b.count;
            bad += b.reject_count;
        }
        cr_assert_eq(good, 4);
        cr_assert_eq(bad, 9);
        vector_file_close(f);
    }
}

Test(vector_file, whole_arrays_are_read_for_ground_truth)
{
    const int64_t wide[6] = {1, 2, 3, -1, 5, INT32_MAX};
    uint8_t file[512];
    size_t n = npy_make(file, 1, "<i8", "False", "(2, 3)", wide, sizeof(wide));
    int32_t *ids;
    float *floats;
    uint64_t rows, columns;
    struct error e;
    cr_assert_eq(npy_read_i32(temp_write("gt.npy", file, n), &ids, &rows, &columns, &e), 0, "%s", e.text);
    cr_assert(rows == 2 && columns == 3 && ids[3] == -1 && ids[5] == INT32_MAX);
    free(ids);
    cr_assert_eq(npy_read_f32(temp_write("gt.npy", file, n), &floats, &rows, &columns, &e), 0, "%s", e.text);
    cr_assert(rows == 2 && columns == 3 && floats[2] == 3);
    free(floats);
    const int64_t too_wide[6] = {1, 2, 3, 4, 5, INT64_C(1) << 31};
    n = npy_make(file, 1, "<i8", "False", "(2, 3)", too_wide, sizeof(too_wide));
    cr_assert_eq(npy_read_i32(temp_write("gt.npy", file, n), &ids, &rows, &columns, &e), -EINVAL);
    n = npy_make(file, 1, "<f4", "False", "(4, 3)", want, sizeof(want));
    cr_assert_eq(npy_read_i32(temp_write("gt.npy", file, n), &ids, &rows, &columns, &e), -EINVAL);
    cr_assert_lt(npy_read_f32(temp_write("gt.npy", file, n - 1), &floats, &rows, &columns, &e), 0);
}

Test(vector_file, a_payload_is_kept_as_it_is_written)
{
    static const char *const payloads[] = {"{\"s\":\"Scanner 1.3\\u0000\"}",
                                           "{ \"b\":18446744073709551615,\"a\": 123456789012345678901234567890 }",
                                           "{\"time\":1764460800.123456,\"price\":0.10,\"large\":1e400}",
                                           "{\"twice\":1,\"twice\":2}",
                                           "[1, \"\\ud83d\"]",
                                           "\"text\"",
                                           "5",
                                           "false"};
    const size_t count = sizeof(payloads) / sizeof(payloads[0]);
    char text[2048] = "";
    for (size_t i = 0; i < count; i++)
        sprintf(text + strlen(text), "{\"payload\":%s ,\"id\":%zu,\"vec\\u0074or\":[%zu]}\n", payloads[i], i, i);
    strcat(text, "{\"id\":99,\"vector\":[99],\"payload\":null}\n");
    struct vector_file *f = open_good(temp_write("a.jsonl", text, strlen(text)), 0);
    struct vector_batch b;
    struct error e;
    cr_assert_eq(vector_file_next(f, 100, &b, &e), 1, "%s", e.text);
    cr_assert_eq(b.count, count + 1, "%s", b.reject_count ? b.rejects[0].reason : "");
    for (size_t i = 0; i < count; i++) {
        cr_assert_str_eq(b.payloads[i], payloads[i]);
        cr_assert_eq(b.payload_sizes[i], strlen(payloads[i]));
        cr_assert_eq(b.vectors[i], (float)i);
    }
    cr_assert_eq(b.payload_sizes[count], 0);
    vector_file_close(f);
}

Test(vector_file, a_row_with_another_key_is_rejected)
{
    char text[1024] = "{\"id\":1,\"vector\":[1],\"payloda\":{\"id\":2}}\n{\"id\":2,\"vector\":[2],\"\":0,\"x\":1}\n";
    sprintf(text + strlen(text), "{\"id\":3,\"vector\":[3],\"%0100d\":0}\n", 0);
    strcat(text, "{\"vector\":[4],\"payload\":{\"any\":1},\"id\":4}\n");
    static const char *const reasons[] = {"the key \"payloda\"; the keys of a row are id, vector and payload",
                                          "the key \"\";", "a key of 102 bytes;"};
    struct vector_file *f = open_good(temp_write("a.jsonl", text, strlen(text)), 0);
    struct vector_batch b;
    struct error e;
    cr_assert_eq(vector_file_next(f, 100, &b, &e), 1, "%s", e.text);
    cr_assert_eq(b.count, 1);
    cr_assert_eq(b.reject_count, 3);
    for (uint64_t i = 0; i < 3; i++) {
        cr_assert(b.rejects[i].row == i && b.rejects[i].line == i + 1);
        cr_assert_not_null(strstr(b.rejects[i].reason, reasons[i]), "%s", b.rejects[i].reason);
    }
    vector_file_close(f);
}

Test(vector_file, a_byte_order_mark_is_no_part_of_the_first_line)
{
    static const char text[] = "\xef\xbb\xbf{\"id\":1,\"vector\":[1]}\r\n{\"id\":2,\"vector\":[2]}\r\n";
    for (uint32_t dim = 0; dim <= 1; dim++) {
        struct vector_file *f = open_good(temp_write("a.jsonl", text, sizeof(text) - 1), dim);
        expect_rows(f, 1, 0, 2, want);
        struct error e;
        cr_assert_eq(vector_file_seek(f, 0, &e), 0);
        expect_rows(f, 2, 0, 2, want);
        vector_file_close(f);
    }
    struct vector_file *f;
    struct error e;
    cr_assert_eq(vector_file_open(temp_write("b.jsonl", "\xff\xfe{\0", 4), NULL, 0, &f, &e), -EINVAL);
    cr_assert_not_null(strstr(e.text, "UTF-16"), "%s", e.text);
}

Test(vector_file, a_batch_ends_when_its_payloads_are_large)
{
    char text[4096] = "";
    for (size_t i = 0; i < 12; i++)
        sprintf(text + strlen(text), "{\"id\":%zu,\"vector\":[%g],\"payload\":\"%0100d\"}\n", i, (double)want[i], 7);
    struct vector_file *f = open_good(temp_write("a.jsonl", text, strlen(text)), 0);
    struct vector_batch b;
    struct error e;
    vector_file_texts_bound(f, 300);
    for (uint64_t row = 0; row < 12; row += 3) {
        cr_assert_eq(vector_file_next(f, 100, &b, &e), 1);
        cr_assert(b.row_first == row && b.count == 3, "%zu", b.count);
    }
    cr_assert_eq(vector_file_next(f, 100, &b, &e), 0);
    vector_file_close(f);
}
