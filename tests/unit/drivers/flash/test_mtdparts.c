// SPDX-License-Identifier: MIT
// SOURCES: drivers/flash/mtdparts.c kernel/lib/parse.c kernel/lib/format.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c
// mtdparts=: what is taken, and what each mistake is told.
#include <stdlib.h>
#include <string.h>

#include "drivers/flash/mtdparts.h"
#include "kernel/errno.h"
#include "tests/mock/mock.h"

#define CHIP      ((uint64_t)64 << 20)
#define MAX_PARTS 4

static struct mtdpart parts[MAX_PARTS];
static struct mtdparts_error wrong;

static int parse(const char *text)
{
	/* A copy of exactly its length, for the sanitizer. */
	char *copy = strdup(text);
	int n = mtdparts_parse(copy, "pflash1", CHIP, parts, MAX_PARTS, &wrong);

	free(copy);
	return n;
}

static void expect(unsigned i, const char *name, uint64_t offset, uint64_t size, bool read_only)
{
	assert_string_equal(parts[i].name, name);
	assert_int_equal(parts[i].offset, offset);
	assert_int_equal(parts[i].size, size);
	assert_int_equal(parts[i].read_only, read_only);
}

static void test_forms(void **state)
{
	(void)state;
	assert_int_equal(parse("pflash1:256k(env),-(swap)"), 2);
	expect(0, "env", 0, 256 << 10, false);
	expect(1, "swap", 256 << 10, CHIP - (256 << 10), false);

	assert_int_equal(parse("pflash1:1M@2M(b)ro,0x40000@0(a),-@0x300000"), 3);
	expect(0, "b", 2 << 20, 1 << 20, true);
	expect(1, "a", 0, 0x40000, false);
	expect(2, "part2", 3 << 20, CHIP - (3 << 20), false);

	assert_int_equal(parse("other:1k(x),-;pflash1:64m(all);third:9G"), 1);
	expect(0, "all", 0, CHIP, false);
	assert_int_equal(parse("other:1k(x)"), 0);
	assert_int_equal(parse("pflash10:1M;pflash:1M"), 0);
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *text;
		size_t where;
		const char *what;
	} cases[] = {
		{ "", 0, "chip" },
		{ "pflash1", 0, "chip" },
		{ ":1M", 0, "chip" },
		{ "pflash1:", 8, "number" },
		{ "pflash1:x", 8, "number" },
		{ "pflash1:1M,", 11, "number" },
		{ "pflash1:0(a)", 9, "zero" },
		{ "pflash1:1M@(a)", 11, "number" },
		{ "pflash1:1M(a", 11, "parenthesis" },
		{ "pflash1:1M()", 11, "empty" },
		{ "pflash1:1M(a234567890123456789012345678901234)", 11, "too long" },
		{ "pflash1:1M(a)rw", 13, "should be here" },
		{ "pflash1:1M(a) ", 13, "should be here" },
		{ "pflash1:1Mk", 10, "should be here" },
		{ "pflash1:-(a),1M(b)", 12, "rest" },
		{ "pflash1:99999999999999999999M", 8, "too large" },
		{ "pflash1:16777216Q", 16, "should be here" },
		{ "pflash1:65M", 11, "ends behind" },
		{ "pflash1:1M@64M", 14, "begins behind" },
		{ "pflash1:64M,1M", 14, "begins behind" },
		{ "pflash1:1M@18446744073709551615", 31, "begins behind" },
		{ "pflash1:2M@0(a),1M@1M(b)", 24, "over another" },
		{ "pflash1:1M,1M,1M,1M,1M", 22, "too many" },
		{ "pflash1:1M;pflash1:1M", 18, "twice" },
		{ "other:bad;pflash1:1M", 6, "number" },
		{ "pflash1:1M;", 11, "chip" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (parse(cases[i].text) != -EINVAL)
			fail_msg("\"%s\" was taken", cases[i].text);
		if (!strstr(wrong.what, cases[i].what))
			fail_msg("\"%s\": told \"%s\"", cases[i].text, wrong.what);
		/* Where the number begins is not known any more when it was too large. */
		if (wrong.where > strlen(cases[i].text) ||
		    (wrong.where != cases[i].where && !strstr(wrong.what, "too large") &&
		     !strstr(wrong.what, "twice")))
			fail_msg("\"%s\": told place %zu", cases[i].text, wrong.where);
	}
}

static void test_noise(void **state)
{
	static const char letters[] = "pflash1:;,-@()kMGro0x9 1";
	char text[40];

	(void)state;
	srand(3);
	for (unsigned round = 0; round < 200000; round++) {
		size_t n = round % 2 ? 8 : 0, len = n + (size_t)rand() % (sizeof(text) - 9);
		int count;

		memcpy(text, "pflash1:", 8);
		for (; n < len; n++)
			text[n] = letters[(size_t)rand() % (sizeof(letters) - 1)];
		text[len] = 0;
		count = parse(text);
		assert_true(count == -EINVAL || (count >= 0 && count <= MAX_PARTS));
		for (int i = 0; i < count; i++)
			assert_true(parts[i].size > 0 && parts[i].offset < CHIP &&
				    parts[i].size <= CHIP - parts[i].offset);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
