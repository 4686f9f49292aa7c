// SPDX-License-Identifier: MIT
// SOURCES: drivers/sdhci/disk.c drivers/sdhci/sd.c drivers/sdhci/sdhci.c drivers/sdhci/transfer.c mm/dma.c
// SOURCES: kernel/block.c kernel/block_queue.c kernel/partition.c kernel/lib/format.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c tests/mock/block_layer.c
// SOURCES: tests/mock/sdhci.c tests/mock/sdhci_data.c tests/mock/sdcard.c
// SOURCES: tests/unit/drivers/sdhci/rig.c
// DEFINES: CONFIG_DEBUG=1
// SD cards that fail, go and come: every failure of each command that the controller or the card
// can tell of.
#include <stdlib.h>
#include <string.h>

#include "kernel/errno.h"
#include "mm/buddy.h"
#include "tests/unit/drivers/sdhci/rig.h"

static int operate(unsigned op)
{
	switch (op) {
	case 0: return read_at(40, 512);
	case 1: return read_at(40, 16384);
	case 2: return write_at(40, 512);
	case 3: return write_at(40, 16384);
	default: return block_discard(&disk->device, 40, 8);
	}
}

static bool applies(unsigned kind, unsigned op)
{
	bool data = kind >= SD_FAIL_DAT_TIMEOUT && kind <= SD_FAIL_ADMA, single = op % 2 == 0;

	if (kind >= SD_FAIL_LATE || (data && op == 4))
		return false;
	return (kind != SD_FAIL_AUTO_CMD || !single) && (kind != SD_FAIL_ADMA || disk->host.table);
}

/* Each failure of each command of each operation at each of a few blocks: once, it is not noticed;
 * for ever, it is said; afterwards all is well. */
static void each_failure(unsigned times, int expected)
{
	static const unsigned command[] = { 17, 18, 24, 25, 38 };

	unsigned resets = m.resets;

	for (unsigned kind = 1; kind < SD_FAILURES; kind++)
		for (unsigned op = 0; op < 5; op++)
			for (unsigned block = 0; block < 32; block += 31) {
				bool single = op % 2 == 0;

				if (single && block)
					continue;
				if (!applies(kind, op))
					continue;
				m.fail.kind = kind;
				m.fail.index = command[op];
				m.fail.after = 0;
				m.fail.times = times;
				m.fail.block = block;
				m.fail.bits = 1u << SD_CC_ERROR;
				if (operate(op) != expected)
					fail_msg("failure %u of operation %u at block %u", kind, op,
						 block);
				if (times == 1 && m.fail.times)
					fail_msg(
						"failure %u of operation %u at block %u did not come",
						kind, op, block);
				m.fail.times = 0;
				good();
			}
	assert_int_equal(m.resets, resets); /* the card was never lost */
}

static void test_failures(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		m.capabilities = i & 1 ? NO_ADMA : ADMA;
		m.card.cmd23 = i & 2;
		started();
		each_failure(1, 0);
		each_failure(2, 0);
		each_failure(1000000, -EIO);
		stop();
	}
	assert_non_null(strstr(mock_log(), "error"));
}

/* What the card refuses is not tried again. */
static void test_refusals(void **state)
{
	static const unsigned bits[] = { SD_OUT_OF_RANGE, SD_ADDRESS_ERROR, SD_BLOCK_LEN_ERROR,
					 SD_WP_VIOLATION, SD_ERASE_PARAM };

	(void)state;
	started();
	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
		m.fail.kind = SD_FAIL_STATUS;
		m.fail.index = 18;
		m.fail.after = 0;
		m.fail.times = 1;
		m.fail.bits = 1u << bits[i];
		assert_int_equal(read_at(0, 4096), -EIO);
		good();
	}
	stop();
	/* A card smaller than it says. */
	m.card.claimed = SECTORS + 2048;
	started();
	assert_int_equal(disk->device.sectors, SECTORS + 2048);
	assert_int_equal(read_at(SECTORS, 4096), -EIO);
	assert_int_equal(read_at(SECTORS - 4, 4096), -EIO);
	assert_int_equal(write_at(SECTORS, 512), -EIO);
	assert_int_equal(write_at(SECTORS - 4, 4096), -EIO);
	good();
	stop();
}

/* Every bit of the card status after a write, but the state's and the one for its being ready: what
 * the specification calls an error is one. */
