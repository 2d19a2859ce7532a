/* vek_deltas.c -- ascending numbers as differences, each in as few bytes as it needs.
 *
 * The layout is Stream VByte's (Lemire, Kurz & Rupp, 2018): two bits a number say how many bytes it has, and lie apart from
 * the bytes, so that four numbers are unpacked by one shuffle that their control byte picks from a table. */
#include "vek_deltas.h"
#include <string.h>

struct vek_delta_tables vek_delta_tables;

void vek_delta_tables_init(void)
{
    for (unsigned control = 0; control < 256; control++) {
        uint8_t at = 0, *shuffle = vek_delta_tables.shuffle[control];
        memset(shuffle, 0xff, 16); /* gives a zero */
        for (unsigned i = 0; i < 4; i++)
            for (unsigned byte = 0; byte <= (control >> 2 * i & 3); byte++)
                shuffle[4 * i + byte] = at++;
        vek_delta_tables.bytes[control] = at;
    }
}

static unsigned bytes_of(uint32_t x)
{
    return x < 1u << 8 ? 1 : x < 1u << 16 ? 2 : x < 1u << 24 ? 3 : 4;
}

size_t vek_encode_deltas(const uint32_t *values, size_t count, uint8_t *ret_control, uint8_t *ret_data)
{
    uint8_t *data = ret_data;
    uint32_t previous = 0;
    memset(ret_control, 0, (count + 3) / 4);
    for (size_t i = 0; i < count; i++) {
        const uint32_t delta = values[i] - previous;
        const unsigned bytes = bytes_of(delta);
        ret_control[i / 4] |= (uint8_t)((bytes - 1) << i % 4 * 2);
        for (unsigned b = 0; b < bytes; b++)
            *data++ = (uint8_t)(delta >> 8 * b);
        previous = values[i];
    }
    return (size_t)(data - ret_data);
}
