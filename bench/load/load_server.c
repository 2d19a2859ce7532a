#include "load/load.h"

#include "clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 32
#define PATH_BYTES    1024
#define START_NS      60000000000ull /* a server that prints nothing for so long has failed */

static void sleep_us(long us)
{
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

/* Finds kithd where a build puts it, relative to this program. */
static int kithd_find(char path[PATH_BYTES], struct error *e)
{
    static const char *const places[] = {"kithd", "../bin/kithd", "../src/kithd"};
    char self[PATH_BYTES];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = 0;
    char *slash = strrchr(self, '/');
    for (size_t i = 0; slash && i < ARRAY_LEN(places); i++) {
        int length = snprintf(path, PATH_BYTES, "%.*s/%s", (int)(slash - self), self, places[i]);
        if (length < PATH_BYTES && access(path, X_OK) == 0)
            return 0;
    }
    return error_set(e, ERROR_NOT_FOUND, "kithd is not beside this program: give its path with --kithd");
}

static int folder_make(struct server *s, const char *data_folder, struct error *e)
{
    const char *base = getenv("TMPDIR");
    char name[100];
    snprintf(name, sizeof(name), "%.60s/kith-load-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(name))
        return error_set_errno(e, -errno, "%s", name);
    snprintf(s->log, sizeof(s->log), "%s.log", name);
    if (data_folder)
        rmdir(name);
    else
        snprintf(s->folder, sizeof(s->folder), "%s", name);
    return 0;
}

/* Runs in the child after fork(). Does not return. */
static void server_exec(const char *kithd, const char *folder, const char *more, const char *log)
{
    char words[1024], *arguments[ARGUMENTS_MAX] = {(char *)kithd, "--data", (char *)folder, "--listen",
                                                   "127.0.0.1:0", "--http", "off"};
    unsigned count = 7;
    snprintf(words, sizeof(words), "%s", more ? more : "");
    for (char *rest = words, *word; count < ARGUMENTS_MAX - 1 && (word = strtok_r(rest, " ", &rest));)
        arguments[count++] = word;
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        _exit(126);
    execv(kithd, arguments);
    _exit(127);
}

static void word_after(const char *line, const char *mark, char *ret, size_t room)
{
    const char *at = strstr(line, mark);
    ret[0] = 0;
    if (at)
        snprintf(ret, room, "%.*s", (int)strcspn(at + strlen(mark), ", \n"), at + strlen(mark));
}

/* Parses "kithd 0.1.0 serving on HOST:PORT, metrics on HOST:PORT, ..." */
static bool address_find(struct server *s)
{
    char line[1024];
    bool found = false;
    FILE *f = fopen(s->log, "r");
    while (f && !found && fgets(line, sizeof(line), f)) {
        if (!strchr(line, '\n'))
            continue;
        word_after(line, " serving on ", s->address, sizeof(s->address));
        word_after(line, " metrics on ", s->metrics, sizeof(s->metrics));
        found = s->address[0] != 0;
    }
    if (f)
        fclose(f);
    return found;
}

static int server_wait(struct server *s, uint64_t start_ns, struct error *e)
{
    while (!address_find(s)) {
        int status;
        if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
            s->pid = 0;
            return error_set(e, ERROR_UNAVAILABLE, "kithd ended at once; what it said is in %s", s->log);
        }
        if (clock_wall_ns() - start_ns > START_NS) {
            server_stop(s);
            return error_set(e, ERROR_UNAVAILABLE, "kithd did not start within a minute; what it said is in %s",
                             s->log);
        }
        sleep_us(200);
    }
    return 0;
}

int server_start(const struct load_options *o, const char *data_folder, struct server *ret, uint64_t *ret_exec_ns,
                 struct error *e)
{
    char found[PATH_BYTES];
    *ret = (struct server){0};
    if (!o->kithd && kithd_find(found, e) < 0)
        return -ENOENT;
    const char *kithd = o->kithd ? o->kithd : found;
    int rc = folder_make(ret, data_folder, e);
    if (rc < 0)
        return rc;
    uint64_t start_ns = clock_wall_ns();
    ret->pid = fork();
    if (ret->pid < 0)
        return error_set_errno(e, -errno, "fork");
    if (ret->pid == 0)
        server_exec(kithd, data_folder ? data_folder : ret->folder, o->kithd_args, ret->log);
    if (ret_exec_ns)
        *ret_exec_ns = start_ns;
    return server_wait(ret, start_ns, e);
}

void server_kill(struct server *s)
{
    if (s->pid <= 0)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

int server_stop(struct server *s)
{
    int status = 0;
    if (s->pid <= 0)
        return 0;
    kill(s->pid, SIGTERM);
    for (int i = 0; i < 30000; i++) {
        if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
            s->pid = 0;
            return status;
        }
        sleep_us(1000);
    }
    kill(s->pid, SIGKILL);
    waitpid(s->pid, &status, 0);
    s->pid = 0;
    return -ETIME;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    return remove(path);
}

void server_remove(struct server *s)
{
    if (s->folder[0])
        nftw(s->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (s->log[0])
        unlink(s->log);
    s->folder[0] = s->log[0] = 0;
}

int load_server_end(struct server *s, int rc, struct error *e)
{
    int status = server_stop(s);
    if (rc == 0 && status != 0)
        rc = error_set(e, ERROR_INTERNAL, "kithd did not end well (%d); what it said is in %s", status, s->log);
    if (rc == 0)
        server_remove(s);
    else
        fprintf(stderr, "load: the server's folder and log stay: %s, %s\n", s->folder, s->log);
    return rc;
}

/* Reads schedstat of each thread, which counts nanoseconds; stat counts hundredths of a second. */
uint64_t server_cpu_ns(pid_t pid)
{
    char path[300];
    uint64_t sum = 0;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    for (struct dirent *t; tasks && (t = readdir(tasks));) {
        if (t->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat", (int)pid, t->d_name);
        FILE *f = fopen(path, "r");
        unsigned long long run_ns;
        if (f && fscanf(f, "%llu", &run_ns) == 1)
            sum += run_ns;
        if (f)
            fclose(f);
    }
    if (tasks)
        closedir(tasks);
    return sum;
}
