#include "server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char serving[] = " serving on ";

static void child(const char *kithd, const char *dir, unsigned reactors, const char *growing_mib, int output)
{
    char count[16];
    snprintf(count, sizeof(count), "%u", reactors);
    dup2(output, 1);
    dup2(output, 2);
    execl(kithd, kithd, "--data", dir, "--listen", "127.0.0.1:0", "--http", "off", "--reactors", count, "--no-pin",
          "--growing-mib", growing_mib, (char *)NULL);
    _exit(127);
}

/* Reads lines until the one that tells the address; echoes the others as TAP diagnostics when the start fails. */
static int wait_serving(struct server *s)
{
    char text[8192];
    size_t size = 0;
    while (size < sizeof(text) - 1) {
        ssize_t n = read(s->output, text + size, sizeof(text) - 1 - size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        size += (size_t)n;
        text[size] = 0;
        char *at = strstr(text, serving);
        if (at && strchr(at, '\n')) {
            sscanf(at + strlen(serving), "%63[^, \n]", s->address);
            return 0;
        }
    }
    printf("# kithd did not start: %.*s\n", (int)size, text);
    return -1;
}

int server_start(struct server *s, const char *kithd, const char *dir, unsigned reactors, const char *growing_mib)
{
    int ends[2];
    if (pipe(ends) < 0)
        return -1;
    s->pid = fork();
    if (s->pid == 0)
        child(kithd, dir, reactors, growing_mib, ends[1]);
    close(ends[1]);
    s->output = ends[0];
    if (s->pid > 0 && wait_serving(s) == 0)
        return 0;
    server_kill(s);
    server_forget(s);
    return -1;
}

static int reap(struct server *s)
{
    int status = 0;
    while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* Every line of what it still had to say, as TAP diagnostics. */
void server_print(const struct server *s)
{
    FILE *f = fdopen(dup(s->output), "r");
    char line[1024];
    while (f && fgets(line, sizeof(line), f))
        printf("# %s", line);
    if (f)
        fclose(f);
}

void server_forget(struct server *s)
{
    close(s->output);
}

void server_kill(struct server *s)
{
    kill(s->pid, SIGKILL);
    reap(s);
}

int server_stop(struct server *s)
{
    kill(s->pid, SIGTERM);
    char text[4096];
    while (read(s->output, text, sizeof(text)) > 0) /* so that it never waits for us to read */
        ;
    int status = reap(s);
    server_forget(s);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
