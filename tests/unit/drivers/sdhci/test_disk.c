// SPDX-License-Identifier: MIT
// SOURCES: drivers/sdhci/disk.c drivers/sdhci/sd.c drivers/sdhci/sdhci.c drivers/sdhci/transfer.c mm/dma.c
// SOURCES: kernel/block.c kernel/block_queue.c kernel/partition.c kernel/lib/format.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c tests/mock/block_layer.c
// SOURCES: tests/mock/sdhci.c tests/mock/sdhci_data.c tests/mock/sdcard.c
// SOURCES: tests/unit/drivers/sdhci/rig.c
// DEFINES: CONFIG_DEBUG=1
// SD cards below the real block layer, against the strict controller and card: every kind of both.
#include <stdlib.h>
#include <string.h>

#include "kernel/errno.h"
#include "mm/buddy.h"
#include "tests/unit/drivers/sdhci/rig.h"

#define BUFFER (300u << 10)

static uint8_t copy[BUFFER];

/* Writes and reads in requests of every length, from and to every kind of place. */
static void exercise(void)
{
	struct block_device *d = &disk->device;

	for (size_t n = 512; n <= BUFFER; n = n * 3 / 512 * 512 + 512) {
		uint64_t sector = n / 512 * 5 % 100;

		for (size_t i = 0; i < n; i++)
			memory[i] = (char)rand();
		memcpy(copy, memory, n);
		assert_int_equal(block_write(d, sector, memory, n), 0);
		assert_memory_equal(m.card.cells + sector * 512, copy, n);
		memset(memory, 0x33, n);
		assert_int_equal(block_read(d, sector, memory, n), 0);
		assert_memory_equal(memory, copy, n);
	}
	assert_int_equal(block_read(d, d->sectors - 8, memory, 4096), 0);
	assert_memory_equal(memory, m.card.cells + (d->sectors - 8) * 512, 4096);
	assert_int_equal(block_read(d, d->sectors, memory, 512), -EINVAL);
}

static void test_cards(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		m.card.blocks = i & 1;
		m.card.version1 = !(i & 1) && i & 2;
		m.card.four_lines = i & 4;
		m.card.high_speed = i & 8;
		m.card.cmd23 = i & 16;
		m.card.no_class10 = i & 32;
		m.fastest = 0;
		started();
		assert_int_equal(disk->device.sectors, SECTORS);
		assert_true(disk->device.can_discard && !disk->device.read_only);
		assert_int_equal(m.card.lines4, m.card.four_lines);
		exercise();
		assert_int_equal(m.fastest,
				 m.card.high_speed && !m.card.no_class10 && !m.card.version1
					 ? 50000000
					 : 25000000);
		assert_true(m.port_blocks == 0 && m.dma_transfers > 10);
		stop();
	}
}

static void test_port(void **state)
{
	(void)state;
	m.capabilities = NO_ADMA;
	for (unsigned i = 0; i < 8; i++) {
		m.eager = i & 1;
		m.version = 2 * (i >> 1 & 1);
		m.card.cmd23 = i & 4;
		started();
		exercise();
		assert_true(m.port_blocks > 1000 && m.dma_transfers == 0);
		stop();
	}
}

/* As long as the next block is ready, nobody sleeps. */
static void test_port_sleeps(void **state)
{
	(void)state;
	m.capabilities = NO_ADMA;
	m.eager = true;
	started();
	assert_int_equal(read_at(0, 128 << 10), 0);
	assert_int_equal(m.port_blocks, 256);
	assert_true(m.interrupts <= 3);
	stop();
	m.eager = false;
	started();
	assert_int_equal(read_at(0, 128 << 10), 0);
	assert_true(m.interrupts >= 256);
	stop();
}

