// SPDX-License-Identifier: MIT
// SOURCES: kernel/fs/cpio.c
/*
 * Archives as they should be, and every way they can be damaged: cut off at each byte, with each
 * header character wrong, with lengths that lie. The archive lies at the end of an allocation, so
 * that AddressSanitizer sees any step beyond it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/errno.h"
#include "kernel/fs/cpio.h"

struct maker {
	char bytes[65536];
	size_t len;
};

static void pad(struct maker *m, size_t to)
{
	while (m->len % to)
		m->bytes[m->len++] = '\0';
}

/* name_room: size of the name field, terminator and padding included; 0: as small as can be. */
static void add(struct maker *m, const char *name, size_t name_room, unsigned mode,
		const char *data, size_t size)
{
	size_t n = name_room ? name_room : strlen(name) + 1;

	m->len += (size_t)sprintf(m->bytes + m->len,
				  "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", 7,
				  mode, 1, 2, 1, 99, size, 0, 0, 5, 6, n, 0);
	memset(m->bytes + m->len, 0, n);
	memcpy(m->bytes + m->len, name, strlen(name));
	m->len += n;
	pad(m, 4);
	memcpy(m->bytes + m->len, data, size);
	m->len += size;
	pad(m, 4);
}

static void end(struct maker *m, size_t align)
{
	add(m, "TRAILER!!!", 0, 0, "", 0);
	pad(m, align);
}

/* A copy whose last byte is the last of its allocation. */
static struct cpio open_copy(const struct maker *m, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, m->bytes, len);
	return (struct cpio){ .data = copy, .size = len };
}

static void close_copy(struct cpio *c)
{
	free((void *)c->data);
}

static void test_entries(void **state)
{
	struct maker *m = calloc(1, sizeof(*m));
	struct cpio_entry e;
	struct cpio c;

	(void)state;
	add(m, "dir", 0, 040755, "", 0);
	add(m, "dir/file", 0, 0100644, "hello", 5);
	end(m, 512);
	c = open_copy(m, m->len);
	assert_int_equal(cpio_next(&c, &e), 1);
	assert_string_equal(e.name, "dir");
	assert_int_equal(e.mode, 040755);
	assert_int_equal(cpio_next(&c, &e), 1);
	assert_string_equal(e.name, "dir/file");
	assert_int_equal(e.size, 5);
	assert_memory_equal(e.data, "hello", 5);
	assert_int_equal(e.ino, 7);
	assert_int_equal(e.uid, 1);
	assert_int_equal(e.gid, 2);
	assert_int_equal(e.mtime, 99);
	assert_int_equal(e.rdev_major, 5);
	assert_int_equal(e.rdev_minor, 6);
	assert_int_equal(cpio_next(&c, &e), 0);
	assert_int_equal(cpio_next(&c, &e), 0);
	close_copy(&c);
	free(m);
}

static void test_concatenated(void **state)
{
	struct maker *m = calloc(1, sizeof(*m));
	struct cpio_entry e;
	struct cpio c;

	(void)state;
	add(m, "a", 0, 0100644, "1", 1);
	end(m, 4096);
	add(m, "b", 0, 0100644, "2", 1);
	end(m, 4);
	c = open_copy(m, m->len);
	assert_int_equal(cpio_next(&c, &e), 1);
	assert_int_equal(c.archive, 0);
	assert_int_equal(cpio_next(&c, &e), 1);
	assert_string_equal(e.name, "b");
	assert_int_equal(c.archive, 1);
	assert_int_equal(cpio_next(&c, &e), 0);
	close_copy(&c);
	free(m);
}

static void test_padded_name_aligns_data(void **state)
{
	struct maker *m = calloc(1, sizeof(*m));
	char data[5000];
	struct cpio_entry e;
	struct cpio c;

	(void)state;
	memset(data, 'x', sizeof(data));
	add(m, "big", 4096 - 110, 0100755, data, sizeof(data));
	end(m, 4);
	c = open_copy(m, m->len);
	assert_int_equal(cpio_next(&c, &e), 1);
	assert_string_equal(e.name, "big");
	assert_int_equal(e.data - c.data, 4096);
	assert_int_equal(e.size, 5000);
	close_copy(&c);
	free(m);
}

