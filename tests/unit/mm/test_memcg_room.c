// SPDX-License-Identifier: MIT
// SOURCES: mm/memcg_room.c tests/mock/machine.c tests/mock/kernel.c
// DEFINES: CONFIG_DEBUG=1
// Room in a group: what is evicted and how often, when somebody is ended, who is delayed and for
// how long. The groups and the page daemon are made up.
#include "kernel/errno.h"
#include "kernel/time.h"
#include "mm/buddy.h"
#include "mm/memcg_internal.h"
#include "mm/oom.h"
#include "mm/reclaim_internal.h"
#include "tests/mock/mock.h"

#define MS 1000000ull

struct spinlock memcg_lock;
static struct memcg group;
static unsigned evictable, rounds, forced,
	most; /* pages the daemon finds; its rounds; the largest it was asked for */
static unsigned kills, kill_frees;
static unsigned signal_after; /* rounds; 0: no signal comes */

bool signal_pending(void)
{
	return current()->hot.pending & (TASK_KILLED | TASK_SIGNAL);
}

/* Sleeps until the task's priority becomes a real-time one; 0: it does not. */
static unsigned realtime_after;

int time_sleep_until(uint64_t deadline, int wait_mode)
{
	(void)wait_mode;
	mock_time_set(deadline);
	if (realtime_after > 0 && --realtime_after == 0)
		current()->sched.prio = 30;
	return 0;
}

unsigned reclaim_group(struct memcg *m, unsigned want, bool force)
{
	unsigned n = MIN(want, evictable);

	assert_true(m == &group || m == group.parent);
	rounds++;
	forced += force;
	if (rounds == signal_after)
		current()->hot.pending |= TASK_SIGNAL;
	most = MAX(most, want);
	evictable -= n;
	m->usage -= MIN(m->usage, n);
	return n;
}

bool oom_kill(unsigned flags, struct cgroup *of)
{
	(void)flags;
	assert_ptr_equal(of, group.cgroup);
	kills++;
	evictable += kill_frees;
	return kill_frees > 0;
}

void memcg_count_event(struct memcg *m, enum memcg_event e)
{
	m->events[e]++;
}

struct memcg *memcg_of_locked(unsigned id)
{
	return id == group.id ? &group : NULL;
}

struct memcg *memcg_over_locked(struct memcg *m, uint32_t n, bool high)
{
	for (; m != NULL; m = m->parent)
		if (m->usage + n > m->max ||
		    (high && (m->usage + n > m->high || m->swap > m->swap_high)))
			return m;
	return NULL;
}

void memcg_unpin(struct memcg *m)
{
	assert_true(m->pins-- > 0);
}

static int setup(void **state)
{
	static uint16_t payer = 7;

	mock_setup(state);
	group = (struct memcg){ .id = payer,
				.cgroup = (struct cgroup *)&group,
				.max = 1000,
				.high = MEMCG_NO_LIMIT,
				.swap_high = MEMCG_NO_LIMIT };
	evictable = rounds = forced = most = kills = kill_frees = signal_after = 0;
	current()->hot.pending = 0;
	current()->memory_group = &payer;
	current()->memory_over = 0;
	current()->memory_refused = 0;
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(group.pins, 0);
	return mock_teardown(state);
}

/* As the allocator asks: again and again until it is there. 0 after how many turns, or the
 * error. */
static int ask(unsigned turns)
{
	unsigned tries = 0;
	int err = 0;

	while (turns-- > 0 && err == 0)
		err = memcg_make_room(&group, ALLOC_USER, &tries);
	return err;
}

static void test_evicts(void **state)
{
	(void)state;
	evictable = 100;
	assert_int_equal(ask(3), 0);
	assert_int_equal(rounds, 3);
	assert_int_equal(most, EVICT_BATCH);
	assert_int_equal(group.events[MEMCG_MAX], 1); /* one charge met the limit once */
	assert_int_equal(kills, 0);
}

/* Nothing can go: three pauses for what is under way, then somebody; and again from the start. */
static void test_ends_somebody(void **state)
{
	uint64_t start = time_now();

	(void)state;
	kill_frees = 1;
	assert_int_equal(ask(3), 0);
	assert_int_equal(kills, 0);
	assert_int_equal(time_now() - start, 15 * MS);
	assert_int_equal(ask(4), 0);
	assert_int_equal(kills, 1);
	assert_int_equal(group.events[MEMCG_OOM], 1);
	assert_true(forced > 0);
}