static void test_status(void **state)
{
	static const uint8_t errors[] = { SD_OUT_OF_RANGE,   SD_ADDRESS_ERROR, SD_BLOCK_LEN_ERROR,
					  SD_ERASE_SEQUENCE, SD_ERASE_PARAM,   SD_WP_VIOLATION,
					  SD_LOCK_FAILED,    SD_COM_CRC,       SD_ILLEGAL,
					  SD_ECC_FAILED,     SD_CC_ERROR,      SD_ERROR,
					  SD_CSD_OVERWRITE,  SD_WP_ERASE_SKIP, SD_ERASE_RESET,
					  SD_AUTHENTICATION };

	(void)state;
	started();
	for (unsigned bit = 0; bit < 32; bit++) {
		int expected = memchr(errors, (int)bit, sizeof(errors)) ? -EIO : 0;

		if (bit >= 8 && bit <= 12)
			continue;
		m.fail.kind = SD_FAIL_STATUS;
		m.fail.index = 13;
		m.fail.after = 0;
		m.fail.times = 1000000;
		m.fail.bits = (uint32_t)1 << bit;
		if (write_at(40, 4096) != expected)
			fail_msg("bit %u of the card status", bit);
		m.fail.times = 0;
		good();
	}
	stop();
}

/* Errors that the card finds while it works: shown by what comes after. */
static void test_bad_sectors(void **state)
{
	uint64_t before;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		m.capabilities = i & 1 ? NO_ADMA : ADMA;
		m.card.cmd23 = i & 2;
		started();
		m.card.bad_sector = 45;
		for (unsigned op = 0; op < 4; op++) {
			m.card.bad_sector = op % 2 ? 45 : 40;
			m.card.bad_times = 2;
			assert_int_equal(operate(op), 0);
			assert_int_equal(m.card.bad_times, 0);
			assert_memory_equal(memory, m.card.cells + 40 * 512, 512);
			m.card.bad_times = 1000;
			before = time_now();
			assert_int_equal(operate(op), -EIO);
			assert_true(time_now() - before < 10 * SECOND);
			m.card.bad_times = 0;
			good();
		}
		m.card.guarded_sector = 45;
		assert_int_equal(write_at(45, 512), -EIO);
		assert_int_equal(write_at(40, 4096), -EIO);
		m.card.guarded_sector = UINT64_MAX;
		good();
		stop();
	}
}

static void test_busy(void **state)
{
	(void)state;
	started();
	m.card.busy_ns = 900 * NSEC_PER_MSEC;
	good();
	m.card.busy_ns = 0;
	for (unsigned how = SD_BUSY_PROGRAM; how < SD_BUSIES; how++) {
		m.card.stays_busy = how;
		assert_int_equal(write_at(0, 512), -EIO);
		m.card.stays_busy = SD_BUSY_NOT;
		good();
	}
	stop();
}

/* Each failure of each command that identifies: it begins again. */
static void test_identification_failures(void **state)
{
	static const unsigned commands[] = { 0, 8, 55, 41, 2, 3, 9, 7, 51, 6 };
	struct block_segment s = { memory, 8192 };
	struct block_request r = {
		.op = BLOCK_READ, .disk_sector = 100, .sectors = 16, .segments = &s, .nsegments = 1
	};

	(void)state;
	for (unsigned kind = 1; kind < SD_FAILURES; kind++)
		for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
			for (unsigned after = 0; after < 2; after++) {
				bool data = commands[i] == 51 || commands[i] == 6;
				int err;

				if (kind == SD_FAIL_AUTO_CMD || kind == SD_FAIL_ADMA ||
				    (!data && kind >= SD_FAIL_DAT_TIMEOUT &&
				     kind <= SD_FAIL_CURRENT))
					continue;
				m.fail.kind = kind;
				m.fail.index = commands[i];
				m.fail.after = after;
				m.fail.times = 1;
				m.fail.bits = 1u << SD_CC_ERROR;
				m.card.present = true;
				mock_sdcard_power(&m.card, false);
				err = begin();
				if (!err) {
					assert_int_equal(sd_transfer(&disk->card, &r), 0);
					hw_dma_invalidate(memory, 8192);
					assert_memory_equal(memory, m.card.cells + 51200, 8192);
					sd_disk_stop(disk);
				}
				/* Nobody asks a second time whether there is a card. */
				if (err && kind != SD_FAIL_REMOVAL &&
				    (kind != SD_FAIL_CMD_TIMEOUT ||
				     (commands[i] != 55 && commands[i] != 41 && commands[i] != 8)))
					fail_msg("failure %u of command %u: %d", kind, commands[i],
						 err);
				m.fail.times = 0;
			}
}

