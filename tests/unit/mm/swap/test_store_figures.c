// SPDX-License-Identifier: MIT
// SOURCES: mm/swap/store.c mm/swap/store_log.c mm/swap/store_clean.c mm/swap/store_segment.c mm/swap/store_mount.c mm/swap/store_budget.c mm/swap/store_figures.c mm/swap/codec.c kernel/random.c kernel/lib/chacha20.c tests/mock/chacha20.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c tests/mock/nor.c
// DEFINES: CONFIG_DEBUG=1
// What a store tells of itself: the map of its segments, sums, rated cycles, the rate of late.
#include "kernel/time.h"
#include "tests/unit/mm/swap/store_test.h"

#define HOUR (60 * 60 * NSEC_PER_SEC)
#define WEEK (7 * 24)

static void test_rated_cycles(void **state)
{
	(void)state;
	open_store();
	assert_int_equal(stats().rated_cycles, 100000);
	nor.medium.erased_is_ff = false;
	assert_int_equal(stats().rated_cycles, 3000);
	swap_cycles = 10;
	assert_int_equal(stats().rated_cycles, 10);
	swap_cycles = 0;
	nor.medium.erased_is_ff = true;
}

static uint32_t in_state(const char *state)
{
	struct store_segment map[NOR_BLOCKS_MAX];
	uint32_t all = store_segments(store, 0, map, NOR_BLOCKS_MAX), n = 0;

	for (uint32_t i = 0; i < all; i++)
		n += strcmp(map[i].state, state) == 0;
	return n;
}

/* The map and the sums follow a store from empty to full and on. */
static void test_map(void **state)
{
	struct store_stats st;

	(void)state;
	open_store();
	check_map();
	st = stats();
	assert_int_equal(st.segments, BLOCKS);
	assert_int_equal(st.live_records, 0);
	assert_int_equal(st.free_segments, BLOCKS);
	assert_int_equal(in_state("sealed") + in_state("head"), 0);
	fill();
	assert_int_equal(store_commit(store, lost, NULL), 0);
	check_map();
	st = stats();
	assert_int_equal(st.live_records, slots);
	assert_int_equal(in_state("head"), 1);
	assert_true(in_state("sealed") > 0);
	assert_int_equal(in_state("sealed") + in_state("head") + st.free_segments, BLOCKS);
	for (unsigned i = 0; i < 3 * slots; i++)
		assert_int_equal(append(any_slot()), 0);
	check_map();
	assert_true(stats().erase_sum > 0);
	assert_true(stats().bytes_ever >= nor.bytes - BLOCK);
}

static uint64_t per_hour(void)
{
	struct store_stats st = stats();

	return st.recent_bytes * 3600 / (st.recent_ns / NSEC_PER_SEC);
}

/* The rate is that of late, not of all time. */
static void test_rate(void **state)
{
	uint64_t busy;

	(void)state;
	open_store();
	for (unsigned i = 0; i < 100; i++) {
		for (unsigned k = 0; k < 20; k++)
			assert_int_equal(append(any_slot()), 0);
		mock_time_advance(HOUR);
	}
	busy = nor.bytes / 100;
	assert_in_range(per_hour(), busy - busy / 4, busy + busy / 4);
	/* A week of nearly nothing. */
	for (unsigned i = 0; i < WEEK; i++) {
		assert_int_equal(append(1), 0);
		mock_time_advance(HOUR);
	}
	assert_true(per_hour() < busy / 5);
	mock_time_advance(WEEK * HOUR);
	assert_true(per_hour() < busy / 50);
	for (unsigned i = 0; i < 24; i++) {
		for (unsigned k = 0; k < 20; k++)
			assert_int_equal(append(any_slot()), 0);
		mock_time_advance(HOUR);
	}
	assert_in_range(per_hour(), busy / 2, busy * 3 / 2);
}

/* More bytes than headers can tell are as many as they can. */
static void test_most_bytes(void **state)
{
	(void)state;
	open_store();
	store->bytes_ever = BYTES_EVER_MAX - 2 * BLOCK;
	fill();
	close_store();
	open_store();
	assert_in_range(stats().bytes_ever, BYTES_EVER_MAX - 2 * BLOCK, BYTES_EVER_MAX);
	memset(version, 0, sizeof(version));
	fill();
	close_store();
	open_store();
	assert_in_range(stats().bytes_ever, BYTES_EVER_MAX - 2 * BLOCK, BYTES_EVER_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_map),
		TEST(test_rated_cycles),
		TEST(test_rate),
		TEST(test_most_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