static void test_nobody_to_end(void **state)
{
	(void)state;
	assert_false(memcg_refused()); /* it was another's want */
	assert_int_equal(ask(10), -ENOMEM);
	assert_int_equal(kills, 1);
	/* A fault tries again, after a pause, and the policy is asked once in ten seconds. */
	for (unsigned i = 0; i < 12; i++) {
		uint64_t start = time_now();

		assert_true(memcg_refused());
		assert_true(time_now() - start >= 250 * MS);
		assert_int_equal(ask(10), -ENOMEM);
		assert_int_equal(kills, 1);
	}
	mock_time_advance(10000 * MS);
	assert_int_equal(ask(10), -ENOMEM);
	assert_int_equal(kills, 2);
	mock_time_advance(12000 * MS);
	assert_false(memcg_refused());
}

static void test_killed(void **state)
{
	(void)state;
	evictable = 100;
	current()->hot.pending |= TASK_KILLED;
	assert_int_equal(ask(1), -ENOMEM);
	assert_int_equal(rounds, 0);
	memcg_settle();
	assert_int_equal(rounds, 0);
	assert_int_equal(memcg_reclaim(&group, 10), -EINTR);
	current()->hot.pending = 0;
}

/* Any signal ends what a write to a file asked for, at once; not what an allocation needs. */
static void test_signal(void **state)
{
	(void)state;
	group.usage = 900;
	evictable = 1000;
	signal_after = 2;
	assert_int_equal(memcg_reclaim(&group, 600), -EINTR);
	assert_int_equal(rounds, 2);
	assert_int_equal(memcg_reclaim(&group, 0), 0);
	current()->hot.pending = 0;
	signal_after = rounds + 1;
	group.usage = 900;
	assert_int_equal(memcg_reclaim(&group, 128), 0); /* it came too late */
	assert_int_equal(ask(1), 0);
	current()->hot.pending = 0;
	/* A limit: what was over it stays, and nobody is ended for that. */
	group.usage = 2000;
	group.max = 500;
	kill_frees = 100;
	signal_after = rounds + 3;
	memcg_enforce(&group);
	assert_int_equal(group.usage, 2000 - 3 * 128);
	assert_int_equal(kills, 0);
}

#define PAGES 64

/* How long who has got that many pages and is that much over its limit is held up. */
static uint64_t delay(uint32_t usage, uint32_t high)
{
	uint64_t start = time_now();

	group.usage = usage;
	group.high = high;
	current()->memory_over += PAGES;
	memcg_settle();
	return time_now() - start;
}

static void test_delay(void **state)
{
	uint64_t start, events;

	(void)state;
	assert_int_equal(delay(1000, 1000), 0);
	assert_int_equal(group.events[MEMCG_HIGH], 0);
	assert_int_equal(delay(505, 500),
			 0); /* 1 %: less than is worth a sleep, but twice that is */
	assert_int_equal(current()->memory_over, PAGES);
	assert_in_range(delay(505, 500), 11 * MS, 13 * MS);
	assert_int_equal(current()->memory_over, 0);
	assert_in_range(delay(550, 500), 600 * MS, 680 * MS);
	assert_int_equal(delay(900, 500), 2000 * MS);
	assert_int_equal(delay(4000000, 1), 2000 * MS);
	assert_int_equal(group.events[MEMCG_HIGH], 5);
	current()->memory_over = 1 - PAGES; /* whose part is small waits little */
	assert_in_range(delay(600, 500), 36 * MS, 42 * MS);
	/* What can go goes, some at a time, and who is within the limit then goes on at once. */
	evictable = 50;
	assert_int_equal(delay(550, 500), 0);
	evictable = 10000;
	most = 0;
	(void)delay(3000, 500);
	assert_int_equal(most, 128);
	/* In the middle of a call it goes without a wait. */
	start = time_now();
	group.usage = 600;
	events = group.events[MEMCG_HIGH];
	current()->memory_over = 128;
	current()->memory_relieved = 0;
	memcg_relieve();
	memcg_relieve();
	assert_int_equal(group.usage, 500);
	assert_int_equal(group.events[MEMCG_HIGH], events + 1);
	assert_int_equal(time_now(), start);
	current()->memory_over = 1000;
	memcg_relieve();
	assert_int_equal(current()->memory_relieved, 1000);
	assert_int_equal(group.events[MEMCG_HIGH], events + 1);
}

