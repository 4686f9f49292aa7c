// SPDX-License-Identifier: MIT
// SOURCES: kernel/exec_args.c kernel/exec_script.c tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
/*
 * Argument strings on their way through the kernel, and the first lines of scripts. "User memory"
 * is host memory here, so that what arrives on the new stack can be compared with a plain argv.
 */
#include <string.h>

#include "kernel/errno.h"
#include "kernel/exec.h"
#include "kernel/process.h"
#include "mm/slab.h"
#include "mm/usercopy.h"
#include "tests/mock/mock.h"

void *malloc(size_t size);
void free(void *p);

static uint64_t stack_limit;
static int kernel_objects, faults_at; /* the n-th user access faults; 0: none */

uint64_t process_limit(unsigned resource)
{
	assert_int_equal(resource, RLIMIT_STACK);
	return stack_limit;
}

void *kmalloc(size_t size, unsigned flags)
{
	void *p;

	if (mock_alloc_should_fail())
		return NULL;
	p = malloc(size);
	if (flags & ALLOC_ZERO)
		memset(p, 0, size);
	kernel_objects++;
	return p;
}

void kfree(void *p)
{
	kernel_objects -= p != NULL;
	free(p);
}

static bool faults(void)
{
	return faults_at && --faults_at == 0;
}

int64_t copy_string_from_user(char *dst, virt_addr_t src, size_t size)
{
	size_t n = strnlen((const char *)src, size);

	if (faults())
		return -EFAULT;
	memcpy(dst, (const char *)src, n < size ? n + 1 : n);
	return n < size ? (int64_t)n : -ENAMETOOLONG;
}

int copy_to_user(virt_addr_t dst, const void *src, size_t n)
{
	if (faults())
		return -EFAULT;
	memcpy((void *)dst, src, n);
	return 0;
}

int user_load64(uint64_t *value, virt_addr_t src)
{
	if (faults())
		return -EFAULT;
	*value = *(uint64_t *)src;
	return 0;
}

int user_store64(virt_addr_t dst, uint64_t value)
{
	if (faults())
		return -EFAULT;
	*(uint64_t *)dst = value;
	return 0;
}

static int setup(void **state)
{
	stack_limit = 8 << 20;
	kernel_objects = faults_at = 0;
	return mock_setup(state);
}

static int teardown(void **state)
{
	assert_int_equal(kernel_objects, 0);
	return mock_teardown(state);
}

/* ---- Strings ---- */

static char block[ARG_PAGES_MAX * 4096], long_string[ARG_STRING_MAX + 10];
static uint64_t pointers[4096];

/* Copies argv and envp in and out and compares. */
static int round_trip(char **argv, char **envp)
{
	struct exec_args *a = args_create();
	virt_addr_t end, env;
	unsigned argc = 0, envc = 0;
	int err = a ? 0 : -ENOMEM;

	if (err == 0)
		err = args_add_vector(a, (struct arg_vector){ .user = (virt_addr_t)argv }, 0,
				      &a->argc);
	if (err == 0)
		err = args_add_vector(a, (struct arg_vector){ .user = (virt_addr_t)envp }, 0,
				      &a->envc);
	if (err == 0)
		err = args_copy_out(a, (virt_addr_t)block);
	if (err == 0)
		err = args_write_pointers(a, (virt_addr_t)pointers, (virt_addr_t)block, &end, &env);
	if (err == 0) {
		while (argv && argv[argc])
			argc++;
		while (envp && envp[envc])
			envc++;
		assert_int_equal(pointers[0], argc);
		for (unsigned i = 0; i < argc; i++)
			assert_string_equal((char *)pointers[1 + i], argv[i]);
		assert_int_equal(pointers[1 + argc], 0);
		for (unsigned i = 0; i < envc; i++)
			assert_string_equal((char *)pointers[2 + argc + i], envp[i]);
		assert_int_equal(pointers[2 + argc + envc], 0);
		assert_ptr_equal(end, &pointers[3 + argc + envc]);
		assert_true(envc == 0 || env == pointers[2 + argc]);
	}
	args_free(a);
	return err;
}

static void fill_long(size_t n)
{
	memset(long_string, 'x', n);
	long_string[n] = '\0';
}

static void few_strings(void **state)
{
	char *argv[] = { "ls", "-l", "", "a b", NULL }, *envp[] = { "HOME=/", "", NULL },
	     *none[] = { NULL };

	(void)state;
	assert_int_equal(round_trip(argv, envp), 0);
	assert_int_equal(round_trip(argv, none), 0);
	assert_int_equal(round_trip(none, NULL), 0);
}

