#include "workers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPEAT_EVERY 8
#define JOBS_MAX     128
#define HUNG_SECONDS 600 /* a usual run takes about 0.1 s */

struct job {
    struct seed_run *run; /* NULL: idle */
    pid_t child;
    int from, said; /* pipes: the result, and the standard error of the child */
    bool again;
};

static int job_start(struct job *j, struct seed_run *run, bool again)
{
    int ends[2], errors[2];
    if (pipe(ends) < 0 || pipe(errors) < 0)
        return -errno;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct world_result r;
        alarm(HUNG_SECONDS);
        fcntl(errors[1], F_SETFL, O_NONBLOCK); /* text that does not fit into the pipe is dropped */
        dup2(errors[1], STDERR_FILENO);
        world_run(run->seed, TRACE_NONE, &r);
        _exit(write(ends[1], &r, sizeof(r)) != sizeof(r));
    }
    close(ends[1]);
    close(errors[1]);
    *j = (struct job){run, child, ends[0], errors[0], again};
    return child < 0 ? -EAGAIN : 0;
}

static void read_result(struct job *j, struct world_result *r)
{
    int status = 0;
    char said[300] = "";
    bool whole = read(j->from, r, sizeof(*r)) == sizeof(*r); /* a pipe holds all of it */
    waitpid(j->child, &status, 0);
    if (read(j->said, said, sizeof(said) - 1) > 0)
        said[strcspn(said, "\n")] = 0;
    close(j->from);
    close(j->said);
    if (whole)
        return;
    memset(r, 0, sizeof(*r));
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        snprintf(r->failure, sizeof(r->failure), "the process hung for %d s", HUNG_SECONDS);
    else
        snprintf(r->failure, sizeof(r->failure), "the process died (%s %d): %s",
                 WIFSIGNALED(status) ? "signal" : "exit code",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), said);
}

/* Reads the result of a child. False: the seed runs a second time. */
static bool job_finish(struct job *j)
{
    struct world_result r, *first = &j->run->result;
    read_result(j, &r);
    if (!j->again) {
        *first = r;
        return first->failure[0] || j->run->seed % REPEAT_EVERY != 0 || job_start(j, j->run, true) < 0;
    }
    if (r.trace_hash != first->trace_hash || r.trace_events != first->trace_events)
        snprintf(first->failure, sizeof(first->failure),
                 "the second run differs: %" PRIu64 " events instead of %" PRIu64, r.trace_events, first->trace_events);
    return true;
}

int workers_run(struct seed_run *runs, size_t count, unsigned jobs, bool (*finished)(const struct seed_run *run))
{
    struct job workers[JOBS_MAX] = {0};
    struct pollfd fds[JOBS_MAX];
    size_t next = 0, busy = 0;
    jobs = jobs < 1 ? 1 : jobs > JOBS_MAX ? JOBS_MAX : jobs;
    while (busy > 0 || next < count) {
        for (unsigned i = 0; i < jobs; i++) {
            if (!workers[i].run && next < count) {
                if (job_start(&workers[i], &runs[next++], false) < 0)
                    return -1;
                busy++;
            }
            fds[i] = (struct pollfd){.fd = workers[i].run ? workers[i].from : -1, .events = POLLIN};
        }
        if (poll(fds, jobs, -1) < 0 && errno != EINTR)
            return -1;
        for (unsigned i = 0; i < jobs; i++) {
            struct seed_run *run = workers[i].run;
            if (!run || !fds[i].revents || !job_finish(&workers[i]))
                continue;
            workers[i].run = NULL;
            run->done = true;
            busy--;
            if (!finished(run))
                count = next;
        }
    }
    return 0;
}
