// SPDX-License-Identifier: MIT
// SOURCES: kernel/fs/locks.c tests/unit/kernel/fs/fs_fake.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/slab.c
/*
 * Record locks against a reference that keeps, for each byte and each owner, what lock lies on it.
 */
#include "tests/mock/mock.h"

#include "kernel/fs/locks.h"
#include "kernel/process.h"
#include "tests/mock/objects.h"
#include "tests/unit/kernel/fs/fs_fake.h"

#define BYTES  40
#define OWNERS 3

static struct inode inode;
static struct file file;
static char owner_of[OWNERS]; /* addresses stand for tables of descriptors */
static short model[OWNERS][BYTES];

static bool closed; /* by another thread, while the lock was waited for */

bool files_hold(struct files *fs, unsigned fd, const struct file *f)
{
	assert_ptr_equal(fs, current()->files);
	assert_ptr_equal(f, &file);
	return fd == 3 && !closed;
}

uint64_t inode_size(const struct inode *i)
{
	(void)i;
	return 20;
}

static int setup(void **state)
{
	mock_setup(state);
	fake_begin();
	memset(&inode, 0, sizeof(inode));
	memset(model, 0, sizeof(model));
	file = (struct file){ .inode = &inode, .mode = FILE_READ | FILE_WRITE };
	return 0;
}

static void be(unsigned owner)
{
	current()->files = (struct files *)&owner_of[owner];
}

static int64_t call(unsigned owner, unsigned cmd, short type, int64_t start, int64_t len,
		    struct flock *out)
{
	struct flock fl = { .l_type = type, .l_start = start, .l_len = len };
	int64_t ret;

	be(owner);
	ret = locks_fcntl(&file, 3, cmd, (uintptr_t)&fl);
	if (out)
		*out = fl;
	return ret;
}

static bool model_conflict(unsigned owner, short type, int start, int end)
{
	for (unsigned o = 0; o < OWNERS; o++)
		for (int i = start; o != owner && i <= end; i++)
			if (model[o][i] == F_WRLCK || (model[o][i] == F_RDLCK && type == F_WRLCK))
				return true;
	return false;
}

/* Every byte of every owner, seen by a fourth. */
static void compare(void)
{
	for (int i = 0; i < BYTES; i++) {
		struct flock fl = { .l_type = F_WRLCK, .l_start = i, .l_len = 1 };
		bool any = false;

		for (unsigned o = 0; o < OWNERS; o++)
			any |= model[o][i] != F_UNLCK;
		current()->files = (struct files *)&file;
		assert_int_equal(locks_fcntl(&file, 3, F_GETLK, (uintptr_t)&fl), 0);
		assert_int_equal(fl.l_type != F_UNLCK, any);
	}
}

static void test_random(void **state)
{
	(void)state;
	for (unsigned o = 0; o < OWNERS; o++)
		for (int i = 0; i < BYTES; i++)
			model[o][i] = F_UNLCK;
	srand(3);
	for (int step = 0; step < 3000; step++) {
		static const short types[] = { F_RDLCK, F_WRLCK, F_UNLCK };
		unsigned owner = (unsigned)rand() % OWNERS;
		int start = rand() % BYTES, end = start + rand() % (BYTES - start);
		short type = types[rand() % 3];
		int64_t ret = call(owner, F_SETLK, type, start, end - start + 1, NULL);

		if (type != F_UNLCK && model_conflict(owner, type, start, end)) {
			assert_int_equal(ret, -EAGAIN);
			continue;
		}
		assert_int_equal(ret, 0);
		for (int i = start; i <= end; i++)
			model[owner][i] = type;
		if (step % 50 == 0)
			compare();
	}
	compare();
	for (unsigned o = 0; o < OWNERS; o++)
		file_locks_close(&file, (struct files *)&owner_of[o]);
	file_locks_free(&inode);
	assert_int_equal(mock_objects_out(), 0);
}

static void test_what_getlk_tells(void **state)
{
	struct flock fl;

	(void)state;
	current()->process->pid = 77;
	assert_int_equal(call(0, F_SETLK, F_WRLCK, 10, 5, NULL), 0);
	assert_int_equal(call(1, F_GETLK, F_RDLCK, 0, 0, &fl), 0);
	assert_int_equal(fl.l_type, F_WRLCK);
	assert_int_equal(fl.l_start, 10);
	assert_int_equal(fl.l_len, 5);
	assert_int_equal(fl.l_pid, 77);
	assert_int_equal(call(0, F_GETLK, F_RDLCK, 0, 0, &fl), 0);
	assert_int_equal(fl.l_type, F_UNLCK);
	file_locks_close(&file, (struct files *)&owner_of[0]);
	assert_int_equal(call(1, F_GETLK, F_RDLCK, 0, 0, &fl), 0);
	assert_int_equal(fl.l_type, F_UNLCK);
	file_locks_free(&inode);
}

