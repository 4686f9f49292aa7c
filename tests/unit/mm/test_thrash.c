// SPDX-License-Identifier: MIT
// SOURCES: mm/thrash.c tests/mock/kernel.c tests/mock/machine.c
// DEFINES: CONFIG_DEBUG=1
/*
 * When a machine thrashes (mm/thrash.c): the judgement on recorded machines, and that it leads to
 * one question.
 */
#include "tests/mock/mock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kernel/errno.h"
#include "kernel/psi.h"
#include "kernel/time.h"
#include "mm/buddy.h"
#include "mm/oom.h"
#include "mm/swap.h"
#include "mm/thrash.h"
#include "mm/workingset.h"

struct watermarks watermarks = { .high = 10 };
static uint32_t frames = 20;

uint32_t frames_free(void)
{
	return frames;
}

/* ---- the rest of the machine ---- */

static uint64_t refaults;
static uint32_t evictions;
static unsigned asked, wakes;
static uint64_t waited;
static struct psi_trigger *added;

uint64_t vm_events(enum vm_event e)
{
	return e == VM_REFAULT_ANON ? refaults : 0;
}

uint32_t workingset_evictions(void)
{
	return evictions;
}

bool oom_ask(enum oom_reason why, struct cgroup *group)
{
	assert_int_equal(why, OOM_THRASHING);
	assert_null(group);
	asked++;
	return true;
}

uint64_t psi_memory_waited(void)
{
	return waited;
}

static bool leaving; /* a swap area is, until it is kept */

bool swap_keep(void)
{
	bool kept = leaving;

	leaving = false;
	return kept;
}

void reclaim_wake(void)
{
	wakes++;
}

int psi_trigger_add(struct psi_trigger *t)
{
	assert_null(added);
	added = t;
	return 0;
}

void psi_trigger_remove(struct psi_trigger *t)
{
	assert_ptr_equal(added, t);
	added = NULL;
}

/* ---- the judgement ---- */

/* What a window of half a second brought: how long all programs waited, ms; pages that came back;
 * pages that went. */
struct window {
	unsigned ms, came, went;
};
#define MS 1000000ull

/* The number of the window, from 1, after which somebody has to go; 0: nobody. pause: ms between
 * windows. */
static unsigned judge(const struct thrash_settings *set, const struct window *w, unsigned n,
		      unsigned pause)
{
	struct thrash_sample s = { .now = 1000 * MS, .evictions = INT32_MAX - 300 };
	struct thrash_judge j = { 0 };

	assert_false(thrash_judge(&j, set, &s)); /* nothing is known of what was before */
	for (unsigned i = 0; i < n; i++) {
		s.now += pause * MS;
		s.waited += w[i].ms * MS;
		s.refaults += w[i].came;
		s.evictions = (s.evictions + w[i].went) & INT32_MAX;
		if (thrash_judge(&j, set, &s))
			return i + 1;
	}
	return 0;
}

static const struct thrash_settings usual = { .percent = 60, .wait_ms = 10 };

#define JUDGE(set, pause, ...)                                                                     \
	judge(set, (const struct window[]){ __VA_ARGS__ },                                         \
	      sizeof((const struct window[]){ __VA_ARGS__ }) / sizeof(struct window), pause)

static void test_livelock_is_seen(void **state)
{
	(void)state;
	/* Four tasks, 60 to 100 pages a second among them. */
	assert_int_equal(JUDGE(&usual, 510, { 1900, 32, 96 }, { 1900, 48, 32 }, { 1900, 30, 64 }),
			 2);
	/* Batches: what came back and what went meet over two windows. */
	assert_int_equal(JUDGE(&usual, 560, { 1800, 60, 96 }, { 1900, 2, 0 }, { 1900, 40, 64 }), 2);
	/* A program and the shell beside it, on a medium of 25 ms a page. */
	assert_int_equal(JUDGE(&usual, 500, { 900, 20, 20 }, { 900, 20, 20 }), 2);
}

