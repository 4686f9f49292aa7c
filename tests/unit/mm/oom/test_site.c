// SPDX-License-Identifier: MIT
// SOURCES: mm/oom/site.c tests/mock/machine.c tests/mock/kernel.c
// DEFINES: CONFIG_DEBUG=1 OOM_SITES=1
// Memory that ends in an allocation: once armed in the first on a new call path, by whom it is
// meant for, and in no other.
#include "mm/oom_site.h"

#include "kernel/process.h"
#include "mm/buddy.h"
#include "mm/oom/oom.h"
#include "tests/mock/mock.h"

static struct process process;
static unsigned asked;
static bool ends_asker;
static bool (*meanwhile)(void);

/* ---- Call paths ---- */

#define WAYS 64

/* Calls that no compiler makes one of. */
#define WAY(n)                                                                                     \
	case n:                                                                                    \
		fails = oom_site(flags);                                                           \
		__asm__ volatile("# " #n ::: "memory");                                            \
		break;
#define WAYS_4(n)  WAY(n) WAY(n + 1) WAY(n + 2) WAY(n + 3)
#define WAYS_16(n) WAYS_4(n) WAYS_4(n + 4) WAYS_4(n + 8) WAYS_4(n + 12)

static NOINLINE bool allocate(unsigned way, unsigned flags)
{
	bool fails = false;

	switch (way) {
		WAYS_16(0)
		WAYS_16(16)
		WAYS_16(32)
		WAYS_16(48)
	}
	return fails;
}

bool oom_ask_and_wait(enum oom_reason why, unsigned alloc_flags, struct cgroup *group)
{
	assert_int_equal(why, OOM_TEST);
	assert_int_equal(alloc_flags, ALLOC_USER);
	assert_null(group);
	asked++;
	current()->oom_victim = ends_asker;
	if (meanwhile != NULL)
		assert_false(meanwhile());
	return true;
}

/* Arms, and goes ways that were not gone before: the filter may take one for another, but hardly
 * four. Whether the allocation fails. */
static bool meet(void)
{
	static unsigned way = 32;
	unsigned before = asked;
	bool fails = false;

	oom_site_arm();
	for (unsigned i = 0; i < 4 && asked == before; i++)
		fails = allocate(way++, ALLOC_USER);
	assert_true(way <= WAYS);
	assert_int_equal(asked, before + 1);
	return fails;
}

static bool is_armed(void)
{
	unsigned met;

	return oom_site_armed(&met);
}

static int setup(void **state)
{
	mock_setup(state);
	process = (struct process){ .oom_score_adj = 1000 };
	current()->process = &process;
	asked = 0;
	ends_asker = false;
	meanwhile = NULL;
	return 0;
}

static int teardown(void **state)
{
	current()->process = NULL;
	return mock_teardown(state);
}

/* Volatile: of what is written once no compiler shall make two calls. */
static volatile bool arms;
static volatile unsigned rounds = 4;

/* All ways of the first half, each armed for anew, or none. How many were met. */
static NOINLINE unsigned go_all(void)
{
	unsigned before = asked;

	for (unsigned way = 0; way < WAYS / 2; way++) {
		unsigned so_far = asked, met, met_now;

		if (arms)
			oom_site_arm();
		assert_int_equal(oom_site_armed(&met), arms);
		assert_false(allocate(way, ALLOC_USER));
		assert_int_equal(oom_site_armed(&met_now), arms && asked == so_far);
		assert_int_equal(met_now - met, asked - so_far);
	}
	return asked - before;
}

/* Each path once, and only when it was armed. */
static void test_paths(void **state)
{
	(void)state;
	arms = false;
	for (unsigned round = 0; round < rounds; round++, arms = true) {
		unsigned met = go_all();

		if (round == 1) /* the filter takes few for one that was met */
			assert_in_range(met, WAYS / 2 - 3, WAYS / 2);
		else
			assert_int_equal(met, 0);
	}
	assert_in_range(go_all(), WAYS / 2 - 6, WAYS / 2); /* the same calls, by another caller */
}

/* Only who may sleep, whom the test means, and who is not part of the answer. */
static void test_who(void **state)
{
	struct task *t = current();

	(void)state;
	oom_site_arm();
	for (unsigned i = 0; i < 6; i++) {
		t->process = i == 0 ? NULL : &process;
		t->memory_reserve = i == 1;
		t->oom_victim = i == 2;
		process.oom_score_adj = i == 3 ? 998 : i == 4 ? -1000 : 1000;
		for (unsigned way = 32; way < WAYS; way++)
			assert_false(
				allocate(way, i == 5 ? ALLOC_USER | ALLOC_NOWAIT : ALLOC_USER));
	}
	assert_int_equal(asked, 0);
	assert_true(is_armed());
	process.oom_score_adj = 999;
	assert_false(meet());
}

/* The allocation fails for who was ended by it; another's end lets it go on. */
static void test_answer(void **state)
{
	(void)state;
	assert_false(meet());
	ends_asker = true;
	assert_true(meet());
	assert_true(current()->oom_victim);
	current()->oom_victim = false;
}

static bool others_allocate(void)
{
	bool fails = false;

	for (unsigned way = 0; way < WAYS; way++)
		fails |= allocate(way, ALLOC_USER);
	return fails;
}

/* Armed once is one end, however many allocate while it is waited for. */
static void test_once(void **state)
{
	(void)state;
	meanwhile = others_allocate;
	assert_false(meet());
	assert_int_equal(asked, 1);
	assert_false(is_armed());
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_paths),
		TEST(test_who),
		TEST(test_answer),
		TEST(test_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
