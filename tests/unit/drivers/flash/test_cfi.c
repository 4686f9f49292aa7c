// SPDX-License-Identifier: MIT
// SOURCES: drivers/flash/cfi.c drivers/flash/cfi_query.c drivers/flash/cfi_intel.c drivers/flash/cfi_amd.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/nor.c tests/mock/nor_amd.c
// The CFI driver against strict NOR models, with either command set: the query, modes, windows,
// errors, time-outs, locks, suspension.
#include <stdlib.h>
#include <string.h>

#include "drivers/flash/cfi.h"
#include "kernel/errno.h"
#include "kernel/time.h"
#include "tests/mock/mock.h"
#include "tests/mock/nor.h"

#define BLOCK  (256u << 10)
#define BLOCKS 8

static bool amd; /* command set 2 */
static struct nor nor;
static struct cfi_chip chip;
static uint8_t data[3 * 4096], back[3 * 4096];

static int setup(void **state)
{
	mock_setup(state);
	srand(2);
	nor_init(&nor, BLOCK, BLOCKS);
	if (amd)
		nor_amd(&nor);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)rand();
	return 0;
}

static int teardown(void **state)
{
	nor_free(&nor);
	return mock_teardown(state);
}

static void probe(void)
{
	assert_int_equal(cfi_probe(&chip, &nor.bus, "pflash1", nor.size), 0);
}

static void expect_data(uint64_t at, const uint8_t *want, size_t n)
{
	memset(back, 0xa5, sizeof(back));
	assert_int_equal(cfi_read(&chip, at, back, n), 0);
	assert_memory_equal(back, want, n);
}

static void test_query(void **state)
{
	(void)state;
	probe();
	assert_ptr_equal(chip.commands, amd ? &cfi_amd : &cfi_intel);
	assert_int_equal(chip.size, nor.size);
	assert_int_equal(chip.chips, 2);
	assert_int_equal(chip.lanes, 0x00010001);
	assert_int_equal(chip.nregions, 1);
	assert_int_equal(chip.regions[0].block_size, BLOCK);
	assert_int_equal(chip.regions[0].blocks, BLOCKS);
	assert_int_equal(chip.buffer, 4096);
	assert_int_equal(chip.program_max_ns, 2048000);
	assert_int_equal(chip.erase_max_ns, 16384000000);
	assert_false(chip.can_suspend);
	expect_data(0, (const uint8_t *)"\xff\xff\xff\xff", 4);
	/* A window that is smaller than the chip says, and one that is too small to ask. */
	assert_int_equal(cfi_probe(&chip, &nor.bus, "pflash1", nor.size / 2), -EINVAL);
	assert_int_equal(cfi_probe(&chip, &nor.bus, "pflash1", 64), -ENODEV);
}

static uint32_t nothing_read(const struct cfi_bus *bus, size_t offset)
{
	(void)bus;
	return (uint32_t)offset * 77;
}

static void nothing_write(const struct cfi_bus *bus, size_t offset, uint32_t v)
{
	(void)bus;
	(void)offset;
	(void)v;
}

static void test_no_flash(void **state)
{
	static const struct cfi_bus nothing = { nothing_read, nothing_write, NULL };

	(void)state;
	assert_int_equal(cfi_probe(&chip, &nothing, "pflash1", nor.size), -ENODEV);
}

static void test_program_and_read(void **state)
{
	(void)state;
	probe();
	/* Over windows and from the middle of one; each length of read from each alignment. */
	assert_int_equal(cfi_program(&chip, 4096 - 64, data, 8192 + 128), 0);
	expect_data(4096 - 64, data, 8192 + 128);
	for (unsigned at = 0; at < 8; at++)
		for (unsigned n = 0; n < 20; n++)
			expect_data(4096 - 64 + at, data + at, n);
	expect_data(4096 + 4000, data + 64 + 4000, 200);
	assert_int_equal(cfi_program(&chip, 4, data, 8), -EINVAL);
	assert_int_equal(cfi_program(&chip, 8, data, 4), -EINVAL);
	assert_int_equal(cfi_program(&chip, nor.size, data, 8), -EINVAL);
	assert_int_equal(cfi_program(&chip, UINT64_MAX - 7, data, 16), -EINVAL);
	assert_int_equal(cfi_read(&chip, nor.size - 4, back, 8), -EINVAL);
}

