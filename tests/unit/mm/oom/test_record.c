// SPDX-License-Identifier: MIT
// SOURCES: mm/oom/record.c kernel/lib/format.c tests/mock/machine.c tests/mock/kernel.c
// DEFINES: CONFIG_DEBUG=1
// The record of reports: what was said comes back, the oldest goes first and by lines, long lines
// end, and without frames there is the log alone.
#include <stdlib.h>
#include <string.h>

#include "mm/buddy.h"
#include "mm/oom.h"
#include "mm/oom/oom.h"
#include "tests/mock/mock.h"

#define RING (4 * PAGE_SIZE)

static unsigned frames_left, frames_out;

struct page *page_alloc(unsigned flags)
{
	assert_int_equal(flags, ALLOC_NOWAIT | ALLOC_RESERVE);
	if (frames_left == 0)
		return NULL;
	frames_left--;
	return pfn_to_page(mock_first_pfn() + 1 + frames_out++);
}

void page_free(struct page *p, unsigned order)
{
	(void)p;
	assert_int_equal(order, 0);
	frames_out--;
}

static char text[2 * RING];
static size_t length;

static void put(void *arg, const char *from, size_t n)
{
	(void)arg;
	memcpy(text + length, from, n);
	length += n;
	text[length] = '\0';
}

static const char *recorded(void)
{
	length = 0;
	text[0] = '\0';
	oom_record_read(put, NULL);
	return text;
}

static int setup(void **state)
{
	mock_setup(state);
	frames_left = 100;
	frames_out = 0;
	return 0;
}

static int teardown(void **state)
{
	oom_record_forget();
	assert_int_equal(frames_out, 0);
	return mock_teardown(state);
}

static void test_lines(void **state)
{
	(void)state;
	assert_string_equal(recorded(), "");
	assert_int_equal(frames_out, 0); /* nothing was said yet, nothing is taken */
	oom_say(LOG_INFO, "first %d", 1);
	oom_say(LOG_ERROR, "second %s", "line");
	assert_string_equal(recorded(), "first 1\nsecond line\n");
	assert_string_equal(recorded(), "first 1\nsecond line\n");
	assert_non_null(strstr(mock_log(), "second line"));
	oom_say(LOG_INFO, "of %s", "a\noom: forged\tname");
	assert_string_equal(recorded(), "first 1\nsecond line\nof a?oom: forged?name\n");
}

static void test_long_line(void **state)
{
	char line[1000];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	oom_say(LOG_INFO, "%s", line);
	oom_say(LOG_INFO, "next");
	recorded();
	assert_in_range(length, 100, 300);
	assert_string_equal(text + length - 6, "\nnext\n");
}

/* More than there is room for: whole lines, the newest of them, as many as fit but one. */
static void test_wraps(void **state)
{
	unsigned first, last = 0, lines = 0;
	char *at;

	(void)state;
	for (unsigned i = 0; i < 3000; i++)
		oom_say(LOG_INFO, "%u line", i);
	recorded();
	assert_in_range(length, RING - 20, RING);
	first = (unsigned)strtoul(text, &at, 10);
	assert_string_not_equal(text, "");
	for (at = text; *at != '\0'; at = strchr(at, '\n') + 1) {
		last = (unsigned)strtoul(at, NULL, 10);
		assert_int_equal(last, first + lines++);
		assert_memory_equal(strchr(at, ' '), " line\n", 6);
	}
	assert_int_equal(last, 2999);
}

static void test_no_frames(void **state)
{
	(void)state;
	frames_left = 3; /* all or none */
	oom_say(LOG_INFO, "lost");
	assert_string_equal(recorded(), "");
	assert_non_null(strstr(mock_log(), "lost"));
	frames_left = 1;
	oom_say(LOG_INFO, "kept");
	assert_string_equal(recorded(), "kept\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_lines), TEST(test_long_line),
					    TEST(test_wraps), TEST(test_no_frames) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
