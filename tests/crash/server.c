#include "server.h"
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PRINTED_MAX 8000 /* bytes of the output that are printed after a failure */

static _Noreturn void child(const struct server_plan *p, int output)
{
    char reactors[16], growing[16];
    snprintf(reactors, sizeof(reactors), "%u", p->reactors);
    snprintf(growing, sizeof(growing), "%u", p->growing_mib);
    const char *argv[32] = {p->kithd,     "--data", p->dir, "--listen", "127.0.0.1:0", "--http",        "off",
                            "--reactors", reactors, "--io", p->io,      "--no-pin",    "--growing-mib", growing};
    size_t n = 14;
    for (size_t i = 0; i < sizeof(p->extra) / sizeof(*p->extra) && p->extra[i]; i++)
        argv[n++] = p->extra[i];
    /* it touches memory that the server never would, and these tests measure memory */
    unsetenv("MALLOC_PERTURB_");
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that is killed leaves no server behind */
    dup2(output, 1);
    dup2(output, 2);
    if (p->in_child)
        p->in_child(p->arg);
    execv(p->kithd, (char **)argv);
    _exit(127);
}

/* The output of this run so far; the caller frees it. */
static char *read_output(const struct server *s, long from)
{
    FILE *f = fopen(s->plan.output, "r");
    if (!f || fseek(f, 0, SEEK_END) < 0) {
        if (f)
            fclose(f);
        return strdup("");
    }
    long end = ftell(f), size = end > from ? end - from : 0;
    char *text = malloc((size_t)size + 1);
    fseek(f, from, SEEK_SET);
    size_t n = fread(text, 1, (size_t)size, f);
    text[n] = 0;
    fclose(f);
    return text;
}

static bool find_address(struct server *s)
{
    static const char serving[] = " serving on ";
    char *text = read_output(s, s->output_start), *at = strstr(text, serving);
    bool found = at && strchr(at, '\n') && sscanf(at + strlen(serving), "%63[^, \n]", s->address) == 1;
    free(text);
    return found;
}

static int wait_serving(struct server *s)
{
    for (uint64_t end = now_us() + PATIENCE_US; now_us() < end; pause_us(2000)) {
        bool lives = server_lives(s);
        if (find_address(s))
            return 0;
        if (!lives)
            return failed("kithd ended instead of serving");
    }
    return failed("the output of kithd does not say that it serves");
}

int server_start(struct server *s, const struct server_plan *plan)
{
    *s = (struct server){.plan = *plan};
    int output = open(plan->output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (output < 0)
        return failed("%s: %s", plan->output, strerror(errno));
    s->output_start = lseek(output, 0, SEEK_END);
    s->pid = fork();
    if (s->pid == 0)
        child(plan, output);
    close(output);
    if (s->pid < 0)
        return failed("fork: %s", strerror(errno));
    int rc = plan->in_parent ? plan->in_parent(plan->arg) : 0;
    if (rc == 0)
        rc = wait_serving(s);
    if (rc == 0)
        return 0;
    server_print(s);
    server_kill(s);
    return -1;
}

int server_connect(const struct server *s, struct kith **ret)
{
    char why[256] = "";
    const struct kith_collection *list;
    size_t count;
    for (uint64_t end = now_us() + PATIENCE_US; now_us() < end; pause_us(20000)) {
        if (kith_open(s->address, ret, why, sizeof(why)) < 0)
            return failed("connecting: %s", why);
        int rc = kith_list(*ret, &list, &count);
        if (rc == 0)
            return 0;
        snprintf(why, sizeof(why), "%s", kith_error(*ret));
        kith_close(*ret);
        if (rc != -KITH_UNAVAILABLE)
            break;
    }
    return failed("the server does not get ready: %s", why);
}

void server_print(const struct server *s)
{
    char *text = read_output(s, s->output_start);
    size_t size = strlen(text);
    char *line = size > PRINTED_MAX ? text + size - PRINTED_MAX : text;
    for (line = strtok(line, "\n"); line; line = strtok(NULL, "\n"))
        printf("# %s\n", line);
    free(text);
}

static int reap(struct server *s)
{
    int status = 0;
    while (s->pid > 0 && waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
        ;
    s->pid = 0;
    return status;
}

bool server_lives(struct server *s)
{
    if (s->pid > 0 && waitpid(s->pid, NULL, WNOHANG) != 0)
        s->pid = 0;
    return s->pid > 0;
}

void server_kill(struct server *s)
{
    if (s->pid > 0)
        kill(s->pid, SIGKILL);
    reap(s);
}

int server_stop(struct server *s)
{
    if (!server_lives(s))
        return failed("kithd ended before it was told to");
    kill(s->pid, SIGTERM);
    int status = reap(s);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    server_print(s);
    return failed("kithd ended with status %d after SIGTERM", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

pid_t kith_run(const char *kith, const struct server *s, const char *const *words)
{
    const char *argv[12] = {kith};
    size_t n = 1;
    for (; *words; words++)
        argv[n++] = *words;
    argv[n++] = "--server";
    argv[n] = s->address;
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    int output = open(s->plan.output, O_WRONLY | O_APPEND);
    dup2(output, 1);
    dup2(output, 2);
    execv(kith, (char *const *)(uintptr_t)argv);
    _exit(127);
}

int kith_status(pid_t pid, bool wait)
{
    int status = 0;
    pid_t rc;
    do
        rc = waitpid(pid, &status, wait ? 0 : WNOHANG);
    while (rc < 0 && errno == EINTR);
    if (rc == 0)
        return -1;
    return rc == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}