/* ---- Cards that go and come ---- */

static void test_removal(void **state)
{
	uint64_t before;
	unsigned resets;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		m.capabilities = i & 1 ? NO_ADMA : ADMA;
		m.detects = i & 2;
		started();
		m.fail.kind = SD_FAIL_REMOVAL;
		m.fail.index = i & 4 ? 25 : 18;
		m.fail.block = 3;
		m.fail.times = 1;
		before = time_now();
		assert_int_equal(i & 4 ? write_at(8, 16384) : read_at(8, 16384), -ENODEV);
		assert_int_equal(m.fail.times, 0);
		assert_true(!m.detects || time_now() - before < SECOND);
		for (unsigned n = 0; n < 3; n++)
			assert_int_equal(operate(n), -ENODEV);
		mock_sdhci_insert(&m);
		good();
		resets = m.resets;
		good();
		assert_int_equal(m.resets, resets);
		/* While nobody looks. */
		mock_sdhci_remove(&m);
		mock_sdhci_insert(&m);
		good();
		mock_sdhci_remove(&m);
		assert_int_equal(read_at(0, 512), -ENODEV);
		m.card.cid[3] ^= 1;
		mock_sdhci_insert(&m);
		assert_int_equal(read_at(0, 512), -ENODEV);
		assert_int_equal(write_at(0, 512), -ENODEV);
		assert_non_null(strstr(mock_log(), "another card"));
		mock_sdhci_remove(&m);
		m.card.cid[3] ^= 1;
		mock_sdhci_insert(&m);
		good();
		stop();
		mock_log_clear();
	}
}

/* A card that was away may have been elsewhere: who keeps copies of what lay on it neither reads
 * nor writes until it has begun anew; others go on. */
static void test_was_away(void **state)
{
	struct block_segment s = { memory, SECTOR_SIZE };
	struct block_request look = {
		.op = BLOCK_READ, .sectors = 1, .segments = &s, .nsegments = 1
	};
	struct block_device *d;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		m.detects = i & 1;
		started();
		look.device = d = &disk->device;
		assert_int_equal(block_claim(d, "a file system"), 0);
		block_bind(d, block_returns(d));
		good();
		mock_sdhci_remove(&m);
		if (i & 2) /* somebody sees it */
			assert_int_equal(read_at(0, 512), -ENODEV);
		mock_sdhci_insert(&m);
		m.card.writes = m.card.erases = 0;
		for (unsigned n = 5; n-- > 0;)
			assert_int_equal(operate(n), n < 4 ? -ENODEV : -EIO);
		assert_int_equal(m.card.writes + m.card.erases, 0);
		look.anew = true; /* to see whether it is the same */
		assert_int_equal(block_submit_wait(&look), 0);
		block_release(d);
		good();
		assert_int_equal(block_claim(d, "a file system"), 0);
		block_bind(d, block_returns(d));
		good();
		block_release(d);
		stop();
	}
}

/* The card comes back with its switch set, and without it. */
static void test_back_protected(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		m.detects = i & 1;
		started();
		mock_sdhci_remove(&m);
		if (i & 2) /* somebody sees it */
			assert_int_equal(read_at(0, 512), -ENODEV);
		m.switch_protects = true;
		mock_sdhci_insert(&m);
		m.card.writes = m.card.erases = 0;
		assert_int_equal(write_at(0, 4096), -EROFS);
		assert_int_equal(block_discard(&disk->device, 0, 8), -EROFS);
		assert_int_equal(read_at(100, 8192), 0);
		assert_memory_equal(memory, m.card.cells + 51200, 8192);
		assert_int_equal(write_at(0, 512), -EROFS);
		assert_true(m.card.writes == 0 && m.card.erases == 0);
		assert_non_null(strstr(mock_log(), "again, read-only"));
		mock_sdhci_remove(&m);
		m.switch_protects = false;
		mock_sdhci_insert(&m);
		good();
		stop();
		mock_log_clear();
	}
}

/* A request that the layer has given up is not carried out after all. */
static void test_reset(void **state)
{
	struct block_segment s = { memory, 4096 };
	struct block_request r = {
		.op = BLOCK_READ, .disk_sector = 100, .sectors = 8, .segments = &s, .nsegments = 1
	};

	(void)state;
	started();
	r.device = &disk->device;
	assert_int_equal(disk->device.ops->start(&disk->device, &r), 0);
	assert_int_equal(disk->device.ops->reset(&disk->device), 0);
	disk->device.ops->collect(&disk->device);
	assert_int_equal(m.commands, 0);
	good();
	stop();
}