/* Whoever reads 128 KB is told once; a write's CMD13 has an interrupt of its own. */
static void test_one_interrupt(void **state)
{
	(void)state;
	started();
	assert_int_equal(read_at(5, 128 << 10), 0);
	assert_int_equal(m.commands, 1);
	assert_int_equal(m.dma_transfers, 1);
	assert_int_equal(m.interrupts, 1);
	assert_int_equal(write_at(5, 128 << 10), 0);
	assert_int_equal(m.commands, 3);
	assert_int_equal(m.dma_transfers, 2);
	assert_int_equal(m.interrupts, 3);
	stop();
}

/* Coherent or not, memory in reach or not, writes that must keep their distance or not, with a card
 * detector or without. */
static void test_hosts(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		m.coherent = i & 1;
		m.reach = mock_options.ram / (i & 2 ? 2 : 1);
		m.slow = i & 4;
		m.detects = i & 8;
		started();
		assert_int_equal(disk->host.bounce != NULL, (i & 2) != 0);
		if (disk->host.bounce) /* what its last owner left in the caches */
			memset(page_to_virt(disk->host.bounce), 0x77, BLOCK_REQUEST_MAX);
		assert_int_equal(read_at(20, 65536), 0);
		assert_memory_equal(memory, m.card.cells + 20 * 512, 65536);
		exercise();
		memory = mock_ram + (30 << 20); /* within reach */
		exercise();
		/* Half of it. */
		memory = mock_ram + (32 << 20) - 4096;
		exercise();
		memory = mock_ram + (48 << 20);
		stop();
	}
}

/* A request of many pieces; every third, beginning with `far`, is in the upper half. */
static void pieces(unsigned far)
{
	struct block_segment s[32];
	struct block_request r = { .op = BLOCK_WRITE, .sector = 77, .segments = s };

	started();
	r.device = &disk->device;
	for (unsigned i = 0; i < 32; i++) {
		s[i] = (struct block_segment){
			mock_ram + ((i % 3 == far ? 40 : 20) << 20) + i * 8192, 512 + i % 7 * 512
		};
		memset(s[i].kva, (int)i + 1, s[i].bytes);
		r.sectors += s[i].bytes / 512;
	}
	r.nsegments = 32;
	assert_int_equal(block_submit_wait(&r), 0);
	r.op = BLOCK_READ;
	for (unsigned i = 0; i < 32; i++)
		memset(s[i].kva, 0, s[i].bytes);
	assert_int_equal(block_submit_wait(&r), 0);
	for (unsigned i = 0, at = 77 * 512; i < 32; at += s[i++].bytes) {
		assert_memory_equal(s[i].kva, m.card.cells + at, s[i].bytes);
		assert_int_equal(m.card.cells[at], i + 1);
	}
	stop();
}

/* All in reach, each with a descriptor of its own; all but some, the first among them or not. */
static void test_pieces(void **state)
{
	(void)state;
	pieces(0);
	m.reach = mock_options.ram / 2;
	for (unsigned far = 0; far < 3; far++)
		pieces(far);
}

/* Descriptors hold 32 bits: of RAM that lies across the end of those on the bus, the part below is
 * in reach, and of RAM beyond nothing. */
static void test_end_of_bus(void **state)
{
	(void)state;
	m.bus_offset = ((uint64_t)1 << 32) - mock_options.ram / 2;
	started();
	assert_non_null(disk->host.bounce);
	exercise();
	assert_int_equal(m.port_blocks, 0);
	stop();
	m.bus_offset = (uint64_t)3 << 31;
	started();
	assert_null(disk->host.table);
	exercise();
	assert_int_equal(m.dma_transfers, 0);
	stop();
}

static void test_no_memory(void **state)
{
	(void)state;
	m.reach = mock_options.ram / 2;
	for (unsigned n = 1; n <= 2; n++) {
		uint32_t frames = frames_free();

		mock_fail_allocation(n);
		assert_int_equal(begin(), 0); /* without DMA, then */
		assert_true(mock_failed_allocation());
		assert_true(!disk->host.table && !disk->host.bounce);
		assert_int_equal(frames_free(), frames);
		assert_int_equal(block_register(&disk->device), 0);
		m.dma_transfers = 0;
		exercise();
		assert_int_equal(m.dma_transfers, 0);
		stop();
	}
}

