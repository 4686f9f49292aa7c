// SPDX-License-Identifier: MIT
// SOURCES: kernel/fs/seals.c tests/unit/kernel/fs/fs_fake.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/slab.c
// Seals: what may be added when, and what each of them refuses.
#include "tests/mock/mock.h"

#include "kernel/fs/seals.h"
#include "tests/unit/kernel/fs/fs_fake.h"

const struct file_ops tmpfs_file_ops;
static const struct file_ops other_ops;
static struct object object;
static struct inode inode;
static struct file file;
static int writers; /* of the object; -1: denied */

uint64_t inode_size(const struct inode *i)
{
	(void)i;
	return 2 * PAGE_SIZE + 100;
}

int object_deny_writers(struct object *o)
{
	assert_ptr_equal(o, &object);
	if (writers > 0)
		return -EBUSY;
	writers = -1;
	return 0;
}

static int setup(void **state)
{
	mock_setup(state);
	inode = (struct inode){ .object = &object };
	mutex_init(&inode.mutex);
	file = (struct file){ .inode = &inode,
			      .mode = FILE_READ | FILE_WRITE,
			      .ops = &tmpfs_file_ops };
	writers = 0;
	return 0;
}

static int64_t add(uint32_t seals)
{
	return seals_fcntl(&file, F_ADD_SEALS, seals);
}

static int64_t get(void)
{
	return seals_fcntl(&file, F_GET_SEALS, 0);
}

static void test_adding(void **state)
{
	(void)state;
	assert_int_equal(get(), 0);
	assert_int_equal(add(0x40), -EINVAL);
	assert_int_equal(add(F_SEAL_GROW), 0);
	assert_int_equal(add(F_SEAL_SHRINK), 0);
	assert_int_equal(get(), F_SEAL_GROW | F_SEAL_SHRINK);
	file.mode = FILE_READ;
	assert_int_equal(add(F_SEAL_WRITE), -EPERM);
	file.mode |= FILE_WRITE;
	assert_int_equal(add(F_SEAL_SEAL), 0);
	assert_int_equal(add(F_SEAL_SEAL), -EPERM);
	file.ops = &other_ops;
	assert_int_equal(get(), -EINVAL);
	assert_int_equal(add(F_SEAL_GROW), -EINVAL);
}

static void test_writers(void **state)
{
	(void)state;
	writers = 1;
	assert_int_equal(add(F_SEAL_WRITE | F_SEAL_GROW), -EBUSY);
	assert_int_equal(get(), 0);
	assert_int_equal(add(F_SEAL_FUTURE_WRITE), 0); /* those that are there may stay */
	writers = 0;
	assert_int_equal(add(F_SEAL_WRITE), 0);
	assert_int_equal(writers, -1);
}

static void test_sizes(void **state)
{
	uint64_t size = inode_size(&inode);

	(void)state;
	assert_int_equal(seals_check_size(&inode, 0), 0);
	assert_int_equal(add(F_SEAL_GROW), 0);
	assert_int_equal(seals_check_size(&inode, size + 1), -EPERM);
	assert_int_equal(seals_check_size(&inode, size), 0);
	assert_int_equal(seals_check_size(&inode, size - 1), 0);
	assert_int_equal(add(F_SEAL_SHRINK), 0);
	assert_int_equal(seals_check_size(&inode, size - 1), -EPERM);
	assert_int_equal(seals_check_size(&inode, size), 0);
}

static void test_writing(void **state)
{
	uint64_t size = inode_size(&inode);

	(void)state;
	assert_int_equal(seals_check_write(&inode, size, 50), 50);
	assert_int_equal(add(F_SEAL_GROW), 0);
	assert_int_equal(seals_check_write(&inode, size - 50, 50), 50);
	assert_int_equal(seals_check_write(&inode, size - 50, 51), -EPERM);
	assert_int_equal(seals_check_write(&inode, PAGE_SIZE, size), PAGE_SIZE);
	assert_int_equal(seals_check_write(&inode, size, 1), -EPERM);
	assert_int_equal(add(F_SEAL_FUTURE_WRITE), 0);
	assert_int_equal(seals_check_write(&inode, 0, 1), -EPERM);
}

static void test_mapping(void **state)
{
	bool may = true;

	(void)state;
	assert_int_equal(seals_check_map(&file, true, &may), 0);
	assert_true(may);
	assert_int_equal(add(F_SEAL_WRITE), 0);
	assert_int_equal(seals_check_map(&file, false, &may), 0);
	assert_false(may);
	assert_int_equal(seals_check_map(&file, true, &may), -EPERM);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_adding), T(test_writers), T(test_sizes),
					    T(test_writing), T(test_mapping) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
