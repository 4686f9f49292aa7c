// SPDX-License-Identifier: MIT
// SOURCES: mm/swap/store.c mm/swap/store_log.c mm/swap/store_clean.c mm/swap/store_segment.c mm/swap/store_mount.c mm/swap/store_budget.c mm/swap/store_figures.c mm/swap/codec.c kernel/random.c kernel/lib/chacha20.c tests/mock/chacha20.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c tests/mock/nor.c
// DEFINES: CONFIG_DEBUG=1
// The write budget: what is spent, what comes in, what a reboot remembers.
#include "kernel/time.h"
#include "tests/unit/mm/swap/store_test.h"

#define DAY   (24 * 60 * 60 * NSEC_PER_SEC)
#define HOUR  (DAY / 24)
#define BATCH (32 * 4096) /* what must have come in before pages are taken again */
/* What may be overdrawn: a batch of programs, its header, the cleaning for it. */
#define OVERDRAFT (4 * BLOCK)

static int setup_budget(void **state)
{
	swap_budget = swap_burst = 0;
	return setup(state);
}

static void set(uint64_t day, uint64_t burst)
{
	swap_budget = day;
	swap_burst = burst;
}

/* Appends until it is refused; how many were taken. */
static unsigned spend(void)
{
	unsigned n = 0;
	int err;

	while ((err = append(any_slot())) == 0)
		assert_true(++n < 100000);
	assert_int_equal(err, -EDQUOT);
	return n;
}

static void test_none(void **state)
{
	(void)state;
	open_store();
	for (unsigned i = 0; i < 3000; i++)
		assert_int_equal(append(any_slot()), 0);
	assert_false(stats().budget_spent);
	assert_int_equal(stats().budget_refusals, 0);
}

/* A card has a budget without anybody's doing, unless somebody says that it has none; flash that
 * tells has none. */
static void test_card(void **state)
{
	(void)state;
	set(SWAP_BUDGET_AUTO, 0);
	open_store();
	assert_int_equal(stats().budget_day, 0);
	close_store();
	nor.medium.card = true;
	open_store();
	assert_int_equal(stats().budget_day, (uint64_t)BLOCK * BLOCKS * 100000 / (5 * 365));
	assert_int_equal(stats().budget_burst, stats().budget_day);
	/* The largest there is, said to last longest. */
	store->nsegments = 16384;
	store->segment_size = 4 << 20;
	swap_cycles = SWAP_CYCLES_MAX;
	assert_int_equal(budget_day(store), SWAP_BUDGET_MAX);
	for (uint64_t cycles = 1; cycles <= SWAP_CYCLES_MAX; cycles *= 2) {
		swap_cycles = (unsigned)cycles;
		assert_int_equal(budget_day(store),
				 MIN((cycles << 36) / (5 * 365), SWAP_BUDGET_MAX));
		assert_true(cycles << 36 >> 36 == cycles);
	}
	store->nsegments = BLOCKS;
	store->segment_size = BLOCK;
	swap_cycles = 10; /* 4 KB a day */
	(void)spend();
	assert_true(stats().budget_spent);
	set(0, 0);
	assert_int_equal(append(any_slot()), 0);
	set(5000, 0);
	assert_int_equal(stats().budget_day, 5000);
	swap_cycles = 0;
}

/* A medium's own budget counts there, whatever is said for all. */
static void test_own(void **state)
{
	(void)state;
	set(5000, 1000);
	open_store();
	store_allow(store, (struct swap_allowance){ true, 1 << 20, 512 << 10 });
	assert_int_equal(stats().budget_day, 1 << 20);
	assert_int_equal(stats().budget_burst, 512 << 10);
	store_allow(store, (struct swap_allowance){ true, 1 << 20, 0 });
	assert_int_equal(stats().budget_burst, 1 << 20);
	store_allow(store, (struct swap_allowance){ true, SWAP_BUDGET_AUTO, 0 });
	assert_int_equal(stats().budget_day, 0); /* NOR: none */
	store_allow(store, (struct swap_allowance){ .own = false });
	assert_int_equal(stats().budget_day, 5000);
	assert_int_equal(stats().budget_burst, 1000);
}