static void test_word_programs(void **state)
{
	(void)state;
	nor.buffer = 0;
	nor.busy_reads = 2;
	probe();
	assert_int_equal(chip.buffer, 0);
	assert_int_equal(cfi_program(&chip, 64, data, 200), 0);
	expect_data(64, data, 200);
	nor.bad[1] = NOR_PROGRAM_FAILS;
	assert_int_equal(cfi_program(&chip, BLOCK, data, 64), -EIO);
	expect_data(64, data, 200);
}

/* A batch of programs must not go through array mode in between: the change is dear. */
static void test_batch_stays_in_command_mode(void **state)
{
	uint64_t before;

	(void)state;
	probe();
	assert_int_equal(cfi_program(&chip, 0, data, 4096), 0);
	before = nor.writes;
	assert_int_equal(cfi_program(&chip, 4096, data, 4096), 0);
	assert_int_equal(nor.writes - before,
			 1024 + 3); /* setup, count, confirm: no mode changes */
	assert_false(chip.array);
	expect_data(4096, data, 4096);
	assert_true(chip.array);
}

static void test_erase(void **state)
{
	(void)state;
	probe();
	assert_int_equal(cfi_program(&chip, BLOCK, data, 4096), 0);
	assert_int_equal(cfi_program(&chip, 2 * BLOCK, data, 4096), 0);
	nor.busy_reads = 50;
	assert_int_equal(cfi_erase(&chip, BLOCK), 0);
	assert_true(time_now() > 10 * NSEC_PER_MSEC); /* it slept, rather than spin */
	memset(data + 4096, 0xff, 4096);
	expect_data(BLOCK, data + 4096, 4096);
	expect_data(2 * BLOCK, data, 4096);
	assert_int_equal(nor.erases[1], 1);
}

static void test_failures(void **state)
{
	(void)state;
	probe();
	nor.bad[1] = NOR_PROGRAM_FAILS;
	nor.bad[2] = NOR_ERASE_FAILS;
	assert_int_equal(cfi_program(&chip, BLOCK, data, 4096), -EIO);
	assert_int_equal(cfi_erase(&chip, 2 * BLOCK), -EIO);
	/* Error bits do not stick to the next operation. */
	assert_int_equal(cfi_program(&chip, 0, data, 4096), 0);
	assert_int_equal(cfi_erase(&chip, 3 * BLOCK), 0);
	expect_data(0, data, 4096);
	nor.read_only = true;
	assert_int_equal(cfi_program(&chip, 3 * BLOCK, data, 4096), amd ? -EROFS : -EIO);
	if (!amd) /* the others say nothing: the store looks */
		assert_int_equal(cfi_erase(&chip, 3 * BLOCK), -EIO);
	expect_data(0, data, 4096);
}

static void pass_time(struct nor *n)
{
	(void)n;
	mock_time_advance(10 * NSEC_PER_USEC);
}

static void test_slow_program_sleeps(void **state)
{
	(void)state;
	probe();
	nor.busy_reads = 30;
	nor.on_busy = pass_time;
	assert_int_equal(cfi_program(&chip, 0, data, 4096), 0);
	assert_true(time_now() >
		    500 * NSEC_PER_USEC); /* 20 looks of 10 us, then sleeps of 100 us */
	expect_data(0, data, 4096);
}

static void test_time_outs(void **state)
{
	uint64_t start;

	(void)state;
	probe();
	nor.busy_reads = 1u << 30;
	nor.on_busy = pass_time;
	assert_int_equal(cfi_program(&chip, 0, data, 4096), -EIO);
	assert_true(time_now() >= chip.program_max_ns && time_now() < 4 * chip.program_max_ns);
	assert_non_null(strstr(mock_log(), "does not end"));
	nor_power_on(&nor);
	probe();
	start = time_now();
	mock_log_clear();
	assert_int_equal(cfi_erase(&chip, BLOCK), -EIO);
	assert_in_range(time_now() - start, chip.erase_max_ns, 2 * chip.erase_max_ns);
	assert_non_null(strstr(mock_log(), "does not end"));
}

