#include "snapshots.h"
#include "common.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static pid_t run(const struct snapshots *s, const struct server *server, const char *verb, const char *name)
{
    const char *const words[] = {"snapshot", verb, name, NULL};
    return kith_run(s->kith, server, words);
}

static int run_through(const struct snapshots *s, const struct server *server, const char *verb, const char *name)
{
    pid_t pid = run(s, server, verb, name);
    if (pid < 0)
        return failed("fork: %s", strerror(errno));
    int status = kith_status(pid, true);
    return status == 0 ? 0 : failed("kith snapshot %s %s ended with %d", verb, name, status);
}

int snapshots_begin(struct snapshots *s, const struct server *server)
{
    snprintf(s->coming, sizeof(s->coming), "round-%u", ++s->number);
    s->comes = *s->load->model;
    for (uint32_t n = 0; n < MODEL_IDS; n++)
        s->comes.ids[n].busy = false;
    s->load->snapshot = &s->comes;
    s->child = run(s, server, "create", s->coming);
    return s->child > 0 ? 0 : failed("fork: %s", strerror(errno));
}

int snapshots_poll(struct snapshots *s, const struct server *server, bool wait, bool server_lives)
{
    int status = s->child ? kith_status(s->child, wait) : -1;
    if (status < 0)
        return 0;
    s->child = 0;
    s->load->snapshot = NULL;
    if (status != 0)
        return server_lives ? failed("kith snapshot create %s ended with %d", s->coming, status) : 0;
    s->taken++;
    if (server_lives && s->name[0] && run_through(s, server, "delete", s->name) < 0)
        return -1;
    s->is = s->comes;
    memcpy(s->name, s->coming, sizeof(s->name));
    return 0;
}

int snapshots_verify(struct snapshots *s, const struct server *server)
{
    s->verified++;
    return run_through(s, server, "verify", s->name);
}

/* A request that was under way was done before the restore and is undone, or after it and is
 * not. */
static void take_over(struct load *l, const struct model *m, const struct operation sent[LOAD_IN_FLIGHT])
{
    *l->model = *m;
    for (int i = 0; i < LOAD_IN_FLIGHT; i++)
        for (uint32_t n = 0; operation_writes(&sent[i]) && n < sent[i].count; n++) {
            struct expectation *e = &l->model->ids[sent[i].ids[n]];
            e->open = true;
            e->maybe = sent[i].kind == OPERATION_UPSERT ? sent[i].version : 0;
        }
}

int snapshots_restore(struct snapshots *s, const struct server *server)
{
    static struct operation sent[LOAD_IN_FLIGHT];
    struct load *l = s->load;
    memcpy(sent, l->operations, sizeof(sent));
    l->refusals_allowed = true;
    int rc = run_through(s, server, "restore", s->name);
    if (rc == 0)
        rc = load_finish(l);
    l->refusals_allowed = false;
    load_forget_refused(l);
    take_over(l, &s->is, sent);
    s->restored++;
    return rc;
}

int snapshots_restore_killed(struct snapshots *s, struct server *server)
{
    s->interrupted++;
    pid_t pid = run(s, server, "restore", s->name);
    if (pid < 0)
        return failed("fork: %s", strerror(errno));
    pause_us(random_below(250000));
    server_kill(server);
    if (kith_status(pid, true) == 0) /* the restore was acknowledged, so its state is certain */
        *s->load->model = s->is;
    else
        s->torn = true;
    return 0;
}