static void test_spent_is_full(void **state)
{
	uint32_t page[1024];
	uint64_t programmed;
	uint32_t slot;

	(void)state;
	set(1 << 20, 512 << 10);
	open_store();
	(void)spend();
	slot = any_slot();
	assert_int_equal(append(slot), -EDQUOT); /* says so again, keeps nothing, harms nobody */
	assert_int_equal(store_read(store, slot, page), -ENOENT);
	verify_all();
	assert_int_equal(store_commit(store, lost, NULL), 0); /* what was taken is written */
	verify_all();
	assert_in_range(nor.bytes, 512 << 10, (512 << 10) + OVERDRAFT);
	assert_true(stats().budget_spent && stats().budget_left <= 0);
	assert_int_equal(stats().budget_refusals, 2);
	/* Nor is there cleaning in the background. */
	for (uint32_t i = 1; i <= slots; i++)
		discard(i);
	programmed = nor.bytes;
	for (unsigned i = 0; i < 20; i++)
		assert_false(store_clean(store));
	assert_int_equal(nor.bytes, programmed);
}

static void test_comes_in_by_time(void **state)
{
	uint64_t before, start;

	(void)state;
	set(24 << 20, 1 << 20); /* a megabyte an hour */
	open_store();
	(void)spend();
	assert_int_equal(store_commit(store, lost, NULL), 0);
	/* The debt first, then a batch; not before, and nothing by bits. */
	before = (uint64_t)(BATCH - stats().budget_left);
	for (uint64_t t = 0; t < before * HOUR >> 20; t += HOUR / 200) {
		assert_int_equal(append(1), -EDQUOT);
		mock_time_advance(HOUR / 200);
	}
	mock_time_advance(HOUR / 200);
	assert_int_equal(append(1), 0);
	/* Ten hours of writing all that is let through. */
	start = nor.bytes;
	for (unsigned i = 0; i < 600; i++) {
		mock_time_advance(HOUR / 60);
		(void)spend();
		(void)!store_commit(store, lost, NULL);
	}
	assert_in_range(nor.bytes - start, (10 << 20) - BATCH - OVERDRAFT, (10 << 20) + OVERDRAFT);
	/* What is not used adds up to the burst. */
	mock_time_advance(100 * DAY);
	start = nor.bytes;
	(void)spend();
	assert_in_range(nor.bytes - start, (1 << 20) - 8192, (1 << 20) + OVERDRAFT);
}

static void test_burst_is_a_day_unless_said(void **state)
{
	(void)state;
	set(1 << 20, 0);
	open_store();
	(void)spend();
	assert_in_range(nor.bytes, (1 << 20) - 8192, (1 << 20) + OVERDRAFT);
}

/* Changed while the store is open. */
static void test_settings(void **state)
{
	uint64_t start;

	(void)state;
	open_store();
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(append(any_slot()), 0);
	set(1 << 20, 256 << 10);
	start = nor.bytes;
	(void)spend();
	assert_in_range(nor.bytes - start, (256 << 10) - 8192, (256 << 10) + OVERDRAFT);
	set(0, 0);
	assert_int_equal(append(1), 0);
	assert_false(stats().budget_spent);
	/* Small ones do not make it starve, nor large ones overflow. */
	set(1, 1);
	(void)spend();
	mock_time_advance(4000 * DAY);
	assert_int_equal(append(1), -EDQUOT); /* a page takes 4096 days */
	set(SWAP_BUDGET_MAX, SWAP_BUDGET_MAX);
	mock_time_advance(100 * 365 * DAY);
	assert_int_equal(append(1), 0);
	assert_true(stats().budget_left > 0 && (uint64_t)stats().budget_left <= SWAP_BUDGET_MAX);
}

static void reboot(void)
{
	close_store();
	memset(version, 0, sizeof(version));
	open_store();
}

