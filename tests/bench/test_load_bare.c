/* Tests the bare writers that a log is compared with: they write, they count, and they leave no
 * files. */
#include "load/load.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/kith-bare-XXXXXX";

static void folder_make(void)
{
    cr_assert(mkdtemp(folder));
}

static void folder_remove(void)
{
    cr_assert_eq(rmdir(folder), 0, "files were left in %s", folder);
}

TestSuite(load_bare, .init = folder_make, .fini = folder_remove);

Test(load_bare, every_log_is_written_and_its_file_removed)
{
    struct error e = {0};
    double groups_s = 0;
    cr_assert_eq(bare_groups_s(folder, 2, 5000, 0.05, &groups_s, &e), 0, "%s", e.text);
    cr_assert(groups_s > 0);
}

Test(load_bare, a_group_larger_than_a_file_is_refused)
{
    struct error e = {0};
    double groups_s = 0;
    cr_assert_lt(bare_groups_s(folder, 1, (size_t)1 << 30, 0.05, &groups_s, &e), 0);
    cr_assert(e.text[0]);
}

Test(load_bare, a_folder_that_is_missing_is_told)
{
    struct error e = {0};
    double groups_s = 0;
    cr_assert_lt(bare_groups_s("/nowhere/at/all", 1, 5000, 0.05, &groups_s, &e), 0);
    cr_assert(e.text[0]);
}
