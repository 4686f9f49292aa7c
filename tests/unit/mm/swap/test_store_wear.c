// SPDX-License-Identifier: MIT
// SOURCES: mm/swap/store.c mm/swap/store_log.c mm/swap/store_clean.c mm/swap/store_segment.c mm/swap/store_mount.c mm/swap/store_budget.c mm/swap/store_figures.c mm/swap/codec.c kernel/random.c kernel/lib/chacha20.c tests/mock/chacha20.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c tests/mock/nor.c
// DEFINES: CONFIG_DEBUG=1
// TIMEOUT: 180
// Wear: a week of traffic with cold contents, an old medium with a new block, and the end of a
// medium's life.
#include "kernel/time.h"
#include "tests/unit/mm/swap/store_test.h"

#define TEST_WEAR(f) cmocka_unit_test_setup_teardown(f, setup_wear, teardown)
#define HOUR         (60 * 60 * NSEC_PER_SEC)
#define WEEK         (7 * 24)
#define CAPACITY     ((uint64_t)BLOCK * BLOCKS)

static int setup_wear(void **state)
{
	swap_budget = swap_burst = 0;
	return setup(state);
}

/* What the page daemon does between batches. */
static void rest(void)
{
	assert_int_equal(store_commit(store, lost, NULL), 0);
	while (store_clean(store))
		;
}

/* An hour of it. A tenth of the slots takes most writes, half of them none; by day there is more
 * than the budget lets through, at night nearly nothing. */
static void hour(unsigned number, unsigned *refused)
{
	unsigned writes = number % 24 < 16 ? 3 * slots / 2 : slots / 20;

	for (unsigned i = 0; i < writes; i++) {
		uint32_t hot = slots / 10, warm = slots / 2;
		uint32_t slot = 1 + (uint32_t)rand() % (rand() % 10 < 8 ? hot : warm);
		int err = append(slot);

		assert_true(err == 0 || err == -EDQUOT);
		*refused += err != 0;
		if (i % 32 == 31)
			rest();
	}
	rest();
	mock_time_advance(HOUR);
}

static void test_week(void **state)
{
	unsigned refused = 0;
	struct store_stats st;

	(void)state;
	open_store();
	fill();
	/* As much as the medium holds, 16 times a day. */
	swap_budget = 16 * CAPACITY;
	swap_burst = 2 * CAPACITY;
	for (unsigned i = 0; i < WEEK; i++)
		hour(i, &refused);
	verify_all();
	check_accounts();
	check_map();
	st = stats();
	print_message(
		"a week: %u of %u slots cold, erases %u..%u, write amplification %.2f, %u writes refused\n",
		slots / 2, slots, st.erase_min, st.erase_max,
		(double)st.bytes_programmed / (double)st.bytes_in, refused);
	assert_true(st.erase_max > 50);
	assert_true(2 * st.erase_max <= 3 * st.erase_min);
	assert_true(refused > 0 || mixed);
	assert_true(nor.bytes <= (7 * 16 + 2 + 1) * CAPACITY);
	assert_int_equal(st.retired_segments, 0);
}

/* Every block wears out, each at its own time. */
static void test_worn_out(void **state)
{
	unsigned taken = 0, full = 0;
	struct store_stats st;

	(void)state;
	for (unsigned i = 0; i < BLOCKS; i++) {
		nor.bad[i] = NOR_DIES;
		nor.endurance[i] = 30 + (uint32_t)rand() % 20;
	}
	open_store();
	while (full < 3000) {
		int err = append(any_slot());

		assert_true(err == 0 || err == -ENOSPC || err == -EIO);
		full = err ? full + 1 : 0;
		taken += err == 0;
		if (taken % 32 == 0 && store_commit(store, lost, NULL) == 0)
			(void)store_clean(store);
		if (taken % 256 == 0)
			verify_all();
	}
	(void)!store_commit(store, lost, NULL);
	verify_all(); /* what it took it still has */
	check_accounts();
	check_map();
	st = stats();
	print_message("worn out after %u pages: %u of %u segments retired, %u pages there\n", taken,
		      st.retired_segments, st.segments, st.live_records);
	assert_true(taken > 20 * slots);
	/* Some of the last ones may hold records that have nowhere to go. */
	assert_true(st.retired_segments > BLOCKS / 2);
	/* What is left can be given up, and the store asked again, without end. */
	for (uint32_t slot = 1; slot <= slots; slot++)
		discard(slot);
	for (unsigned i = 0; i < 200; i++) {
		(void)append(any_slot());
		(void)store_clean(store);
	}
	verify_all();
}

/* One block is new among old ones: it is not written until it has caught up, which would take the
 * others' turns for weeks. */
static void test_one_new_block(void **state)
{
	struct store_stats st;

	(void)state;
	open_store();
	for (unsigned i = 0; i < BLOCKS; i++)
		store->segments[i].erase_count = i == 5 ? 0 : 1000;
	fill();
	for (unsigned i = 0; i < 10 * slots; i++) {
		assert_int_equal(append(any_slot()), 0);
		if (i % 32 == 0)
			rest();
	}
	verify_all();
	st = stats();
	assert_true(st.erase_max < 1000 + 60);
	assert_true(st.erase_min > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WEAR(test_week),
		TEST_WEAR(test_worn_out),
		TEST_WEAR(test_one_new_block),
	};
	int failed = cmocka_run_group_tests_name("plain", tests, NULL, NULL);

	mixed = true;
	return failed + cmocka_run_group_tests_name("mixed", tests, NULL, NULL);
}