static void test_hard_work_is_left_alone(void **state)
{
	(void)state;
	/* thrash 96 2 in 64 MB, twice the RAM with a disk, two programs that push each other out;
	 * as recorded. */
	assert_int_equal(JUDGE(&usual, 505, { 480, 1978, 1981 }, { 500, 2571, 2370 },
			       { 490, 1274, 1265 }, { 500, 764, 1834 }),
			 0);
	assert_int_equal(JUDGE(&usual, 530, { 990, 164, 369 }, { 990, 327, 304 }, { 990, 205, 199 },
			       { 990, 230, 230 }),
			 0);
	/* Memory that is filled for the first time, on a medium that takes long for each page. */
	assert_int_equal(JUDGE(&usual, 540, { 1900, 0, 128 }, { 1900, 6, 289 }, { 1900, 2, 64 },
			       { 1900, 7, 128 }, { 1900, 1, 96 }),
			 0);
	/* After somebody's end the others get their pages back, and push nobody out. */
	assert_int_equal(JUDGE(&usual, 520, { 1900, 26, 0 }, { 900, 90, 0 }, { 900, 90, 0 }), 0);
	/* One program, on a medium of 25 ms a page: whom does it keep from anything? */
	assert_int_equal(JUDGE(&usual, 500, { 500, 20, 20 }, { 500, 20, 20 }, { 500, 20, 20 }), 0);
	/* A card that takes a rest: all wait once. */
	assert_int_equal(JUDGE(&usual, 500, { 480, 900, 900 }, { 480, 20, 20 }, { 3600, 4, 4 },
			       { 480, 900, 900 }, { 480, 900, 900 }),
			 0);
	/* Next to nothing came back: it proves nothing. */
	assert_int_equal(JUDGE(&usual, 500, { 1900, 1, 1 }, { 1900, 1, 1 }, { 1900, 1, 1 }), 0);
}

static void test_windows_in_a_row(void **state)
{
	static const struct window bad = { 1900, 40, 40 };

	(void)state;
	/* The trigger comes once in a window while it is lost; when it comes later there was one
	 * that was not. */
	assert_int_equal(JUDGE(&usual, 1000, bad, bad, bad, bad), 0);
	assert_int_equal(JUDGE(&usual, 740, bad, bad), 2);
	assert_int_equal(JUDGE(&usual, 500, bad, { 480, 2000, 2000 }, bad, { 480, 2000, 2000 }), 0);
}

static void test_cost_of_a_page(void **state)
{
	struct thrash_settings set = { .percent = 60, .wait_ms = 0 };

	(void)state;
	assert_int_equal(JUDGE(&set, 500, { 800, 2000, 2000 }, { 800, 2000, 2000 }), 2);
	set.wait_ms = 40;
	assert_int_equal(JUDGE(&set, 500, { 1900, 60, 60 }, { 1900, 60, 60 }), 0);
	assert_int_equal(JUDGE(&set, 500, { 1900, 40, 40 }, { 1900, 40, 40 }), 2);
}

/* ---- from the trigger to the question ---- */

static int setup(void **state)
{
	(void)state;
	mock_options = (struct mock_options){ .cpus = 1, .ram = 1 << 20 };
	mock_reset();
	return 0;
}

static void test_asks_once(void **state)
{
	(void)state;
	thrash_settings = usual;
	thrash_changed();
	assert_non_null(added);
	assert_int_equal(added->state, PSI_FULL(PSI_MEMORY));
	assert_true(added->threshold == 300 * MS && added->window == 500 * MS);
	for (unsigned i = 1; i <= 3; i++) {
		waited += 1900 * MS;
		refaults += 40;
		evictions += 40;
		thrash_turn();
		assert_int_equal(asked, 0);
		added->fire(added, (1000 + i * 500) * MS);
	}
	assert_int_equal(wakes, 1);
	thrash_turn();
	thrash_turn();
	assert_int_equal(asked, 1);
	frames = 21; /* it is a group that waits, not the machine */
	for (unsigned i = 4; i <= 6; i++) {
		waited += 1900 * MS;
		refaults += 40;
		evictions += 40;
		added->fire(added, (1000 + i * 500) * MS);
	}
	assert_int_equal(wakes, 2);
	thrash_turn();
	frames = 20;
	thrash_turn();
	assert_int_equal(asked, 1);
	leaving = true; /* swapoff fails, nobody is ended for it */
	for (unsigned i = 7; i <= 12; i++) {
		waited += 1900 * MS;
		refaults += 40;
		evictions += 40;
		added->fire(added, (1000 + i * 500) * MS);
		thrash_turn();
		assert_int_equal(asked, i < 12 ? 1 : 2);
	}
	assert_false(leaving);
	thrash_settings.percent = 0;
	thrash_changed();
	assert_null(added);
	thrash_settings.percent = 80;
	thrash_changed();
	assert_true(added->threshold == 400 * MS);
}

static void test_command_line(void **state)
{
	static const char *const bad[] = { "", "off", "101", "-1", "1x", "99999999999" };

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(thrash_choose(bad[i]), -EINVAL);
	assert_int_equal(thrash_choose("75"), 0);
	assert_int_equal(thrash_settings.percent, 75);
	assert_int_equal(thrash_choose("0"), 0);
	assert_int_equal(thrash_settings.percent, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_livelock_is_seen),
		cmocka_unit_test(test_hard_work_is_left_alone),
		cmocka_unit_test(test_windows_in_a_row),
		cmocka_unit_test(test_cost_of_a_page),
		cmocka_unit_test(test_command_line),
		cmocka_unit_test_setup(test_asks_once, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
