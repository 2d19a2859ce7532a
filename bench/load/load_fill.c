#include "load/load_target.h"

#include "clock.h"

void fill_at(struct fill_watch *w, uint64_t rows, uint64_t total)
{
    if (w && w->start_ns == 0)
        w->start_ns = clock_wall_ns();
    while (w && w->tenths < FILL_TENTHS && rows * FILL_TENTHS >= total * (w->tenths + 1))
        w->tenth_ns[w->tenths++] = clock_wall_ns();
}

double fill_seconds(const struct fill_watch *w)
{
    return w->tenths ? (double)(w->tenth_ns[w->tenths - 1] - w->start_ns) / 1e9 : 0;
}

double fill_held_up_seconds(const struct fill_watch *w)
{
    uint64_t fastest = UINT64_MAX, before = w->start_ns;
    for (unsigned i = 0; i < w->tenths; i++) {
        uint64_t took = w->tenth_ns[i] - before;
        fastest = took < fastest ? took : fastest;
        before = w->tenth_ns[i];
    }
    return w->tenths ? fill_seconds(w) - (double)fastest * w->tenths / 1e9 : 0;
}