/* The descriptor was closed before the lock was there: nobody would drop it later. */
static void test_closed_meanwhile(void **state)
{
	struct flock fl;

	(void)state;
	closed = true;
	assert_int_equal(call(0, F_SETLKW, F_WRLCK, 10, 5, NULL), -EBADF);
	assert_int_equal(call(0, F_OFD_SETLK, F_RDLCK, 10, 5, NULL), 0);
	assert_int_equal(call(0, F_OFD_SETLK, F_UNLCK, 10, 5, NULL), 0);
	closed = false;
	assert_int_equal(call(1, F_GETLK, F_WRLCK, 0, 0, &fl), 0);
	assert_int_equal(fl.l_type, F_UNLCK);
	file_locks_free(&inode);
}

static void test_bad_ranges(void **state)
{
	struct flock fl = { .l_type = F_RDLCK, .l_whence = 7 };

	(void)state;
	be(0);
	assert_int_equal(locks_fcntl(&file, 3, F_SETLK, (uintptr_t)&fl), -EINVAL);
	assert_int_equal(call(0, F_SETLK, F_RDLCK, -1, 1, NULL), -EINVAL);
	assert_int_equal(call(0, F_SETLK, F_RDLCK, 5, -6, NULL), -EINVAL);
	assert_int_equal(call(0, F_SETLK, F_RDLCK, INT64_MAX, 2, NULL), -EOVERFLOW);
	assert_int_equal(call(0, F_SETLK, 99, 0, 1, NULL), -EINVAL);
	assert_int_equal(call(0, F_GETLK, F_UNLCK, 0, 1, NULL), -EINVAL);
	assert_int_equal(locks_fcntl(&file, 3, F_SETLK, 0), -EFAULT);
	file.mode = FILE_READ;
	assert_int_equal(call(0, F_SETLK, F_WRLCK, 0, 1, NULL), -EBADF);
	file_locks_free(&inode);
}

static struct process *first_process;

/* Runs as another task. */
static void unlock_other(void)
{
	current()->process = first_process;
	assert_int_equal(call(1, F_SETLK, F_UNLCK, 0, 0, NULL), 0);
	mock_on_block = NULL;
}

static void test_waiting(void **state)
{
	(void)state;
	assert_int_equal(call(1, F_SETLK, F_WRLCK, 0, 10, NULL), 0);
	first_process = current()->process;
	mock_on_block = unlock_other;
	assert_int_equal(call(0, F_SETLKW, F_WRLCK, 5, 10, NULL), 0);
	file_locks_close(&file, (struct files *)&owner_of[0]);
	file_locks_free(&inode);
}

static void test_flock(void **state)
{
	struct file other = { .inode = &inode, .mode = FILE_READ };

	(void)state;
	assert_int_equal(locks_flock(&file, LOCK_EX), 0);
	assert_int_equal(locks_flock(&other, LOCK_SH | LOCK_NB), -EWOULDBLOCK);
	assert_int_equal(locks_flock(&file, LOCK_SH | LOCK_NB), 0);
	assert_int_equal(locks_flock(&other, LOCK_SH | LOCK_NB), 0);
	assert_int_equal(locks_flock(&file, LOCK_EX | LOCK_NB), -EWOULDBLOCK);
	/* Record locks are another kind. */
	assert_int_equal(call(0, F_SETLK, F_WRLCK, 0, 0, NULL), 0);
	file_locks_release(&other);
	assert_int_equal(locks_flock(&file, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(locks_flock(&file, 0), -EINVAL);
	file_locks_release(&file);
	file_locks_close(&file, (struct files *)&owner_of[0]);
	file_locks_free(&inode);
	assert_int_equal(mock_objects_out(), 0);
}

static void test_no_memory(void **state)
{
	(void)state;
	for (unsigned n = 1;; n++) {
		int64_t ret;

		mock_fail_allocation(n);
		ret = call(0, F_SETLK, F_WRLCK, 0, 10, NULL);
		if (ret == 0)
			ret = call(0, F_SETLK, F_UNLCK, 4, 2, NULL);
		assert_true(ret == 0 || ret == -ENOLCK || ret == -ENOMEM);
		if (inode.locks)
			file_locks_close(&file, (struct files *)&owner_of[0]);
		file_locks_free(&inode);
		inode.locks = NULL;
		assert_int_equal(mock_objects_out(), 0);
		if (!mock_failed_allocation())
			break;
	}
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, mock_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_random), T(test_what_getlk_tells), T(test_bad_ranges),       T(test_waiting),
		T(test_flock),  T(test_no_memory),        T(test_closed_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
