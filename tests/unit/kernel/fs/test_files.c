// SPDX-License-Identifier: MIT
// SOURCES: kernel/fs/files.c tests/unit/kernel/fs/fs_fake.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/slab.c
/*
 * Tables of descriptors against an array: the lowest free number is given out, tables grow and are
 * copied, nothing is closed twice.
 */
#include "tests/mock/mock.h"

#include "tests/mock/objects.h"
#include "kernel/fs/files.h"
#include "tests/unit/kernel/fs/fs_fake.h"

#define MODEL_FDS 3000

static struct file pool[4];
static int64_t open_count[4];

struct file *file_get(struct file *f)
{
	open_count[f - pool]++;
	return f;
}

void file_put(struct file *f)
{
	open_count[f - pool]--;
	assert_true(open_count[f - pool] >= 0);
}

static int setup(void **state)
{
	static struct inode inode;

	mock_setup(state);
	fake_begin();
	memset(open_count, 0, sizeof(open_count));
	for (unsigned i = 0; i < ARRAY_SIZE(pool); i++)
		pool[i].inode = &inode;
	current()->files = files_create();
	return 0;
}

static int teardown(void **state)
{
	files_put(current()->files);
	current()->files = NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(pool); i++)
		assert_int_equal(open_count[i], 0);
	assert_int_equal(mock_objects_out(), 0);
	fake_end();
	return mock_teardown(state);
}

static int install(unsigned which, int min, bool cloexec)
{
	int fd = file_install(file_get(&pool[which]), min, cloexec);

	if (fd < 0)
		file_put(&pool[which]);
	return fd;
}

static void test_lowest_first(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++)
		assert_int_equal(install(0, 0, false), i);
	assert_int_equal(file_close_fd(7), 0);
	assert_int_equal(file_close_fd(100), 0);
	assert_int_equal(install(0, 0, false), 7);
	assert_int_equal(install(0, 0, false), 100);
	assert_int_equal(install(0, 0, false), 200);
	assert_int_equal(install(0, 150, false), 201);
	assert_int_equal(file_close_fd(201), 0);
	assert_int_equal(file_close_fd(201), -EBADF);
	assert_int_equal(file_close_fd(UINT32_MAX), -EBADF);
}

static void test_limit(void **state)
{
	(void)state;
	fake_limit_nofile = 5;
	for (int i = 0; i < 5; i++)
		assert_int_equal(install(0, 0, false), i);
	assert_int_equal(install(0, 0, false), -EMFILE);
	assert_int_equal(file_install_at(&pool[0], 5, false), -EBADF);
	fake_limit_nofile = UINT64_MAX;
	assert_int_equal(install(0, 65536, false), -EMFILE);
	assert_int_equal(install(0, 65535, false), 65535);
}

static void test_borrow_counts_only_when_shared(void **state)
{
	struct fdref r;

	(void)state;
	assert_int_equal(install(1, 0, false), 0);
	r = fd_borrow(0);
	assert_ptr_equal(r.file, &pool[1]);
	assert_false(r.counted);
	assert_int_equal(open_count[1], 1);
	files_get(current()->files);
	r = fd_borrow(0);
	assert_true(r.counted);
	assert_int_equal(open_count[1], 2);
	fd_return(r);
	files_put(current()->files);
	assert_null(fd_borrow(1).file);
	assert_null(fd_borrow(-1).file);
	assert_null(fd_borrow(64).file);
}

static void test_close_on_exec(void **state)
{
	(void)state;
	for (int i = 0; i < 150; i++)
		assert_int_equal(install(2, 0, i % 3 == 0), i);
	assert_int_equal(files_set_cloexec(current()->files, 1, true), 0);
	assert_int_equal(files_set_cloexec(current()->files, 0, false), 0);
	assert_int_equal(files_set_cloexec(current()->files, 5000, false), -EBADF);
	files_close_on_exec(current()->files);
	for (int i = 0; i < 150; i++)
		assert_int_equal(fd_borrow(i).file == NULL, i == 1 || (i && i % 3 == 0));
}

/* Everything against a plain array; now and then the table is copied and the copy compared. */
static void test_random(void **state)
{
	static int model[MODEL_FDS]; /* 0: free, else which + 1; + 16: close on exec */
	struct files *copy;

	(void)state;
	memset(model, 0, sizeof(model));
	fake_limit_nofile = MODEL_FDS;
	srand(5);
	for (int step = 0; step < 20000; step++) {
		unsigned fd = (unsigned)rand() % (rand() % 10 ? 100 : MODEL_FDS),
			 which = (unsigned)rand() % 4;
		bool cloexec = rand() % 2;
		unsigned lowest = fd;

		switch (rand() % 4) {
		case 0:
		case 1:
			while (lowest < MODEL_FDS && model[lowest])
				lowest++;
			assert_int_equal(install(which, (int)fd, cloexec),
					 lowest < MODEL_FDS ? (int)lowest : -EMFILE);
			if (lowest < MODEL_FDS)
				model[lowest] = (int)which + 1 + 16 * cloexec;
			break;
		case 2:
			assert_int_equal(file_close_fd(fd), model[fd] ? 0 : -EBADF);
			model[fd] = 0;
			break;
		default:
			assert_int_equal(file_install_at(file_get(&pool[which]), fd, cloexec), fd);
			model[fd] = (int)which + 1 + 16 * cloexec;
		}
		if (step % 1000)
			continue;
		copy = files_copy(current()->files);
		for (unsigned i = 0; i < MODEL_FDS; i++) {
			struct file *f = files_lookup(copy, i);

			assert_ptr_equal(f, model[i] ? &pool[model[i] % 16 - 1] : NULL);
			assert_int_equal(files_get_cloexec(copy, i), model[i] / 16);
			if (f)
				file_put(f);
		}
		for (int i = files_next(copy, 0), k = 0; k < MODEL_FDS; k++)
			if (model[k]) {
				assert_int_equal(i, k);
				i = files_next(copy, (unsigned)i + 1);
			}
		files_put(copy);
	}
}

static void test_no_memory(void **state)
{
	(void)state;
	mock_fail_allocation(1);
	assert_int_equal(install(0, 100, false), -ENOMEM);
	mock_fail_allocation(1);
	file_get(&pool[0]);
	assert_int_equal(file_install_at(&pool[0], 100, false), -ENOMEM);
	file_put(&pool[0]);
	assert_int_equal(install(0, 100, false), 100);
	for (unsigned n = 1; n <= 2; n++) {
		mock_fail_allocation(n);
		assert_null(files_copy(current()->files));
	}
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_lowest_first),  T(test_limit),  T(test_borrow_counts_only_when_shared),
		T(test_close_on_exec), T(test_random), T(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
