// SPDX-License-Identifier: MIT
// SOURCES: kernel/lib/format.c
// Every conversion, with flags, widths and precisions in all combinations, against the host's
// snprintf.
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/lib/string.h"

/* Wrong and computed format strings are what is tested here. */
#pragma GCC diagnostic ignored "-Wformat"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat-overflow"
#endif

#define SAME(fmt, ...)                                                                             \
	do {                                                                                       \
		char want[200], got[200];                                                          \
		int n = snprintf(want, sizeof(want), fmt, __VA_ARGS__);                            \
		assert_int_equal(format(got, sizeof(got), fmt, __VA_ARGS__), n);                   \
		assert_string_equal(got, want);                                                    \
	} while (0)

/* C leaves # with d and u, and 0 with s, undefined: those are left out. */
static void build(char *fmt, unsigned flags, const char *width, const char *tail)
{
	static const char chars[] = "-+ 0#";

	*fmt++ = '[';
	*fmt++ = '%';
	for (unsigned i = 0; i < 5; i++)
		if (flags & (1u << i))
			*fmt++ = chars[i];
	sprintf(fmt, "%s%s]", width, tail);
}

static const char *const widths[] = { "", "1", "7", "25", ".0", ".1", ".12", "9.3", "30.25", "." };

static void test_integers(void **state)
{
	static const long long values[] = { 0,       1,         -1,       9,     10,
					    -128,    255,       32767,    65536, INT_MAX,
					    INT_MIN, LLONG_MAX, LLONG_MIN };
	static const char *const tails[] = { "hhd", "hd",  "d",   "i", "ld",  "lld", "zd", "jd",
					     "td",  "hhu", "hu",  "u", "lu",  "llu", "zu", "hhx",
					     "x",   "lX",  "llx", "o", "llo", "hho" };
	char fmt[40];

	(void)state;
	for (unsigned t = 0; t < ARRAY_SIZE(tails); t++) {
		char conv = tails[t][strlen(tails[t]) - 1];
		bool sharp = conv == 'x' || conv == 'X' || conv == 'o';

		for (unsigned flags = 0; flags < (sharp ? 32u : 16u); flags++)
			for (unsigned w = 0; w < ARRAY_SIZE(widths); w++)
				for (unsigned v = 0; v < ARRAY_SIZE(values); v++) {
					build(fmt, flags, widths[w], tails[t]);
					SAME(fmt, values[v]);
				}
	}
}

static void test_text(void **state)
{
	(void)state;
	SAME("%s|%10s|%-10s|%.3s|%-8.2s|", "hello", "hello", "hello", "hello", "hello");
	SAME("%c%5c%-5c|", 'a', 'b', 'c');
	SAME("%%|%d%%", 5);
	SAME("%*d|%-*d|%.*d|%*.*d", 6, 42, 6, 42, 4, 42, -8, 3, 42);
	SAME("%.*s", -1, "negative precision is none");
	SAME("%p %20p|%-20p|", (void *)0x1234abcd, (void *)1, (void *)2);
}

static void test_bounds(void **state)
{
	char buf[8] = "zzzzzzz";

	(void)state;
	assert_int_equal(format(buf, 4, "%s", "abcdef"), 6);
	assert_string_equal(buf, "abc");
	assert_int_equal(buf[4], 'z');
	assert_int_equal(format(buf, 1, "%d", 123), 3);
	assert_string_equal(buf, "");
	assert_int_equal(format(NULL, 0, "%d", 123), 3);
	assert_int_equal(format(buf, sizeof(buf), "%s", (char *)NULL), 6);
	assert_string_equal(buf, "(null)");
	/* Mistakes show as they stand. */
	format(buf, sizeof(buf), "%y");
	assert_string_equal(buf, "%y");
	format(buf, sizeof(buf), "a%");
	assert_string_equal(buf, "a%");
	/* An absurd width ends. */
	assert_true(format(buf, sizeof(buf), "%99999999999d", 1) >= 100000);
}

/* No terminator within the precision is needed. */
static void test_unterminated(void **state)
{
	char *s = malloc(3), buf[8];

	(void)state;
	memcpy(s, "abc", 3);
	format(buf, sizeof(buf), "%.3s", s);
	assert_string_equal(buf, "abc");
	free(s);
}

static void test_string_copy(void **state)
{
	char buf[4];

	(void)state;
	assert_int_equal(string_copy(buf, "ab", sizeof(buf)), 2);
	assert_string_equal(buf, "ab");
	assert_int_equal(string_copy(buf, "abcdef", sizeof(buf)), 6);
	assert_string_equal(buf, "abc");
	assert_int_equal(string_copy(buf, "x", 1), 1);
	assert_string_equal(buf, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),    cmocka_unit_test(test_text),
		cmocka_unit_test(test_bounds),      cmocka_unit_test(test_unterminated),
		cmocka_unit_test(test_string_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
