/* vek_deltas.h -- what the variants of decode_deltas() share. */
#pragma once

#include "vek.h"

struct vek_delta_tables {
    uint8_t shuffle[256][16]; /* by control byte: where each byte of four numbers comes from */
    uint8_t bytes[256];       /* and how many they take together */
};

extern struct vek_delta_tables vek_delta_tables;
void vek_delta_tables_init(void);