/* What a controller that cannot be stopped may still use stays with it. */
static void test_stop_fails(void **state)
{
	uint32_t frames = frames_free(), held;

	(void)state;
	assert_int_equal(begin(), 0);
	held = frames_free();
	m.no_reset = true;
	sd_disk_stop(disk);
	assert_true(disk->host.table && frames_free() == held);
	m.no_reset = false;
	sd_disk_stop(disk);
	assert_true(!disk->host.table && frames_free() == frames);
}

/* A controller that cannot be stopped may still write: its request does not end, and nothing more
 * is begun. */
static void test_unstoppable(void **state)
{
	static struct block_segment s;
	static struct block_request r; /* for good */

	(void)state;
	started();
	m.fail.kind = SD_FAIL_SILENCE;
	m.fail.index = 18;
	m.fail.times = 1;
	m.no_line_reset = m.no_reset = true;
	s = (struct block_segment){ memory, 4096 };
	r = (struct block_request){ .device = &disk->device,
				    .op = BLOCK_READ,
				    .sectors = 8,
				    .segments = &s,
				    .nsegments = 1 };
	block_submit(&r);
	others();
	others();
	assert_true(disk->stuck);
	assert_ptr_equal(disk->request, &r);
	assert_int_equal(read_at(0, 512), -ENODEV);
}

/* All data is there, and the time is up: it is there. */
static void test_late(void **state)
{
	(void)state;
	started();
	m.fail.kind = SD_FAIL_LATE;
	m.fail.index = 18;
	m.fail.times = 1;
	assert_int_equal(read_at(0, 4096), 0);
	assert_int_equal(m.fail.times, 0);
	assert_int_equal(m.commands, 1);
	m.status = 1u << 20; /* after that: it is nothing to the next command */
	assert_int_equal(read_at(0, 4096), 0);
	assert_int_equal(m.commands, 2);
	stop();
}

/* Lines that cannot be reset: the whole controller is, and the card identified anew. */
static void test_lines_stuck(void **state)
{
	unsigned resets;

	(void)state;
	started();
	resets = m.resets;
	m.no_line_reset = true;
	m.fail.kind = SD_FAIL_SILENCE;
	m.fail.index = 25;
	m.fail.times = 1;
	good();
	assert_int_equal(m.fail.times, 0);
	assert_true(m.resets > resets);
	m.no_line_reset = false;
	stop();
}

static void test_shared_interrupt(void **state)
{
	(void)state;
	started();
	assert_false(sdhci_interrupt(&disk->host)); /* another's */
	stop();
}

/* Random requests with random failures: what was said to have worked has. */
static void test_random(void **state)
{
	static uint8_t expected[64 * 512];
	static bool known[64];

	(void)state;
	started();
	memset(known, 0, sizeof(known));
	for (unsigned round = 0; round < 3000; round++) {
		unsigned at = (unsigned)rand() % 64, n = 1 + (unsigned)rand() % (64 - at);

		m.fail.kind = rand() % SD_FAIL_REMOVAL;
		m.fail.index = (unsigned)(int[]){ 17, 18, 24, 25, 12, 13, 0, 7 }[rand() % 8];
		m.fail.after = 0;
		m.fail.times = rand() % 4;
		m.fail.block = (unsigned)rand() % n;
		m.fail.bits = 1u << (rand() % 20 + 12) & 0xfdf9a008;
		if (rand() % 2) {
			for (unsigned i = 0; i < n * 512; i++)
				memory[i] = (char)rand();
			bool done = block_write(&disk->device, 1000 + at, memory, n * 512) == 0;
			for (unsigned i = 0; i < n; i++) {
				known[at + i] = done;
				memcpy(expected + (at + i) * 512, memory + i * 512, 512);
			}
		} else if (read_at(1000 + at, n * 512) == 0) {
			for (unsigned i = 0; i < n; i++)
				if (known[at + i])
					assert_memory_equal(memory + i * 512,
							    expected + (at + i) * 512, 512);
		}
	}
	m.fail.times = 0;
	good();
	stop();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_failures),    TEST(test_refusals),    TEST(test_status),
		TEST(test_bad_sectors), TEST(test_busy),        TEST(test_identification_failures),
		TEST(test_removal),     TEST(test_was_away),    TEST(test_back_protected),
		TEST(test_reset),       TEST(test_stop_fails),  TEST(test_unstoppable),
		TEST(test_late),        TEST(test_lines_stuck), TEST(test_shared_interrupt),
		TEST(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