/* Chips that are at work for ever show no contents: nobody takes what they show for some. When they
 * come to an end after all, they are used again. */
static void test_stuck(void **state)
{
	(void)state;
	probe();
	assert_int_equal(cfi_program(&chip, 0, data, 4096), 0);
	for (unsigned erase = 0; erase < 2; erase++) {
		nor.on_busy = pass_time;
		nor.busy_reads = 1u << 30;
		if (erase)
			assert_int_equal(cfi_erase(&chip, 2 * BLOCK), -EIO);
		else
			assert_int_equal(cfi_program(&chip, BLOCK, data, 4096), -EIO);
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(cfi_read(&chip, 0, back, 4096), -ENODEV);
			assert_int_equal(cfi_program(&chip, 3 * BLOCK, data, 4096), -ENODEV);
			assert_int_equal(cfi_erase(&chip, 3 * BLOCK), -ENODEV);
		}
		nor.busy_reads = nor.busy_left = 0;
		expect_data(0, data, 4096);
		assert_int_equal(cfi_program(&chip, (3 + erase) * BLOCK, data, 4096), 0);
		expect_data((3 + erase) * BLOCK, data, 4096);
	}
}

/* Chips that show data where a status is due, with bit 7 set: no success. */
static uint32_t array_falls_back(const struct cfi_bus *bus, size_t offset)
{
	(void)bus;
	(void)offset;
	return 0xffffffff;
}

static void test_data_is_no_status(void **state)
{
	static const struct cfi_bus odd = { array_falls_back, nothing_write, NULL };

	(void)state;
	probe();
	chip.bus = &odd;
	assert_int_equal(chip.commands->status(&chip, 0), -EIO);
}

static void test_locked_blocks(void **state)
{
	(void)state;
	nor.locks = true;
	probe();
	assert_true(chip.must_unlock);
	assert_int_equal(cfi_erase(&chip, BLOCK), 0);
	assert_int_equal(cfi_program(&chip, 2 * BLOCK, data, 4096), 0);
	expect_data(2 * BLOCK, data, 4096);
	chip.must_unlock = false;
	assert_int_equal(cfi_erase(&chip, 3 * BLOCK), -EROFS);
	assert_int_equal(cfi_program(&chip, 3 * BLOCK, data, 4096), -EROFS);
}

/* The same word by word. */
static void test_locked_blocks_without_buffer(void **state)
{
	(void)state;
	nor.locks = true;
	nor.buffer = 0;
	probe();
	chip.must_unlock = false;
	assert_int_equal(cfi_program(&chip, 3 * BLOCK, data, 4096), -EROFS);
	assert_false(chip.stuck);
}

/* ---- A reader during an erase ---- */

static unsigned reads_in_erase;

/* The eraser sleeps: another task comes to read. It finds the mode lock taken, so it waits for it:
 * here the lock's wait is played by hand. */
static void reader_comes(void)
{
	if (!mutex_trylock(&chip.lock)) {
		atomic_inc(&chip.waiting);
		if (chip.can_suspend)
			waitq_wake_all(&chip.wanted);
		return;
	}
	mutex_unlock(&chip.lock);
}

/* A bus that lets the reader in. In the model an unlock hands over to nobody, so the reader reads
 * when the eraser asks for the lock again: mode is array by then. */
static void array_seen(const struct cfi_bus *bus, size_t offset, uint32_t v)
{
	nor.bus.write(&nor.bus, offset, v);
	(void)bus;
	if (v == (amd ? 0x00f000f0 : 0x00ff00ff) && nor.suspended) {
		nor.bus.copy(&nor.bus, 0, back, 1024);
		reads_in_erase++;
		atomic_dec(&chip.waiting);
	}
}

static uint32_t pass_read(const struct cfi_bus *bus, size_t offset)
{
	(void)bus;
	return nor.bus.read(&nor.bus, offset);
}

static void pass_copy(const struct cfi_bus *bus, size_t offset, void *buf, size_t words)
{
	(void)bus;
	nor.bus.copy(&nor.bus, offset, buf, words);
}

