// SPDX-License-Identifier: MIT
// The policies, by tables of tasks: whoever scores most is ended, who is exempt never, who dies
// already first.
// SOURCES: mm/oom/policy.c mm/oom/linux.c mm/oom/priority.c mm/oom/newest.c mm/oom/panic.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "mm/oom/oom.h"

extern const struct oom_policy oom_policy_linux, oom_policy_priority, oom_policy_newest,
	oom_policy_panic;

#define TOTAL 30000 /* pages of the machine */
#define P     &oom_policy_linux

static void test_score(void **state)
{
	static const struct {
		uint64_t rss, shared, swapped, tables;
		int adj;
		int64_t score;
	} cases[] = {
		{ 0, 0, 0, 0, 0, 0 },
		{ 100, 0, 20, 3, 0, 123 },
		{ 100, 0, 20, 3, 1000, 30123 },
		{ 100, 0, 20, 3, -500, 123 - 15000 },
		{ 20000, 0, 10000, 60, -1000, 60 },
		{ 10, 0, 0, 0, 1, 40 },
		{ 256, 238, 0, 3, 0, 81 },            /* a shell, most of it a file's */
		{ 5000, 5000, 0, 10, 0, 5010 - 384 }, /* who fills shared memory */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct oom_candidate c = { .rss = cases[i].rss,
					   .shared = cases[i].shared,
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

/* Who goes in machines as they were, by every policy. */
static void test_scenes(void **state)
{
	enum { FAIR = 20, NICE = 1, IDLE = 0, RT = OOM_URGENCY_RT + 50 };
	static const struct {
		const char *what, *by_linux, *by_priority, *by_newest;
		struct oom_candidate c[6];
	} scenes[] = {
		{ "a leak beside a shell and a server",
		  "leak",
		  "leak",
		  "leak",
		  { { .name = "init", .rss = 30, .tables = 4, .urgency = FAIR, .exempt = "init" },
		    { .name = "sh", .rss = 90, .tables = 5, .urgency = FAIR, .grew = 10 },
		    { .name = "server",
		      .rss = 1500,
		      .swapped = 500,
		      .tables = 9,
		      .urgency = FAIR,
		      .grew = 40 },
		    { .name = "leak",
		      .rss = 9000,
		      .swapped = 3000,
		      .tables = 30,
		      .urgency = FAIR,
		      .grew = 90 } } },
		{ "a large server, and a job that just began",
		  "server",
		  "job",
		  "job",
		  { { .name = "sh", .rss = 90, .urgency = FAIR },
		    { .name = "server", .rss = 9000, .urgency = FAIR, .grew = 40 },
		    { .name = "job", .rss = 3000, .urgency = NICE, .grew = 41 } } },
		{ "a control loop larger than all, unlocked, and a logger",
		  "control",
		  "logger",
		  "logger",
		  { { .name = "control", .rss = 9000, .urgency = RT },
		    { .name = "logger", .rss = 100, .urgency = FAIR, .grew = 3 },
		    { .name = "sh", .rss = 90, .urgency = FAIR, .grew = 2 } } },
		{ "idle work is the first by priority, whatever its size",
		  "big",
		  "idle",
		  "big",
		  { { .name = "idle", .rss = 10, .urgency = IDLE },
		    { .name = "nice", .rss = 5000, .urgency = NICE },
		    { .name = "big", .rss = 9000, .urgency = FAIR, .grew = 1 } } },
		{ "one that offers itself, one that is protected",
		  "cache",
		  "cache",
		  "big",
		  { { .name = "cache", .rss = 100, .adj = 1000, .urgency = FAIR },
		    { .name = "db", .rss = 9000, .adj = -900, .urgency = FAIR, .grew = 8 },
		    { .name = "big", .rss = 8000, .urgency = FAIR, .grew = 9 } } },
		{ "all in swap counts as well",
		  "slept",
		  "slept",
		  "woke",
		  { { .name = "slept",
		      .rss = 1,
		      .swapped = 9000,
		      .tables = 20,
		      .urgency = FAIR,
		      .grew = 1 },
		    { .name = "woke", .rss = 8000, .tables = 17, .urgency = FAIR, .grew = 2 } } },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(scenes); i++) {
		const struct {
			const struct oom_policy *p;
			const char *who;
		} wanted[] = { { &oom_policy_linux, scenes[i].by_linux },
			       { &oom_policy_priority, scenes[i].by_priority },
			       { &oom_policy_newest, scenes[i].by_newest } };

		for (unsigned j = 0; j < ARRAY_SIZE(wanted); j++) {
			struct oom_candidate c[6];
			unsigned n;
			int chosen;

			for (n = 0; n < ARRAY_SIZE(c) && scenes[i].c[n].name[0] != '\0'; n++) {
				c[n] = scenes[i].c[n];
				c[n].start_time = n;
				c[n].score = wanted[j].p->score(&c[n], TOTAL);
			}
			chosen = wanted[j].p->decide(c, n);
			assert_true(chosen >= 0);
			if (strcmp(c[chosen].name, wanted[j].who) != 0)
				fail_msg("%s: %s chose %s", scenes[i].what, wanted[j].p->name,
					 c[chosen].name);
		}
		assert_int_equal(oom_policy_panic.decide(scenes[i].c, 2), OOM_RESTART);
	}
}

static void test_names(void **state)
{
	static const char *const names[] = { "linux", "newest", "panic", "priority" };
	unsigned found = 0, chosen = 0, i;
	const char *name;
	bool on;

	(void)state;
	assert_int_equal(oom_policy_choose("newest"), 0);
	for (i = 0; (name = oom_policy_name(i, &on)) != NULL; i++) {
		for (unsigned j = 0; j < ARRAY_SIZE(names); j++)
			found += strcmp(name, names[j]) == 0;
		chosen += on;
		assert_int_equal(on, strcmp(name, "newest") == 0);
	}
	assert_int_equal(found, ARRAY_SIZE(names));
	assert_int_equal(i, ARRAY_SIZE(names));
	assert_int_equal(chosen, 1);
	assert_int_equal(oom_policy_choose("linux"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_score),
					    cmocka_unit_test(test_decide),
					    cmocka_unit_test(test_scenes),
					    cmocka_unit_test(test_names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
