/* Tests starting and ending a server, with shell scripts in its place. */
#include "load/load.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char script[64];

static struct load_options script_make(const char *text)
{
    snprintf(script, sizeof(script), "/tmp/kith-script-XXXXXX");
    int fd = mkstemp(script);
    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(fd, 0700) == 0);
    close(fd);
    return (struct load_options){.kithd = script, .kithd_args = "--reactors 1"};
}

static void script_remove(void)
{
    unlink(script);
}

static const char serves[] = "#!/bin/sh\n"
                             "trap 'exit 0' TERM\n"
                             "echo opening\n"
                             "touch $2/seen\n"
                             "[ \"$7 $8\" = '--reactors 1' ] || exit 1\n"
                             "echo \"kithd 0.1.0 serving on 127.0.0.1:4711, metrics on 127.0.0.1:4712, data in $2\"\n"
                             "while :; do sleep 0.02; done\n";

Test(load_server, its_address_is_read_and_a_stop_waits_for_its_end, .fini = script_remove)
{
    struct server s;
    struct error e = {0};
    uint64_t exec_ns = 0;
    char seen[256];
    struct load_options o = script_make(serves);
    cr_assert_eq(server_start(&o, NULL, &s, &exec_ns, &e), 0, "%s", e.text);
    cr_assert_str_eq(s.address, "127.0.0.1:4711");
    cr_assert_str_eq(s.metrics, "127.0.0.1:4712");
    cr_assert(exec_ns > 0 && s.pid > 0 && server_cpu_ns(s.pid) > 0);
    snprintf(seen, sizeof(seen), "%s/seen", s.folder);
    cr_assert_eq(access(seen, F_OK), 0);
    cr_assert_eq(server_stop(&s), 0);
    cr_assert_eq(access(seen, F_OK), 0, "the folder must exist until the server has ended");
    char folder[128];
    snprintf(folder, sizeof(folder), "%s", s.folder);
    server_remove(&s);
    cr_assert_neq(access(folder, F_OK), 0);
}

Test(load_server, a_folder_that_was_given_is_not_removed, .fini = script_remove)
{
    struct server s;
    struct error e = {0};
    char folder[] = "/tmp/kith-given-XXXXXX", seen[64];
    cr_assert(mkdtemp(folder));
    struct load_options o = script_make(serves);
    cr_assert_eq(server_start(&o, folder, &s, NULL, &e), 0, "%s", e.text);
    cr_assert_eq(server_stop(&s), 0);
    server_remove(&s);
    snprintf(seen, sizeof(seen), "%s/seen", folder);
    cr_assert_eq(unlink(seen), 0);
    cr_assert_eq(rmdir(folder), 0);
}

Test(load_server, one_that_ends_at_once_is_told_with_its_log, .fini = script_remove)
{
    struct server s;
    struct error e = {0};
    struct load_options o = script_make("#!/bin/sh\necho 'kithd: the folder is in use' >&2\nexit 1\n");
    cr_assert_lt(server_start(&o, NULL, &s, NULL, &e), 0);
    cr_assert(strstr(e.text, s.log), "%s", e.text);
    server_remove(&s);
}

Test(load_server, one_that_fails_while_it_ends_is_told, .fini = script_remove)
{
    struct server s;
    struct error e = {0};
    struct load_options o = script_make("#!/bin/sh\ntrap 'exit 3' TERM\necho 'x serving on h:1, x'\n"
                                        "while :; do sleep 0.02; done\n");
    cr_assert_eq(server_start(&o, NULL, &s, NULL, &e), 0, "%s", e.text);
    int status = server_stop(&s);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    server_remove(&s);
}
