/* check_floats.c -- distances of floats. */
#include "check.h"

bool check_f32(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    struct input in;
    input_init(&in, n, 4, fill);
    const float *q = in.row[ROWS_MAX];
    bool ok = true;
    for (size_t count = 0; count <= ROWS_MAX; count += count_step(n)) {
        float ip[ROWS_MAX + 1], l2[ROWS_MAX + 1];
        ip[count] = l2[count] = 42;
        v->ip_f32_rows(q, in.row, count, n, ip);
        v->l2_f32_rows(q, in.row, count, n, l2);
        ok = ok && ip[count] == 42 && l2[count] == 42;
        for (size_t r = 0; r < count; r++) {
            const float *x = in.row[r];
            float want_ip = s->ip_f32(q, x, n), want_l2 = s->l2_f32(q, x, n);
            ok = ok && near(ip[r], want_ip, q, x, n, false) && near(l2[r], want_l2, q, x, n, true);
            ok = ok && near(v->ip_f32(q, x, n), want_ip, q, x, n, false);
            ok = ok && near(v->l2_f32(q, x, n), want_l2, q, x, n, true);
        }
    }
    input_fini(&in);
    return ok;
}
