// SPDX-License-Identifier: MIT
// The default policy, by tables: whoever scores most is ended, who is exempt never, who dies
// already first.
// SOURCES: mm/oom/score.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/oom/oom.h"

#define TOTAL 30000 /* pages of the machine */
#define P     &oom_policy_linux

static void test_score(void **state)
{
	static const struct {
		uint64_t rss, swapped, tables;
		int adj;
		int64_t score;
	} cases[] = {
		{ 0, 0, 0, 0, 0 },
		{ 100, 20, 3, 0, 123 },
		{ 100, 20, 3, 1000, 30123 },
		{ 100, 20, 3, -500, 123 - 15000 },
		{ 20000, 10000, 60, -1000, 60 },
		{ 10, 0, 0, 1, 40 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct oom_candidate c = { .rss = cases[i].rss,
					   .swapped = cases[i].swapped,
					   .tables = cases[i].tables,
					   .adj = cases[i].adj };

		assert_int_equal((P)->score(&c, TOTAL), cases[i].score);
	}
}

#define MAX_CANDIDATES 4

static void test_decide(void **state)
{
	static const struct {
		const char *what;
		unsigned n;
		int chosen;
		struct oom_candidate c[MAX_CANDIDATES];
	} cases[] = {
		{ "nobody there", 0, -1, { { 0 } } },
		{ "all exempt",
		  2,
		  -1,
		  { { .score = 5, .exempt = "init" }, { .score = 9, .exempt = "real-time" } } },
		{ "the largest", 3, 1, { { .score = 5 }, { .score = 9 }, { .score = 7 } } },
		{ "the largest that is not exempt",
		  3,
		  2,
		  { { .score = 5 }, { .score = 9, .exempt = "init" }, { .score = 7 } } },
		{ "below zero too", 2, 0, { { .score = -5 }, { .score = -9 } } },
		{ "the younger of equals",
		  3,
		  1,
		  { { .score = 5, .start_time = 10 },
		    { .score = 5, .start_time = 30 },
		    { .score = 5, .start_time = 20 } } },
		{ "who dies already",
		  3,
		  2,
		  { { .score = 5 }, { .score = 9 }, { .score = 1, .dying = true } } },
		{ "not who is ended already and does not come to its end",
		  2,
		  0,
		  { { .score = 5 }, { .score = 90, .dying = true, .exempt = "ended already" } } },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		if ((P)->decide(cases[i].c, cases[i].n) != cases[i].chosen)
			fail_msg("%s: chose another", cases[i].what);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_score),
					    cmocka_unit_test(test_decide) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