static void test_cut_off_anywhere(void **state)
{
	struct maker *m = calloc(1, sizeof(*m));
	size_t first_end;

	(void)state;
	add(m, "one", 0, 0100644, "11111", 5);
	first_end = m->len;
	add(m, "two", 0, 0100644, "222", 3);
	end(m, 4);
	for (size_t len = 0; len < m->len; len++) {
		struct cpio c = open_copy(m, len);
		struct cpio_entry e;
		int entries = 0, ret;

		while ((ret = cpio_next(&c, &e)) > 0)
			entries++;
		if (len < first_end - 3) /* its padding may be missing */
			assert_int_equal(entries, 0);
		else
			assert_true(entries >= 1);
		/* An end between entries cannot be told from a whole archive; anything else is
		 * damage. */
		if (ret == 0)
			assert_true(c.at == len);
		else
			assert_int_equal(ret, -EINVAL);
		close_copy(&c);
	}
	free(m);
}

static void test_bad_headers(void **state)
{
	struct maker *m = calloc(1, sizeof(*m));

	(void)state;
	add(m, "one", 0, 0100644, "11111", 5);
	end(m, 4);
	for (size_t i = 0; i < 110; i++) {
		char saved = m->bytes[i];
		struct cpio_entry e;
		struct cpio c;

		m->bytes[i] = 'z';
		c = open_copy(m, m->len);
		assert_int_equal(cpio_next(&c, &e), -EINVAL);
		assert_int_equal(c.at, 0);
		close_copy(&c);
		m->bytes[i] = saved;
	}
	free(m);
}

static void expect_damaged(struct maker *m, size_t field, const char *text)
{
	char saved[8];
	struct cpio_entry e;
	struct cpio c;

	memcpy(saved, m->bytes + 6 + 8 * field, 8);
	memcpy(m->bytes + 6 + 8 * field, text, 8);
	c = open_copy(m, m->len);
	assert_int_equal(cpio_next(&c, &e), -EINVAL);
	close_copy(&c);
	memcpy(m->bytes + 6 + 8 * field, saved, 8);
}

static void test_lying_lengths(void **state)
{
	struct maker *m = calloc(1, sizeof(*m));

	(void)state;
	add(m, "one", 0, 0100644, "11111", 5);
	end(m, 4);
	expect_damaged(m, 6, "ffffffff"); /* file size */
	expect_damaged(m, 6, "00001000");
	expect_damaged(m, 11, "00000000"); /* name size */
	expect_damaged(m, 11, "ffffffff");
	expect_damaged(m, 11, "00000003"); /* no terminator within */
	free(m);
}

static void test_random_damage(void **state)
{
	struct maker *m = calloc(1, sizeof(*m));

	(void)state;
	for (int i = 0; i < 20; i++)
		add(m, "some/file", 0, 0100644, "contents", 8);
	end(m, 512);
	srand(1);
	for (int round = 0; round < 2000; round++) {
		struct cpio c = open_copy(m, m->len);
		struct cpio_entry e;
		int entries = 0, ret;

		for (int k = 0; k < 4; k++)
			((uint8_t *)c.data)[(size_t)rand() % m->len] = (uint8_t)rand();
		while ((ret = cpio_next(&c, &e)) > 0) {
			assert_true(e.data >= c.data &&
				    e.size <= (size_t)(c.data + c.size - e.data));
			assert_true(strlen(e.name) < c.size);
			entries++;
		}
		assert_true(entries <= 21);
		close_copy(&c);
	}
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_concatenated),
		cmocka_unit_test(test_padded_name_aligns_data),
		cmocka_unit_test(test_cut_off_anywhere),
		cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_lying_lengths),
		cmocka_unit_test(test_random_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
