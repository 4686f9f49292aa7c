// SPDX-License-Identifier: MIT
// SOURCES: kernel/fs/sys_xattr.c tests/unit/kernel/fs/fs_fake.c tests/mock/machine.c tests/mock/kernel.c tests/mock/slab.c
// Extended attributes, which nothing has: what is looked at before they are refused, by path, by
// link and by descriptor.
#include "tests/mock/mock.h"

#include <linux/xattr.h>

#include "kernel/fs/files.h"
#include "kernel/fs/walk.h"
#include "kernel/syscall.h"
#include "tests/unit/kernel/fs/fs_fake.h"

SYSCALL(setxattr);
SYSCALL(lsetxattr);
SYSCALL(fsetxattr);
SYSCALL(getxattr);
SYSCALL(fgetxattr);
SYSCALL(listxattr);
SYSCALL(flistxattr);
SYSCALL(removexattr);

#define ARGS(...) ((const uint64_t[6]){ __VA_ARGS__ })
#define P(p)      (uint64_t)(uintptr_t)(p)

enum { FD_FILE, FD_PATH, FD_NONE };

static struct file file, place = { .mode = FILE_PATH };
static struct file *descriptors[] = { &file, &place, NULL };
static struct files files = { .refs = 1, .size = ARRAY_SIZE(descriptors), .file = descriptors };
static unsigned lookup_flags;
static int paths; /* that are held */

int path_lookup_user(int dirfd, uint64_t path, unsigned flags, struct path *out)
{
	assert_int_equal(dirfd, AT_FDCWD);
	lookup_flags = flags;
	if (!path)
		return -ENOENT;
	*out = (struct path){ 0 };
	paths++;
	return 0;
}

void path_put(struct path p)
{
	(void)p;
	paths--;
}

struct file *files_lookup(struct files *fs, unsigned fd)
{
	(void)fs, (void)fd;
	fail_msg("the table has one user");
	return NULL;
}

void file_put(struct file *f)
{
	(void)f;
}

static int setup(void **state)
{
	mock_setup(state);
	fake_begin();
	current()->files = &files;
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(paths, 0);
	current()->files = NULL;
	fake_end();
	return mock_teardown(state);
}

static void test_setting(void **state)
{
	static char name[XATTR_NAME_MAX + 2], value[100];
	uint64_t one = P("user.x"), to = P(value);

	(void)state;
	assert_int_equal(sys_setxattr(ARGS(P("/f"), one, to, 100, 0)), -EOPNOTSUPP);
	assert_int_equal(lookup_flags, 0);
	assert_int_equal(sys_lsetxattr(ARGS(P("/f"), one, to, 0, XATTR_CREATE)), -EOPNOTSUPP);
	assert_int_equal(lookup_flags, AT_SYMLINK_NOFOLLOW);
	assert_int_equal(sys_fsetxattr(ARGS(FD_FILE, one, to, 100, XATTR_REPLACE)), -EOPNOTSUPP);
	assert_int_equal(sys_setxattr(ARGS(0, one, to, 100, 0)), -ENOENT);
	assert_int_equal(sys_setxattr(ARGS(P("/f"), one, to, 100, 4)), -EINVAL);
	assert_int_equal(sys_setxattr(ARGS(P("/f"), P(""), to, 100, 0)), -ERANGE);
	memset(name, 'n', XATTR_NAME_MAX + 1);
	assert_int_equal(sys_setxattr(ARGS(P("/f"), P(name), to, 100, 0)), -ERANGE);
	assert_int_equal(sys_setxattr(ARGS(P("/f"), P(name + 1), to, 100, 0)), -EOPNOTSUPP);
	assert_int_equal(sys_setxattr(ARGS(P("/f"), one, to, XATTR_SIZE_MAX + 1, 0)), -E2BIG);
	assert_int_equal(sys_setxattr(ARGS(P("/f"), 0, to, 100, 0)), -EFAULT);
	assert_int_equal(sys_setxattr(ARGS(P("/f"), one, 0, 100, 0)), -EFAULT);
}

static void test_the_others(void **state)
{
	uint64_t one = P("user.x");
	char value[10];

	(void)state;
	assert_int_equal(sys_getxattr(ARGS(P("/f"), one, P(value), 10)), -EOPNOTSUPP);
	assert_int_equal(sys_getxattr(ARGS(P("/f"), 0, P(value), 10)), -EFAULT);
	assert_int_equal(sys_fgetxattr(ARGS(FD_FILE, one, P(value), 10)), -EOPNOTSUPP);
	assert_int_equal(sys_removexattr(ARGS(P("/f"), one)), -EOPNOTSUPP);
	assert_int_equal(sys_removexattr(ARGS(P("/f"), P(""))), -ERANGE);
	assert_int_equal(sys_listxattr(ARGS(P("/f"), P(value), 10)), 0);
	assert_int_equal(sys_flistxattr(ARGS(FD_FILE, P(value), 10)), 0);
	assert_int_equal(sys_flistxattr(ARGS(FD_PATH, P(value), 10)), -EBADF);
	assert_int_equal(sys_flistxattr(ARGS(FD_NONE, P(value), 10)), -EBADF);
	assert_int_equal(sys_flistxattr(ARGS((uint64_t)-1, P(value), 10)), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_setting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_others, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