/* What the kernel got for a task beyond max: eviction, and where that is not enough somebody's
 * end. */
static void test_beyond_max(void **state)
{
	(void)state;
	evictable = 1000;
	assert_int_equal(delay(1200, MEMCG_NO_LIMIT), 0);
	assert_in_range(group.usage, 0, 1000);
	assert_int_equal(kills, 0);
	evictable = 50;
	kill_frees = 200;
	assert_int_equal(delay(1200, MEMCG_NO_LIMIT), 0);
	assert_int_equal(kills, 1);
	assert_int_equal(group.events[MEMCG_OOM], 1);
	/* As much beyond high alone ends nobody. */
	group.max = MEMCG_NO_LIMIT;
	assert_in_range(delay(1200, 1000), 1000 * MS, 2000 * MS);
	assert_int_equal(kills, 1);
}

/* Of two groups that are over their limits the one that is further counts, be it the one above. */
static void test_worst_counts(void **state)
{
	struct memcg above = {
		.usage = 1000, .high = 500, .max = 2000, .swap_high = MEMCG_NO_LIMIT
	};

	(void)state;
	group.parent = &above;
	assert_int_equal(delay(501, 500), 2000 * MS);
	assert_int_equal(above.events[MEMCG_HIGH], 1);
	assert_int_equal(group.events[MEMCG_HIGH], 0);
	assert_int_equal(above.pins, 0);
	above.usage = 501;
	assert_in_range(delay(550, 500), 600 * MS, 680 * MS);
	assert_int_equal(group.events[MEMCG_HIGH], 1);
}

/* Who has too much in swap is held up likewise, and nothing more goes there. */
static void test_swap_high(void **state)
{
	(void)state;
	evictable = 1000;
	group.swap_high = 500;
	group.swap = 500;
	assert_int_equal(delay(100, 500), 0);
	group.swap = 550;
	assert_in_range(delay(100, 500), 600 * MS, 680 * MS);
	assert_int_equal(rounds, 0);
	assert_int_equal(group.events[MEMCG_SWAP_HIGH], 1);
	assert_int_equal(group.events[MEMCG_HIGH], 0);
}

static void test_realtime_is_not_delayed(void **state)
{
	(void)state;
	current()->sched.prio = 50;
	assert_int_equal(delay(900, 500), 0);
	assert_int_equal(rounds, 0);
	current()->sched.prio = 0;
}

/* It holds a mutex that a real-time task comes to want, so it goes on within 2 ms, from the pause
 * before somebody is ended and from a delay. */
static void test_becomes_realtime(void **state)
{
	uint64_t start = time_now();

	(void)state;
	realtime_after = 1;
	assert_int_equal(ask(1), 0);
	assert_int_equal(time_now() - start, 2 * MS);
	current()->sched.prio = 0;
	realtime_after = 3;
	assert_int_equal(delay(900, 500), 6 * MS);
	current()->sched.prio = 0;
}

static void test_reclaim(void **state)
{
	(void)state;
	group.usage = 500;
	evictable = 300;
	assert_int_equal(memcg_reclaim(&group, 300), 0);
	assert_int_equal(group.usage, 200);
	assert_int_equal(rounds, 3);
	assert_int_equal(memcg_reclaim(&group, 1), -EAGAIN);
	assert_int_equal(rounds, 3 + 17);
}

/* A new limit: pages go, then tasks, until it holds or nobody is left. */
static void test_enforce(void **state)
{
	(void)state;
	group.usage = 1200;
	evictable = 150;
	kill_frees = 100;
	memcg_enforce(&group);
	assert_int_equal(group.usage, 1000);
	assert_int_equal(kills, 1);
	group.usage = 1200;
	evictable = kill_frees = 0;
	memcg_enforce(&group);
	assert_int_equal(group.usage, 1200);
	assert_int_equal(kills, 2);
	/* Beyond high alone nobody is ended. */
	group.usage = 900;
	group.high = 500;
	memcg_enforce(&group);
	assert_int_equal(kills, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_evicts),     TEST(test_ends_somebody), TEST(test_nobody_to_end),
		TEST(test_killed),     TEST(test_delay),         TEST(test_realtime_is_not_delayed),
		TEST(test_reclaim),    TEST(test_enforce),       TEST(test_worst_counts),
		TEST(test_swap_high),  TEST(test_signal),        TEST(test_becomes_realtime),
		TEST(test_beyond_max),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