static const struct cfi_bus watched = { pass_read, array_seen, pass_copy };

static void test_reader_suspends_erase(void **state)
{
	(void)state;
	reads_in_erase = 0;
	nor.can_suspend = true;
	assert_int_equal(cfi_probe(&chip, &watched, "pflash1", nor.size), 0);
	assert_true(chip.can_suspend);
	assert_int_equal(cfi_program(&chip, 0, data, 4096), 0);
	nor.busy_reads = 10;
	mock_on_block = reader_comes;
	assert_int_equal(cfi_erase(&chip, BLOCK), 0);
	mock_on_block = NULL;
	assert_true(reads_in_erase > 0);
	assert_int_equal(nor.suspends, reads_in_erase);
	assert_memory_equal(back, data, 4096);
	assert_int_equal(nor.erases[1], 1);
	assert_int_equal(chip.waiting, 0);
	expect_data(0, data, 4096);
}

/* Chips take their time to stop: nothing else is said to them before. An erase that ends first was
 * not suspended, and is not resumed. */
static void test_suspension_takes_time(void **state)
{
	(void)state;
	reads_in_erase = 0;
	nor.can_suspend = true;
	assert_int_equal(cfi_probe(&chip, &watched, "pflash1", nor.size), 0);
	nor.busy_reads = 40;
	nor.suspend_reads = 5;
	mock_on_block = reader_comes;
	assert_int_equal(cfi_erase(&chip, BLOCK), 0);
	assert_true(reads_in_erase > 0);
	assert_int_equal(nor.suspends, reads_in_erase);
	nor.suspend_reads = 1000;
	assert_int_equal(cfi_erase(&chip, 2 * BLOCK), 0);
	assert_int_equal(nor.suspends, reads_in_erase);
	assert_int_equal(nor.erases[2], 1);
	mock_on_block = NULL;
	chip.waiting = 0; /* the reader that was too late */
}

static void one_reader_comes(void)
{
	if (chip.waiting == 0)
		reader_comes();
}

/* A chip that neither ends nor stops is given up when its time is over, whoever waits to read. */
static void test_hangs_beside_a_reader(void **state)
{
	uint64_t start;

	(void)state;
	nor.can_suspend = true;
	assert_int_equal(cfi_probe(&chip, &watched, "pflash1", nor.size), 0);
	nor.busy_reads = nor.suspend_reads = 1u << 30;
	nor.on_busy = pass_time;
	start = time_now();
	mock_on_block = one_reader_comes;
	assert_int_equal(cfi_erase(&chip, BLOCK), -EIO);
	mock_on_block = NULL;
	chip.waiting = 0;
	assert_in_range(time_now() - start, chip.erase_max_ns,
			chip.erase_max_ns + NSEC_PER_SEC / 20);
	nor_power_on(&nor);
}

/* The smaller blocks of such chips are said first and lie last. */
static void test_top_boot(void **state)
{
	(void)state;
	nor.top_boot = true;
	probe();
	assert_int_equal(chip.nregions, 2);
	assert_int_equal(chip.regions[0].start, 0);
	assert_int_equal(chip.regions[0].blocks, BLOCKS - 1);
	assert_int_equal(chip.regions[0].block_size, BLOCK);
	assert_int_equal(chip.regions[1].start, (BLOCKS - 1) * BLOCK);
	assert_int_equal(chip.regions[1].blocks, 8);
	assert_int_equal(chip.regions[1].block_size, BLOCK / 8);
	assert_non_null(cfi_region_of(&chip, (BLOCKS - 1) * BLOCK, BLOCK / 8));
	assert_null(cfi_region_of(&chip, 0, BLOCKS * BLOCK));
}

/* A program of what is protected is no success, though the chips do not complain; nor is one that
 * changes less than it should. */
static void test_silent_protection(void **state)
{
	(void)state;
	nor.locks = true;
	probe();
	assert_int_equal(cfi_program(&chip, BLOCK, data, 4096), -EROFS);
	nor.locks = false;
	assert_int_equal(cfi_program(&chip, BLOCK, data, 4096), 0);
	nor.bad[2] = NOR_STUCK;
	assert_int_equal(cfi_program(&chip, 2 * BLOCK, back, 4096), -EIO);
	expect_data(BLOCK, data, 4096);
}