static void test_reboot(void **state)
{
	int64_t left;

	(void)state;
	set(4 << 20, 4 << 20);
	open_store();
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(append(any_slot()), 0);
	assert_int_equal(store_commit(store, lost, NULL), 0);
	left = stats().budget_left;
	/* Not more than there was, and not much less; reading it often costs nothing. */
	for (unsigned i = 0; i < 10; i++) {
		reboot();
		assert_in_range(stats().budget_left, left - BLOCK - 1024, left);
	}
	(void)spend();
	reboot();
	assert_int_equal(append(1), -EDQUOT);
	/* The medium of a system that had none. */
	mock_time_advance(DAY);
	set(0, 0);
	(void)append(1);
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(append(any_slot()), 0);
	reboot();
	set(1 << 20, 0);
	assert_int_equal(append(1), 0);
}

/* What a header tells is bytes, whatever the burst was and is: a small one leaves no debt of a
 * large one, nor does a large one make the small one whole. */
static void test_other_burst(void **state)
{
	int64_t gb = 1 << 30, left;

	(void)state;
	set(256 << 10, 256 << 10);
	open_store();
	(void)spend();
	left = stats().budget_left;
	assert_in_range(-left, 0, 2 * BLOCK);
	set((uint64_t)gb, 0);
	assert_int_equal(stats().budget_left, left + gb - (256 << 10));
	set(256 << 10, 256 << 10);
	reboot();
	assert_in_range(-stats().budget_left, -left, 2 * BLOCK);
	set((uint64_t)gb, 0);
	reboot();
	assert_in_range(stats().budget_left, gb - (4 << 20), gb);
	assert_false(stats().budget_spent);
	/* One page under the larger, which makes a header. */
	set(256 << 10, 1000 * (uint64_t)gb);
	assert_int_equal(append(1), 0);
	assert_int_equal(store_commit(store, lost, NULL), 0);
	set(256 << 10, 256 << 10);
	reboot();
	assert_true(stats().budget_spent && stats().budget_left <= 0);
	/* Much under a larger one is no debt for days. */
	set(SWAP_BUDGET_MAX, 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(append(any_slot()), 0);
	reboot();
	assert_in_range(stats().budget_left, SWAP_BUDGET_MAX - (32 << 20), SWAP_BUDGET_MAX);
	set(256 << 10, 256 << 10);
	reboot();
	assert_int_equal(-stats().budget_left, 2 * BLOCK);
}

/* A product that crashes and comes up again every minute, and swaps all it may each time. */
static void test_crashes(void **state)
{
	uint64_t boots = 300, may = (1 << 20) + boots * (24 << 20) / (24 * 60);

	(void)state;
	set(24 << 20, 1 << 20);
	for (unsigned i = 0; i < boots; i++) {
		open_store();
		mock_time_advance(HOUR / 60);
		(void)spend();
		close_store();
		memset(version, 0, sizeof(version));
	}
	assert_true(nor.bytes <= may + OVERDRAFT);
	assert_true(nor.bytes > (1 << 20) / 2);
	/* And is not locked out for ever. */
	open_store();
	mock_time_advance(DAY);
	assert_true(spend() > 50);
}

int main(void)
{
#define BUDGET_TEST(f) cmocka_unit_test_setup_teardown(f, setup_budget, teardown)
	const struct CMUnitTest tests[] = {
		BUDGET_TEST(test_none),
		BUDGET_TEST(test_card),
		BUDGET_TEST(test_own),
		BUDGET_TEST(test_spent_is_full),
		BUDGET_TEST(test_comes_in_by_time),
		BUDGET_TEST(test_burst_is_a_day_unless_said),
		BUDGET_TEST(test_settings),
		BUDGET_TEST(test_reboot),
		BUDGET_TEST(test_other_burst),
		BUDGET_TEST(test_crashes),
	};
	int failed = cmocka_run_group_tests_name("plain", tests, NULL, NULL);

	mixed = true;
	return failed + cmocka_run_group_tests_name("mixed", tests, NULL, NULL);
}