static void refused(int err)
{
	uint32_t frames = frames_free();

	assert_int_equal(start(), err);
	assert_int_equal(frames_free(), frames);
	mock_sdcard_power(&m.card, false);
}

static void test_refused(void **state)
{
	(void)state;
	m.card.other_voltage = true;
	refused(-EINVAL);
	m.card.other_voltage = false;
	m.card.wrong_echo = true;
	refused(-EINVAL);
	m.card.wrong_echo = false;
	m.card.csd_version3 = true;
	refused(-EINVAL);
	m.card.csd_version3 = false;
	m.card.locked = true;
	refused(-EINVAL);
	m.card.locked = false;
	m.card.start_polls = 100000;
	refused(-EINVAL);
	m.card.start_polls = 150;
	started();
	stop();
	m.card.present = false;
	refused(-ENODEV);
	m.detects = false; /* tries */
	refused(-ENODEV);
	m.card.present = true;
	started();
	stop();
	m.no_stable_clock = true;
	refused(-EIO);
	m.no_stable_clock = false;
	m.no_reset = true;
	refused(-ENODEV);
	m.no_reset = false;
	m.capabilities &= ~0xff00u;
	refused(-ENODEV);
}

/* Before version 3.00 the clock is divided by powers of two, and a fast one by more than eight bits
 * hold. */
static void test_clock(void **state)
{
	(void)state;
	m.capabilities = (ADMA & ~0xff00u) | 250 << 8;
	started();
	assert_true(m.fastest > 40000000 && m.fastest <= 50000000);
	stop();
	m.fastest = 0;
	m.capabilities = ADMA;
	m.version = 1;
	m.capabilities &= ~0xc000u; /* six bits of MHz: 36 */
	started();
	assert_true(m.fastest <= 50000000);
	stop();
}

static void test_write_protection(void **state)
{
	(void)state;
	m.switch_protects = true;
	started();
	assert_int_equal(write_at(0, 512), -EROFS);
	assert_int_equal(read_at(0, 512), 0);
	stop();
	m.switch_protects = false;
	m.card.protected_ = true;
	started();
	assert_int_equal(write_at(0, 512), -EROFS);
	stop();
}

static void test_erase(void **state)
{
	uint64_t before;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		m.card.blocks = i;
		fill();
		started();
		assert_int_equal(block_discard(&disk->device, 10, 20), 0);
		for (unsigned s = 8; s < 32; s++)
			assert_int_equal(m.card.cells[s * 512] == 0xff &&
						 m.card.cells[s * 512 + 511] == 0xff,
					 s >= 10 && s < 30);
		stop();
	}
	m.card.guarded_sector = 40;
	started();
	assert_int_equal(block_discard(&disk->device, 39, 2), -EIO);
	good();
	/* Longer than a data transfer may pause. */
	m.card.busy_ns = 9 * SECOND;
	assert_int_equal(block_discard(&disk->device, 50, 2), 0);
	m.card.busy_ns = UINT64_MAX;
	before = time_now();
	assert_int_equal(block_discard(&disk->device, 50, 2), -EIO);
	assert_true(time_now() - before > 3 * 9 * SECOND); /* so long in each try */
	m.card.busy_ns = 0;
	good();
	stop();
	m.card.no_erase = true;
	started();
	assert_int_equal(block_discard(&disk->device, 50, 2), -EOPNOTSUPP);
	stop();
	m.card.no_erase = false;
	m.card.large_erase = true; /* would take the neighbours, too */
	started();
	assert_int_equal(block_discard(&disk->device, 50, 2), -EOPNOTSUPP);
	stop();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_cards),       TEST(test_port),
		TEST(test_port_sleeps), TEST(test_one_interrupt),
		TEST(test_hosts),       TEST(test_pieces),
		TEST(test_no_memory),   TEST(test_refused),
		TEST(test_clock),       TEST(test_write_protection),
		TEST(test_erase),       TEST(test_end_of_bus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