/* Strings of every length around a page, so that every kind of boundary is met. */
static void across_pages(void **state)
{
	char *argv[] = { "first", long_string, "last", NULL },
	     *envp[] = { long_string, "E=1", NULL };

	(void)state;
	for (size_t n = 4070; n < 4110; n++) {
		fill_long(n);
		assert_int_equal(round_trip(argv, envp), 0);
	}
	fill_long(ARG_STRING_MAX - 5000);
	assert_int_equal(round_trip(argv, (char *[]){ NULL }), 0);
}

static void limits(void **state)
{
	static char *argv[3000];

	(void)state;
	fill_long(ARG_STRING_MAX + 5);
	argv[0] = long_string;
	assert_int_equal(round_trip(argv, NULL), -E2BIG); /* one string */
	fill_long(1000);
	for (int i = 0; i < 2500; i++)
		argv[i] = long_string;
	assert_int_equal(round_trip(argv, NULL), -E2BIG); /* more than 2 MB */
	argv[1500] = NULL;
	assert_int_equal(round_trip(argv, NULL), 0);
	stack_limit = 1 << 20; /* a quarter of it is less */
	assert_int_equal(round_trip(argv, NULL), -E2BIG);
	stack_limit = 4096; /* but this much is always allowed */
	argv[120] = NULL;
	assert_int_equal(round_trip(argv, NULL), 0);
	argv[0] = "";
	for (int i = 0; i < 3000 - 1; i++)
		argv[i] = "";
	argv[2999] = NULL;
	assert_int_equal(round_trip(argv, NULL), 0); /* pointers count as well: 3,000 are 24 KB */
}

static void every_failure(void **state)
{
	char *argv[] = { "program", long_string, NULL }, *envp[] = { "A=1", "B=2", NULL };

	(void)state;
	fill_long(9000);
	for (unsigned n = 1;; n++) {
		int err;

		mock_fail_allocation(n);
		err = round_trip(argv, envp);
		if (!mock_failed_allocation()) {
			assert_int_equal(err, 0);
			break;
		}
		assert_int_equal(err, -ENOMEM);
	}
	mock_fail_allocation(0);
	for (int n = 1;; n++) {
		int err;

		faults_at = n;
		err = round_trip(argv, envp);
		if (faults_at > 0) {
			assert_int_equal(err, 0);
			break;
		}
		assert_int_equal(err, -EFAULT);
	}
	faults_at = 0;
}

/* A killed task's memory requests fail: that is no lack of memory. */
static void killed_meanwhile(void **state)
{
	char *argv[] = { "program", NULL };

	(void)state;
	current()->hot.pending |= TASK_KILLED;
	mock_fail_allocation(2);
	assert_int_equal(round_trip(argv, NULL), -EINTR);
	current()->hot.pending = 0;
}

/* ---- Scripts ---- */

static void expect_script(const char *line, const char *interp, const char *arg)
{
	char buf[EXEC_HEAD];
	const char *i, *a;

	strcpy(buf, line);
	if (!interp) {
		assert_int_equal(script_parse(buf, &i, &a), -ENOEXEC);
		return;
	}
	assert_int_equal(script_parse(buf, &i, &a), 0);
	assert_string_equal(i, interp);
	if (arg)
		assert_string_equal(a, arg);
	else
		assert_null(a);
}

static void script_lines(void **state)
{
	(void)state;
	expect_script("/bin/sh\necho", "/bin/sh", NULL);
	expect_script("/bin/sh", "/bin/sh", NULL); /* no end of line, but of file */
	expect_script("  \t/bin/sh  \n", "/bin/sh", NULL);
	expect_script(" /usr/bin/awk -f \n", "/usr/bin/awk", "-f");
	expect_script("/usr/bin/env  a b\tc  \nrest", "/usr/bin/env", "a b\tc");
	expect_script("\n", NULL, NULL);
	expect_script("   \t \n/bin/sh", NULL, NULL);
	expect_script("", NULL, NULL);
}

static void cut_script_lines(void **state)
{
	char line[EXEC_HEAD];

	(void)state;
	memset(line, 'x', EXEC_HEAD - 2);
	line[EXEC_HEAD - 2] = '\0';
	expect_script(line, NULL, NULL); /* the name itself may be cut */
	line[5] = ' ';                   /* only the argument is */
	expect_script(line, "xxxxx", line + 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(few_strings),      TEST(across_pages),     TEST(limits),
		TEST(every_failure),    TEST(killed_meanwhile), TEST(script_lines),
		TEST(cut_script_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
