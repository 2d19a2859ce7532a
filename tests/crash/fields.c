#include "fields.h"
#include "common.h"

#include <errno.h>
#include <string.h>

int fields_begin(struct fields *f, const struct server *server)
{
    f->number = (unsigned)random_below(MODEL_FIELDS);
    struct field_expectation *e = &f->load->model->fields[f->number];
    const char *name = model_field(f->number);
    const char *add[] = {"field", "add", f->load->collection, name, "integer", NULL};
    const char *drop[] = {"field", "drop", f->load->collection, name, NULL};
    e->open = true;
    f->child = kith_run(f->kith, server, e->there ? drop : add);
    return f->child > 0 ? 0 : failed("fork: %s", strerror(errno));
}

int fields_poll(struct fields *f, bool wait, bool server_lives)
{
    int status = f->child ? kith_status(f->child, wait) : -1;
    if (status < 0)
        return 0;
    struct field_expectation *e = &f->load->model->fields[f->number];
    f->child = 0;
    if (status != 0)
        return server_lives ? failed("kith field ended with %d", status) : 0;
    e->there = !e->there;
    e->open = false;
    f->changed++;
    return 0;
}