/* One of two chips has failed, the other has not: the one's bits speak for both. */
static uint32_t one_failed(const struct cfi_bus *bus, size_t offset)
{
	static uint32_t bits;

	(void)bus;
	(void)offset;
	bits ^= 0x00400000;
	return bits | 0x00201234;
}

static void test_one_chip_fails(void **state)
{
	static const struct cfi_bus odd = { one_failed, nothing_write, NULL };

	(void)state;
	probe();
	chip.bus = &odd;
	assert_int_equal(chip.commands->status(&chip, 0), -EIO);
}

static void test_no_suspension_where_chips_cannot(void **state)
{
	(void)state;
	probe();
	nor.busy_reads = 10;
	mock_on_block = reader_comes;
	assert_int_equal(cfi_erase(&chip, BLOCK), 0);
	mock_on_block = NULL;
	assert_int_equal(nor.suspends, 0);
	assert_int_equal(nor.erases[1], 1);
}

/* ---- Parts ---- */

static void test_part(void **state)
{
	struct cfi_part part = { .name = "swap" };
	struct medium *m = &part.medium;

	(void)state;
	probe();
	assert_int_equal(cfi_part_init(&part, &chip, 100, BLOCK), -EINVAL);
	assert_int_equal(cfi_part_init(&part, &chip, 0, BLOCK + 8), -EINVAL);
	assert_int_equal(cfi_part_init(&part, &chip, 0, 0), -EINVAL);
	assert_int_equal(cfi_part_init(&part, &chip, BLOCK, BLOCKS * BLOCK), -EINVAL);
	assert_int_equal(cfi_part_init(&part, &chip, BLOCK, 2 * BLOCK), 0);
	assert_int_equal(m->size, 2 * BLOCK);
	assert_int_equal(m->erase_size, BLOCK);
	assert_int_equal(m->ops->program(m, 4096, data, 4096), 0);
	assert_memory_equal(nor.cells + BLOCK + 4096, data, 4096);
	assert_int_equal(m->ops->read(m, 4096, back, 4096), 0);
	assert_memory_equal(back, data, 4096);
	assert_int_equal(m->ops->erase(m, 0), 0);
	assert_int_equal(nor.erases[1], 1);
	/* Nothing outside can be reached. */
	assert_int_equal(m->ops->erase(m, 2 * BLOCK), -EINVAL);
	assert_int_equal(m->ops->erase(m, 4), -EINVAL);
	assert_int_equal(m->ops->read(m, 2 * BLOCK - 4, back, 8), -EINVAL);
	assert_int_equal(m->ops->program(m, UINT64_MAX - 3, data, 8), -EINVAL);
	m->read_only = true;
	assert_int_equal(m->ops->program(m, 0, data, 8), -EROFS);
	assert_int_equal(m->ops->erase(m, 0), -EROFS);
}

#define BOTH                                                                                       \
	TEST(test_query), TEST(test_no_flash), TEST(test_program_and_read),                        \
		TEST(test_word_programs), TEST(test_erase), TEST(test_failures),                   \
		TEST(test_slow_program_sleeps), TEST(test_stuck), TEST(test_time_outs),            \
		TEST(test_reader_suspends_erase), TEST(test_no_suspension_where_chips_cannot),     \
		TEST(test_part)

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest set_1[] = {
		BOTH,
		TEST(test_batch_stays_in_command_mode),
		TEST(test_data_is_no_status),
		TEST(test_locked_blocks),
		TEST(test_locked_blocks_without_buffer),
	};
	const struct CMUnitTest set_2[] = {
		BOTH,
		TEST(test_suspension_takes_time),
		TEST(test_hangs_beside_a_reader),
		TEST(test_top_boot),
		TEST(test_silent_protection),
		TEST(test_one_chip_fails),
	};
	int failed = cmocka_run_group_tests_name("set 1", set_1, NULL, NULL);

	amd = true;
	return failed + cmocka_run_group_tests_name("set 2", set_2, NULL, NULL);
}
